-- Refunds that were asked for.
create table refund (
    refund_no    varchar(64) character set ascii collate ascii_bin not null primary key,
    order_no     varchar(64) character set ascii collate ascii_bin not null,
    request_id   varchar(64) character set ascii collate ascii_bin not null,
    reason       varchar(2000) not null,
    -- 1 asked, 2 rejected, 3 done, 4 approved: its transaction is under way.
    state        bigint not null check (state between 1 and 4),
    is_return    bigint not null check (is_return in (0, 1)),
    amount_cents bigint not null check (amount_cents >= 0),
    points       bigint not null check (points >= 0),
    pieces       bigint not null check (pieces >= 0),
    -- How many of its transactions were cancelled: part of the next one's gid.
    round        bigint not null,
    -- When its transaction is driven on; null unless it is approved.
    due_at       bigint,
    attempts     bigint not null,
    created_at   bigint not null,
    unique key refund_of_request (order_no, request_id),
    key refund_by_due (due_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
