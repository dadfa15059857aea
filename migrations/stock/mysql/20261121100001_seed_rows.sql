-- What wasn't delivered was there from the beginning.
insert into seed (sku, quantity)
select s.sku, s.available + s.reserved + s.held + s.sold
    - coalesce((select cast(sum(r.quantity) as signed) from restock r where r.sku = s.sku), 0)
from sku s;
