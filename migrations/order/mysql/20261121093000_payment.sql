-- Payments from outside. One row an attempt; an order has many over time.
create table payment (
    payment_no   varchar(64) character set ascii collate ascii_bin not null primary key,
    order_no     varchar(64) character set ascii collate ascii_bin not null,
    amount_cents bigint not null check (amount_cents > 0),
    -- 1 started, 2 failed, 3 being accepted, 4 accepted, 5 its money goes back.
    state        bigint not null check (state between 1 and 5),
    -- Where the buyer pays; empty until the payment service has told it.
    redirect_url varchar(2000) not null,
    -- How many of its transactions were cancelled: part of the next one's gid.
    round        bigint not null,
    -- When the payment service is told of it again; null once it has answered.
    due_at       bigint,
    attempts     bigint not null,
    created_at   bigint not null,
    key payment_of_order (order_no),
    key payment_by_due (due_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
