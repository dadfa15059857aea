-- What each order has of each SKU, in pieces, so that no order can sell, release or return more than it has. Over all
-- orders, held and sold add up to the SKU's own. The row is changed in the SQL transaction that changes the SKU, after it.
create table order_stock (
    -- Empty: pieces that belong to no order in particular.
    order_no text    not null,
    sku      text    not null references sku (sku),
    -- Held while the order isn't paid.
    held     integer not null check (held >= 0),
    -- Taken out of held or sold by tries that wait for phase two; among the SKU's reserved.
    moving   integer not null check (moving >= 0),
    sold     integer not null check (sold >= 0),
    primary key (order_no, sku)
) strict;

-- What was held before orders were recorded belongs to none in particular.
insert into order_stock (order_no, sku, held, moving, sold)
select '', sku, held, 0, sold from sku where held > 0 or sold > 0;
