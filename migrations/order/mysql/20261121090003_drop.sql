drop table if exists orders_small;
