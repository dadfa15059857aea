create table campaign (
    campaign_id        varchar(64) character set ascii collate ascii_bin not null primary key,
    sku                varchar(64) character set ascii collate ascii_bin not null,
    starts_at          bigint not null,
    ends_at            bigint not null,
    price_cents        bigint not null,
    price_points       bigint not null,
    is_taken_at_order  bigint not null,
    hold_micros        bigint not null,
    payment_micros     bigint not null,
    quantity_max       bigint not null,
    rate_max           bigint not null,
    rate_window_micros bigint not null,
    grant_points       bigint not null,
    receipt_micros     bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
