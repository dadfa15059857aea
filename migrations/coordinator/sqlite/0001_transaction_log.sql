-- The coordinator's log on SQLite.
--
-- All times are microseconds since 1970 UTC. All texts compare byte by byte (SQLite's default, BINARY). The tables are
-- STRICT, so a value of the wrong type is refused instead of being kept. Migrations only ever add, so that an older
-- coordinator can still run on a newer schema; the table schema_version says which may.

-- A session is one run of one coordinator process. Every batch of appends first raises `appended` by exactly one, on
-- the condition that it is what the process believes it to be and that the session isn't fenced. So a process that has
-- been replaced can't write, and one whose commit was lost can ask whether it was written. A lane is a part of the log
-- whose batches follow one another; SQLite has one.
CREATE TABLE session (
    id        INTEGER NOT NULL,
    lane      INTEGER NOT NULL,
    endpoint  TEXT    NOT NULL,                               -- where other processes reach this one
    opened_at INTEGER NOT NULL,
    appended  INTEGER NOT NULL DEFAULT 0,                     -- batches written
    fenced    INTEGER NOT NULL DEFAULT 0 CHECK (fenced IN (0, 1)),
    PRIMARY KEY (id, lane)
) STRICT;

-- One row for each global transaction. The columns answer "what is stuck"; what was asked for and how far it has come
-- stand in two blobs (protobuf, package tercet.storage.v1). The view `transaction_overview` shows the columns in words.
CREATE TABLE global_transaction (
    gid             TEXT    NOT NULL PRIMARY KEY CHECK (length(gid) BETWEEN 1 AND 128),
    version         INTEGER NOT NULL CHECK (version > 0),     -- 1 at begin, one more with every change
    owner           INTEGER NOT NULL,                         -- the session that may change it, or did last
    state           INTEGER NOT NULL CHECK (state BETWEEN 1 AND 5),
                    -- 1 trying, 2 confirming, 3 confirmed, 4 cancelling, 5 cancelled
    mode            INTEGER NOT NULL CHECK (mode BETWEEN 1 AND 3),
                    -- 1 in one call, 2 step by step, 3 cancelled before its begin came
    content_hash    BLOB    NOT NULL CHECK (length(content_hash) = 32),
    begun_at        INTEGER NOT NULL,
    try_deadline    INTEGER NOT NULL,
    decided_at      INTEGER,
    ended_at        INTEGER,
    attention_since INTEGER,                                  -- a person should look at it since then
    parked          INTEGER NOT NULL CHECK (parked IN (0, 1)),-- it does nothing until a person acts
    participants    TEXT    NOT NULL,                         -- their names, each between spaces
    definition      BLOB    NOT NULL,
    progress        BLOB    NOT NULL,
    CONSTRAINT decided_has_time CHECK ((state = 1) = (decided_at IS NULL)),
    CONSTRAINT ended_has_time   CHECK ((state IN (3, 5)) = (ended_at IS NOT NULL))
) STRICT;

-- What recovery reads: open transactions of a session. Ended ones aren't in it, so a long history costs a start nothing.
CREATE INDEX transaction_open ON global_transaction (owner, gid) WHERE ended_at IS NULL;
-- What people ask most: which transactions are open, newest first.
CREATE INDEX transaction_open_begun ON global_transaction (begun_at, gid) WHERE ended_at IS NULL;
-- What the purge reads.
CREATE INDEX transaction_ended ON global_transaction (ended_at) WHERE ended_at IS NOT NULL;
-- What lists read, newest first.
CREATE INDEX transaction_begun ON global_transaction (begun_at, gid);
CREATE INDEX transaction_attention ON global_transaction (begun_at, gid) WHERE attention_since IS NOT NULL;

-- The labels of a transaction, for searching. Written with its begin, never changed, deleted with it.
CREATE TABLE transaction_label (
    gid   TEXT NOT NULL,
    name  TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (gid, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX transaction_label_value ON transaction_label (name, value, gid);

-- What people did, written before it takes effect and never deleted by the coordinator. `id` gives the order.
CREATE TABLE audit (
    id          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    who         TEXT    NOT NULL,                             -- empty where callers aren't identified
    action      TEXT    NOT NULL,                             -- the rpc, for instance ForceBranch
    gid         TEXT,
    branch_id   TEXT,
    participant TEXT,
    reason      TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_gid ON audit (gid, id) WHERE gid IS NOT NULL;
CREATE INDEX audit_participant ON audit (participant, id) WHERE participant IS NOT NULL;

-- For people: SELECT * FROM transaction_overview WHERE attention_since IS NOT NULL;
CREATE VIEW transaction_overview AS
SELECT gid,
       CASE state WHEN 1 THEN 'TRYING' WHEN 2 THEN 'CONFIRMING' WHEN 3 THEN 'CONFIRMED'
                  WHEN 4 THEN 'CANCELLING' WHEN 5 THEN 'CANCELLED' END               AS state,
       CASE mode WHEN 1 THEN 'one call' WHEN 2 THEN 'step by step'
                 WHEN 3 THEN 'cancelled before its begin' END                        AS mode,
       trim(participants)                                                            AS participants,
       (SELECT group_concat(name || '=' || value, ' ') FROM transaction_label AS l
         WHERE l.gid = t.gid)                                                        AS labels,
       strftime('%Y-%m-%dT%H:%M:%fZ', begun_at / 1e6, 'unixepoch')                   AS begun_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', try_deadline / 1e6, 'unixepoch')               AS try_deadline,
       strftime('%Y-%m-%dT%H:%M:%fZ', decided_at / 1e6, 'unixepoch')                 AS decided_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', ended_at / 1e6, 'unixepoch')                   AS ended_at,
       strftime('%Y-%m-%dT%H:%M:%fZ', attention_since / 1e6, 'unixepoch')            AS attention_since,
       parked,
       owner,
       version
  FROM global_transaction AS t;
