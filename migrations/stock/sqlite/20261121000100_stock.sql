-- Stock, in pieces. available + reserved + held + sold of a SKU changes only when it is added or restocked; the
-- checks are the last line of defence, the updates never rely on them.
create table sku (
    sku       text    not null primary key,
    -- Free to be reserved.
    available integer not null check (available >= 0),
    -- Set aside by tries that wait for phase two.
    reserved  integer not null check (reserved >= 0),
    -- Held for placed, unpaid orders.
    held      integer not null check (held >= 0),
    sold      integer not null check (sold >= 0),
    -- Raised by every change, so that a copy in memory can tell which is newer.
    version   integer not null
) strict;

-- Deliveries, so that the same one isn't added twice.
create table restock (
    restock_id text    not null primary key,
    sku        text    not null references sku (sku),
    quantity   integer not null check (quantity > 0),
    created_at integer not null
) strict;

-- Notices to the warehouse, one for each branch of the message action.
create table notice (
    gid        text    not null,
    branch     text    not null,
    subject    text    not null,
    text       text    not null,
    created_at integer not null,
    primary key (gid, branch)
) strict;
