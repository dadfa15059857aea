//! The tables of the tests on MySQL and MariaDB.

pub(crate) const WALLET: &str = "
create table wallet (
    id        varchar(64) character set ascii collate ascii_bin not null primary key,
    available bigint not null check (available >= 0),
    frozen    bigint not null check (frozen >= 0),
    spent     bigint not null check (spent >= 0),
    version   bigint not null
) engine = InnoDB";
