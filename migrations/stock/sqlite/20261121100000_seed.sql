-- What each SKU was added with. With the deliveries it is every piece that there ever was.
create table seed (
    sku      text    not null primary key references sku (sku),
    quantity integer not null check (quantity >= 0)
) strict;

-- What wasn't delivered was there from the beginning.
insert into seed (sku, quantity)
select s.sku, s.available + s.reserved + s.held + s.sold
    - coalesce((select sum(r.quantity) from restock r where r.sku = s.sku), 0)
from sku s;
