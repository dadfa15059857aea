-- Participants that a person has paused: they get no calls until they are resumed.
CREATE TABLE participant_pause (
    participant TEXT    NOT NULL PRIMARY KEY,
    since       INTEGER NOT NULL,                             -- microseconds since 1970, UTC
    who         TEXT    NOT NULL,                             -- empty where callers aren't identified
    reason      TEXT    NOT NULL
) STRICT, WITHOUT ROWID;
