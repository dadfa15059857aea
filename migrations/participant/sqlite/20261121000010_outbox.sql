-- The outbox: one row for each message, written in the SQL transaction of the business change that it tells of. It
-- is also the initiator's fence: a check by the coordinator that finds no row inserts *aborted*, so that a local commit
-- that comes later fails on the key.
create table tercet_outbox (
    -- The message's global transaction.
    gid         text    not null primary key check (length(gid) between 1 and 128),
    -- 1 waiting, 2 sent, 3 aborted, 4 needs attention.
    state       integer not null check (state between 1 and 4),
    -- Whose messages belong to one worker: 0 to 63, from the gid.
    segment     integer not null check (segment between 0 and 63),
    -- The receiver as the coordinator's configuration names it; empty for an aborted one.
    participant text    not null,
    action      text    not null,
    -- The action's request; empty once it is sent.
    payload     blob    not null,
    -- How often sending has been begun, and when it may begin next.
    attempts    integer not null,
    send_at     integer not null,
    -- Who is sending it; changes with each claim.
    claim       text    not null,
    -- How the last attempt failed, for people.
    last_error  text    not null,
    created_at  integer not null,
    changed_at  integer not null
) strict;

-- What the workers read: only the messages that wait.
create index tercet_outbox_due on tercet_outbox (segment, send_at) where state = 1;

-- What cleaning by age and the list of what needs attention read.
create index tercet_outbox_changed on tercet_outbox (state, changed_at, gid);
