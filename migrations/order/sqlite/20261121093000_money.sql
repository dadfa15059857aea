-- Payments from outside, and refunds. One row an attempt; an order has many over time.
create table payment (
    payment_no   text    not null primary key,
    order_no     text    not null,
    amount_cents integer not null check (amount_cents > 0),
    -- 1 started, 2 failed, 3 being accepted, 4 accepted, 5 its money goes back.
    state        integer not null check (state between 1 and 5),
    -- Where the buyer pays; empty until the payment service has told it.
    redirect_url text    not null,
    -- How many of its transactions were cancelled: part of the next one's gid.
    round        integer not null,
    -- When the payment service is told of it again; null once it has answered.
    due_at       integer,
    attempts     integer not null,
    created_at   integer not null
) strict;

create index payment_of_order on payment (order_no);

create index payment_by_due on payment (due_at);

create table refund (
    refund_no    text    not null primary key,
    order_no     text    not null,
    request_id   text    not null,
    reason       text    not null,
    -- 1 asked, 2 rejected, 3 done, 4 approved: its transaction is under way.
    state        integer not null check (state between 1 and 4),
    is_return    integer not null check (is_return in (0, 1)),
    amount_cents integer not null check (amount_cents >= 0),
    points       integer not null check (points >= 0),
    pieces       integer not null check (pieces >= 0),
    -- How many of its transactions were cancelled: part of the next one's gid.
    round        integer not null,
    -- When its transaction is driven on; null unless it is approved.
    due_at       integer,
    attempts     integer not null,
    created_at   integer not null,
    unique (order_no, request_id)
) strict;

create index refund_by_due on refund (due_at);
