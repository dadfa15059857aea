-- Points. available and frozen of an account move only together with a row in the ledger, in the same SQL
-- transaction; their sums over the ledger are the account.
create table account (
    user_id   text    not null primary key,
    -- Points that can be spent.
    available integer not null check (available >= 0),
    -- Points set aside by tries that wait for phase two.
    frozen    integer not null check (frozen >= 0)
) strict;

create table ledger (
    id              integer not null primary key autoincrement,
    user_id         text    not null references account (user_id),
    -- The order as the caller names it; null for a seed, which belongs to none.
    order_ref       text,
    -- 1 seed, 2 freeze, 3 spend, 4 unfreeze.
    kind            integer not null check (kind between 1 and 4),
    -- Tells entries of one order and kind apart: 0 for a spend, the refund's own id for refunds.
    number          integer not null,
    available_delta integer not null,
    frozen_delta    integer not null,
    created_at      integer not null,
    -- An order's points are frozen, spent and given back once each, whatever transaction asks.
    unique (order_ref, kind, number)
) strict;

create index ledger_of_account on ledger (user_id, id);
