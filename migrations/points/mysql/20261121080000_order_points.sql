-- What an account spent for an order, and what of it came back. Changed in the SQL transaction that writes the ledger.
create table order_points (
    order_no  varchar(128) character set ascii collate ascii_bin not null,
    user_id   varchar(64)  character set ascii collate ascii_bin not null,
    spent     bigint not null check (spent >= 0),
    -- Set aside by refunds that wait for phase two.
    refunding bigint not null check (refunding >= 0),
    refunded  bigint not null check (refunded >= 0),
    primary key (order_no, user_id),
    -- The last line of defence: the updates look at it themselves.
    constraint refunds_are_spent check (refunding + refunded <= spent)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
