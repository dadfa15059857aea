-- Written before the order's transaction: the number that a request has in every repetition of it.
create table submission (
    request_id varchar(64) character set ascii collate ascii_bin not null primary key,
    order_no   varchar(64) character set ascii collate ascii_bin not null,
    -- Campaign, amount and points, as they were when the request first came.
    amount_cents bigint not null,
    points_due bigint not null,
    points     bigint not null,
    user_id    varchar(64) character set ascii collate ascii_bin not null,
    sku        varchar(64) character set ascii collate ascii_bin not null,
    quantity   bigint not null,
    campaign_id varchar(64) character set ascii collate ascii_bin,
    created_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
