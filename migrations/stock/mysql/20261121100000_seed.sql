-- What each SKU was added with. With the deliveries it is every piece that there ever was.
create table seed (
    sku      varchar(64) character set ascii collate ascii_bin not null primary key,
    quantity bigint not null check (quantity >= 0)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
