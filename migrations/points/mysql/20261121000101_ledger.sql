-- Every movement of every account. The account's row is locked by the update that comes first, so there is no foreign
-- key to lock it once more.
create table ledger (
    id              bigint not null primary key auto_increment,
    user_id         varchar(64)  character set ascii collate ascii_bin not null,
    -- The order as the caller names it; null for a seed, which belongs to none.
    order_ref       varchar(128) character set ascii collate ascii_bin,
    -- 1 seed, 2 freeze, 3 spend, 4 unfreeze, 5 grant, 6 refund.
    kind            bigint not null check (kind between 1 and 6),
    -- Always 0.
    number          bigint not null,
    -- Tells entries of one order and kind apart: the refund_no of a refund, the spend_no of a spend, else empty.
    entry_no        varchar(64) character set ascii collate ascii_bin not null,
    available_delta bigint not null,
    frozen_delta    bigint not null,
    created_at      bigint not null,
    -- Each movement of an order is written once, whatever transaction asks.
    unique key ledger_once (order_ref, kind, entry_no),
    index ledger_of_account (user_id, id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
