-- Refunds that wait for phase two, and those that are done, so that a number is used once. A cancelled one is deleted.
create table refund (
    order_no   varchar(128) character set ascii collate ascii_bin not null,
    refund_no  varchar(64)  character set ascii collate ascii_bin not null,
    user_id    varchar(64)  character set ascii collate ascii_bin not null,
    points     bigint not null check (points > 0),
    created_at bigint not null,
    primary key (order_no, refund_no)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
