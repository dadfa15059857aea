-- What came in the provider's name, and what was made of it. Forged ones say what they like.
create table notice (
    id           bigint not null primary key auto_increment,
    payment_no   varchar(64) character set ascii collate ascii_bin not null,
    order_no     varchar(64) character set ascii collate ascii_bin not null,
    amount_cents bigint not null,
    outcome      varchar(16) character set ascii collate ascii_bin not null,
    -- 1 taken, 2 repeated, 3 late, 4 forged, 5 wrong amount, 6 wrong order, 7 unknown, 8 unreadable.
    verdict      bigint not null check (verdict between 1 and 8),
    reason       varchar(512) not null,
    received_at  bigint not null,
    index notice_of_payment (payment_no, id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
