-- Refunds that wait for phase two, are owed, or are done. A cancelled one is deleted.
create table refund (
    payment_no   varchar(64) character set ascii collate ascii_bin not null,
    refund_no    varchar(80) character set ascii collate ascii_bin not null,
    amount_cents bigint not null check (amount_cents > 0),
    -- 1 reserved, 2 owed, 3 done.
    state        bigint not null check (state between 1 and 3),
    attempts     bigint not null,
    due_at       bigint,
    attention    varchar(512),
    created_at   bigint not null,
    primary key (payment_no, refund_no),
    index refund_due (due_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
