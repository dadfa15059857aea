-- Payments: one row an attempt, many to one order. All that is open has a time at which somebody looks after it
-- (ask_at, report_at, due_at); null means that nothing is to be done. The indexes on them are the table of deadlines.
-- The columns are those of SQLite's table.
create table payment (
    payment_no      varchar(64) character set ascii collate ascii_bin not null primary key,
    order_no        varchar(64) character set ascii collate ascii_bin not null,
    user_id         varchar(64) character set ascii collate ascii_bin not null,
    amount_cents    bigint not null check (amount_cents > 0),
    -- 1 pending, 2 succeeded, 3 failed.
    state           bigint not null check (state between 1 and 3),
    -- The provider's; empty until it knows the payment.
    provider_no     varchar(128) not null,
    redirect_url    varchar(1024) not null,
    -- Set aside by refunds that wait for phase two.
    refunding_cents bigint not null check (refunding_cents >= 0),
    -- Refunds that are owed or done.
    refunded_cents  bigint not null check (refunded_cents >= 0),
    asks            bigint not null,
    ask_at          bigint,
    reports         bigint not null,
    report_at       bigint,
    -- What the order service said: 0 nothing yet, 1 accepted, 2 refund.
    verdict         bigint not null check (verdict between 0 and 2),
    -- What a person should look at.
    attention       varchar(512),
    created_at      bigint not null,
    ended_at        bigint,
    index payment_of_order (order_no, payment_no),
    index payment_to_ask (ask_at),
    index payment_to_report (report_at),
    -- The last line of defence: the updates look at it themselves.
    constraint refunds_are_paid check (refunding_cents + refunded_cents <= amount_cents)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
