-- Orders. Each is written by one branch of one global transaction and changes only by updates that name the state
-- they expect. The columns are those of SQLite's table.
create table orders (
    -- Random, so that it tells nothing about how many orders there are.
    order_no   varchar(64)  character set ascii collate ascii_bin not null primary key,
    -- The submission's idempotency key: one order for each, for ever.
    request_id varchar(64)  character set ascii collate ascii_bin not null,
    gid        varchar(128) character set ascii collate ascii_bin not null,
    branch     varchar(64)  character set ascii collate ascii_bin not null,
    user_id    varchar(64)  character set ascii collate ascii_bin not null,
    sku        varchar(64)  character set ascii collate ascii_bin not null,
    quantity   bigint not null check (quantity > 0),
    points     bigint not null check (points >= 0),
    -- 1 pending, 2 created, 3 cancelled.
    state      bigint not null check (state between 1 and 3),
    created_at bigint not null,
    updated_at bigint not null,
    unique key orders_request (request_id),
    unique key orders_branch (gid, branch),
    -- What the lists read, newest first.
    key orders_by_time (created_at, order_no),
    key orders_of_user (user_id, created_at, order_no)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
