-- Deliveries, so that the same one isn't added twice. Its SKU's row is locked by the update that comes first, so there
-- is no foreign key to lock it once more.
create table restock (
    restock_id varchar(64) character set ascii collate ascii_bin not null primary key,
    sku        varchar(64) character set ascii collate ascii_bin not null,
    quantity   bigint not null check (quantity > 0),
    created_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
