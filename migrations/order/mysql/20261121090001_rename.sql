-- In one step, so that there always is a table of this name. Run again after a death it says that orders_small exists.
rename table orders to orders_small, orders_anew to orders;
