-- Points. available and frozen of an account move only together with a row in the ledger, in the same SQL
-- transaction; their sums over the ledger are the account. The columns are those of SQLite's table.
create table account (
    user_id   varchar(64) character set ascii collate ascii_bin not null primary key,
    -- Points that can be spent.
    available bigint not null check (available >= 0),
    -- Points set aside by tries that wait for phase two.
    frozen    bigint not null check (frozen >= 0)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
