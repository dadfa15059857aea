-- The fence: one row for each branch this participant has seen. It is written in the same SQL transaction as
-- the business change of try, confirm or cancel, so the row and the change are there together or not at all.
--
-- Ids compare byte by byte. Times are whole microseconds since the Unix epoch, UTC. The columns are those of SQLite's table.
create table tercet_fence (
    gid          varchar(128) character set ascii collate ascii_bin not null check (gid <> ''),
    branch       varchar(64)  character set ascii collate ascii_bin not null check (branch <> ''),
    -- Full gRPC name of the action's service: whose confirm and cancel the resolver runs.
    service      varchar(255) character set ascii collate ascii_bin not null,
    -- 1 tried, 2 confirmed, 3 cancelled, 4 ended by hand.
    state        tinyint  not null check (state between 1 and 4),
    -- The try's request, kept while phase two is owed; empty afterwards.
    request      longblob not null,
    -- The first try's reply, which every repeated try gets.
    reply        longblob not null,
    try_deadline bigint   not null,
    -- When the coordinator is asked about a branch that is still tried, and how often it has been.
    ask_at       bigint   not null,
    asked        bigint   not null,
    -- 1 once the coordinator said that it doesn't know the transaction: a person should look.
    unknown      tinyint  not null,
    created_at   bigint   not null,
    changed_at   bigint   not null,
    primary key (gid, branch),
    -- What the resolver reads: the rows in state 1 stand together, so a long history costs it nothing.
    index tercet_fence_due (state, ask_at),
    -- What cleaning by age and the listing read; the key's columns follow by themselves.
    index tercet_fence_changed (changed_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
