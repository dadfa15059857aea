-- The outbox: one row for each message, written in the SQL transaction of the business change that it tells of. It
-- is also the initiator's fence: a check by the coordinator that finds no row inserts *aborted*, so that a local commit
-- that comes later fails on the key. The columns are those of SQLite's table.
create table tercet_outbox (
    -- The message's global transaction.
    gid         varchar(128) character set ascii collate ascii_bin not null primary key check (gid <> ''),
    -- 1 waiting, 2 sent, 3 aborted, 4 needs attention.
    state       tinyint  not null check (state between 1 and 4),
    -- Whose messages belong to one worker: 0 to 63, from the gid.
    segment     tinyint  not null check (segment between 0 and 63),
    -- The receiver as the coordinator's configuration names it; empty for an aborted one.
    participant varchar(64) character set ascii collate ascii_bin not null,
    action      varchar(64) character set ascii collate ascii_bin not null,
    -- The action's request; empty once it is sent.
    payload     longblob not null,
    -- How often sending has been begun, and when it may begin next.
    attempts    bigint   not null,
    send_at     bigint   not null,
    -- Who is sending it; changes with each claim.
    claim       varchar(64) character set ascii collate ascii_bin not null,
    -- How the last attempt failed, for people.
    last_error  varchar(512) not null,
    created_at  bigint   not null,
    changed_at  bigint   not null,
    -- What the workers read: the messages that wait stand together.
    index tercet_outbox_due (state, segment, send_at),
    -- What cleaning by age and the list of what needs attention read; the key follows by itself.
    index tercet_outbox_changed (state, changed_at)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
