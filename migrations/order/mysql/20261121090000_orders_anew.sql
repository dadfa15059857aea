-- The orders are made anew: they have more states, and what campaigns and payments need.
create table orders_anew (
    -- Begins with the time in milliseconds; the rest is random.
    order_no        varchar(64) character set ascii collate ascii_bin not null primary key,
    -- The submission's idempotency key: one order for each, for ever.
    request_id      varchar(64) character set ascii collate ascii_bin not null unique,
    gid             varchar(128) character set ascii collate ascii_bin not null,
    branch          varchar(64) character set ascii collate ascii_bin not null,
    user_id         varchar(64) character set ascii collate ascii_bin not null,
    sku             varchar(64) character set ascii collate ascii_bin not null,
    quantity        bigint not null check (quantity > 0),
    -- Points spent when it was placed.
    points          bigint not null check (points >= 0),
    -- As state.rs numbers them.
    state           bigint not null check (state between 1 and 17),
    created_at      bigint not null,
    updated_at      bigint not null,
    campaign_id     varchar(64) character set ascii collate ascii_bin,
    -- What it costs besides, in cents, and in points that are spent when it is paid.
    amount_cents    bigint not null check (amount_cents >= 0),
    points_due      bigint not null check (points_due >= 0),
    -- Where it goes back to from a state that may be undone; 0 for none.
    state_before    bigint not null,
    -- 0 holds nothing, 1 holds stock, 2 its hold is ending.
    hold            bigint not null check (hold between 0 and 2),
    -- The global transaction that the change under way belongs to.
    busy_gid        varchar(128) character set ascii collate ascii_bin,
    payment_no      varchar(64) character set ascii collate ascii_bin,
    refund_no       varchar(64) character set ascii collate ascii_bin,
    refunded_cents  bigint not null,
    refunded_points bigint not null,
    returned_pieces bigint not null,
    -- The buyer has put the receipt off.
    is_put_off      bigint not null check (is_put_off in (0, 1)),
    -- Under which key stock and points know it.
    stock_ref       varchar(64) character set ascii collate ascii_bin not null,
    points_ref      varchar(128) character set ascii collate ascii_bin not null,
    version         bigint not null,
    unique (gid, branch),
    constraint cents_were_paid check (refunded_cents between 0 and amount_cents),
    constraint points_were_paid check (refunded_points between 0 and points + points_due),
    constraint pieces_were_sold check (returned_pieces between 0 and quantity),
    key orders_by_time (created_at, order_no),
    key orders_of_user (user_id, created_at, order_no)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
