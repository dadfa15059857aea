-- Participants that a person has paused: they get no calls, from any coordinator, until they are resumed.
CREATE TABLE participant_pause (
    participant VARCHAR(64)   CHARACTER SET ascii   COLLATE ascii_bin   NOT NULL PRIMARY KEY,
    since       BIGINT        NOT NULL,                                     -- microseconds since 1970, UTC
    who         VARCHAR(4096) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- empty where callers aren't identified
    reason      VARCHAR(4096) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL
) ENGINE = InnoDB
