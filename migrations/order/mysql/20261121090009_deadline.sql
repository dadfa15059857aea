-- What is due when. Small: a row goes with the change that it waits for.
create table deadline (
    order_no varchar(64) character set ascii collate ascii_bin not null,
    -- 1 payment, 2 hold, 3 receipt, 4 completion.
    kind     bigint not null,
    due_at   bigint not null,
    attempts bigint not null,
    primary key (order_no, kind),
    key deadline_by_time (due_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
