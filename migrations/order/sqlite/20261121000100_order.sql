-- Orders. Each is written by one branch of one global transaction and changes only by updates that name the state
-- they expect.
create table orders (
    -- Random, so that it tells nothing about how many orders there are.
    order_no   text    not null primary key,
    -- The submission's idempotency key: one order for each, for ever.
    request_id text    not null unique,
    gid        text    not null,
    branch     text    not null,
    user_id    text    not null,
    sku        text    not null,
    quantity   integer not null check (quantity > 0),
    points     integer not null check (points >= 0),
    -- 1 pending, 2 created, 3 cancelled.
    state      integer not null check (state between 1 and 3),
    created_at integer not null,
    updated_at integer not null,
    unique (gid, branch)
) strict;

-- What the lists read, newest first.
create index orders_by_time on orders (created_at, order_no);
create index orders_of_user on orders (user_id, created_at, order_no);
