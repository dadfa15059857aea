-- The fence: one row for each branch this participant has seen. It is written in the same SQL transaction as
-- the business change of try, confirm or cancel, so the row and the change are there together or not at all.
--
-- Ids compare byte by byte (SQLite's default collation is BINARY). Times are whole microseconds since the Unix
-- epoch, UTC.
create table tercet_fence (
    gid          text    not null check (length(gid) between 1 and 128),
    branch       text    not null check (length(branch) between 1 and 64),
    -- Full gRPC name of the action's service: whose confirm and cancel the resolver runs.
    service      text    not null,
    -- 1 tried, 2 confirmed, 3 cancelled, 4 ended by hand.
    state        integer not null check (state between 1 and 4),
    -- The try's request, kept while phase two is owed; empty afterwards.
    request      blob    not null,
    -- The first try's reply, which every repeated try gets.
    reply        blob    not null,
    try_deadline integer not null,
    -- When the coordinator is asked about a branch that is still tried, and how often it has been.
    ask_at       integer not null,
    asked        integer not null,
    -- 1 once the coordinator said that it doesn't know the transaction: a person should look.
    unknown      integer not null,
    created_at   integer not null,
    changed_at   integer not null,
    primary key (gid, branch)
) strict;

-- What the resolver reads: only the branches that wait for phase two, so a long history costs it nothing.
create index tercet_fence_due on tercet_fence (ask_at) where state = 1;

-- What cleaning by age and the listing read.
create index tercet_fence_changed on tercet_fence (changed_at, gid, branch);
