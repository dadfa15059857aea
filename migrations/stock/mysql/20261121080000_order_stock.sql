-- What each order has of each SKU, in pieces, so that no order can sell, release or return more than it has. Over all
-- orders, held and sold add up to the SKU's own. The row is changed in the SQL transaction that changes the SKU, after
-- it: whoever has the SKU's lock has the right to its orders' rows.
create table order_stock (
    -- Empty: pieces that belong to no order in particular.
    order_no varchar(64) character set ascii collate ascii_bin not null,
    sku      varchar(64) character set ascii collate ascii_bin not null,
    -- Held while the order isn't paid.
    held     bigint not null check (held >= 0),
    -- Taken out of held or sold by tries that wait for phase two; among the SKU's reserved.
    moving   bigint not null check (moving >= 0),
    sold     bigint not null check (sold >= 0),
    primary key (order_no, sku)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
