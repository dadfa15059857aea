-- Payments: one row an attempt, many to one order. All that is open has a time at which somebody looks after it
-- (ask_at, report_at, due_at); null means that nothing is to be done. The indexes on them are the table of deadlines.
create table payment (
    payment_no      text not null primary key,
    order_no        text not null,
    user_id         text not null,
    amount_cents    integer not null check (amount_cents > 0),
    -- 1 pending, 2 succeeded, 3 failed.
    state           integer not null check (state between 1 and 3),
    -- The provider's; empty until it knows the payment.
    provider_no     text not null,
    redirect_url    text not null,
    -- Set aside by refunds that wait for phase two.
    refunding_cents integer not null check (refunding_cents >= 0),
    -- Refunds that are owed or done.
    refunded_cents  integer not null check (refunded_cents >= 0),
    asks            integer not null,
    ask_at          integer,
    reports         integer not null,
    report_at       integer,
    -- What the order service said: 0 nothing yet, 1 accepted, 2 refund.
    verdict         integer not null check (verdict between 0 and 2),
    -- What a person should look at.
    attention       text,
    created_at      integer not null,
    ended_at        integer,
    -- The last line of defence: the updates look at it themselves.
    check (refunding_cents + refunded_cents <= amount_cents)
) strict;
create index payment_of_order on payment (order_no, payment_no);
create index payment_to_ask on payment (ask_at);
create index payment_to_report on payment (report_at);

-- Refunds that wait for phase two, are owed, or are done. A cancelled one is deleted.
create table refund (
    payment_no   text not null,
    refund_no    text not null,
    amount_cents integer not null check (amount_cents > 0),
    -- 1 reserved, 2 owed, 3 done.
    state        integer not null check (state between 1 and 3),
    attempts     integer not null,
    due_at       integer,
    attention    text,
    created_at   integer not null,
    primary key (payment_no, refund_no)
) strict;
create index refund_due on refund (due_at);

-- What came in the provider's name, and what was made of it. Forged ones say what they like.
create table notice (
    id           integer not null primary key autoincrement,
    payment_no   text not null,
    order_no     text not null,
    amount_cents integer not null,
    outcome      text not null,
    -- 1 taken, 2 repeated, 3 late, 4 forged, 5 wrong amount, 6 wrong order, 7 unknown, 8 unreadable.
    verdict      integer not null check (verdict between 1 and 8),
    reason       text not null,
    received_at  integer not null
) strict;
create index notice_of_payment on notice (payment_no, id);
