//! The tables of the tests on SQLite.

pub(crate) const WALLET: &str = "
create table wallet (
    id        text    not null primary key,
    available integer not null check (available >= 0),
    frozen    integer not null check (frozen >= 0),
    spent     integer not null check (spent >= 0),
    version   integer not null
) strict";
