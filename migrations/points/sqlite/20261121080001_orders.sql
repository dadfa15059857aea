-- Grants, refunds, and several spends of one order. The ledger is made anew: its key gains entry_no, its kinds two more.
create table ledger_anew (
    id              integer not null primary key autoincrement,
    user_id         text    not null references account (user_id),
    -- The order as the caller names it; null for a seed, which belongs to none.
    order_ref       text,
    -- 1 seed, 2 freeze, 3 spend, 4 unfreeze, 5 grant, 6 refund.
    kind            integer not null check (kind between 1 and 6),
    -- Always 0.
    number          integer not null,
    -- Tells entries of one order and kind apart: the refund_no of a refund, the spend_no of a spend, else empty.
    entry_no        text    not null,
    available_delta integer not null,
    frozen_delta    integer not null,
    created_at      integer not null,
    -- Each movement of an order is written once, whatever transaction asks.
    unique (order_ref, kind, entry_no)
) strict;

insert into ledger_anew (id, user_id, order_ref, kind, number, entry_no, available_delta, frozen_delta, created_at)
select id, user_id, order_ref, kind, number, '', available_delta, frozen_delta, created_at from ledger;

drop table ledger;

alter table ledger_anew rename to ledger;

create index ledger_of_account on ledger (user_id, id);

-- What an account spent for an order, and what of it came back. Changed in the SQL transaction that writes the ledger.
create table order_points (
    order_no  text    not null,
    user_id   text    not null,
    spent     integer not null check (spent >= 0),
    -- Set aside by refunds that wait for phase two.
    refunding integer not null check (refunding >= 0),
    refunded  integer not null check (refunded >= 0),
    primary key (order_no, user_id),
    -- The last line of defence: the updates look at it themselves.
    check (refunding + refunded <= spent)
) strict;

insert into order_points (order_no, user_id, spent, refunding, refunded)
select order_ref, user_id, sum(-frozen_delta), 0, 0 from ledger where kind = 3 group by order_ref, user_id;

-- Refunds that wait for phase two, and those that are done, so that a number is used once. A cancelled one is deleted.
create table refund (
    order_no   text    not null,
    refund_no  text    not null,
    user_id    text    not null,
    points     integer not null check (points > 0),
    created_at integer not null,
    primary key (order_no, refund_no)
) strict;
