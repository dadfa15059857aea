-- Stock, in pieces. available + reserved + held + sold of a SKU changes only when it is added or restocked; the
-- checks are the last line of defence, the updates never rely on them. The columns are those of SQLite's table.
create table sku (
    sku       varchar(64) character set ascii collate ascii_bin not null primary key,
    -- Free to be reserved.
    available bigint not null check (available >= 0),
    -- Set aside by tries that wait for phase two.
    reserved  bigint not null check (reserved >= 0),
    -- Held for placed, unpaid orders.
    held      bigint not null check (held >= 0),
    sold      bigint not null check (sold >= 0),
    -- Raised by every change, so that a copy in memory can tell which is newer.
    version   bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
