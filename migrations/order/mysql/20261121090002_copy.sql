-- Where it is run again after a death, what was copied is left out.
insert into orders (order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, updated_at,
                    campaign_id, amount_cents, points_due, state_before, hold, busy_gid, payment_no, refund_no,
                    refunded_cents, refunded_points, returned_pieces, is_put_off, stock_ref, points_ref, version)
select order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, updated_at,
       null, 0, 0, 0, case state when 2 then 1 else 0 end, null, null, null, 0, 0, 0, 0, '', gid, 0
from orders_small
where order_no not in (select order_no from (select order_no from orders) as copied);
