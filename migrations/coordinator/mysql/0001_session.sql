-- The coordinator's log on MySQL and MariaDB. One statement a file: each commits by itself.
--
-- All times are microseconds since 1970 UTC. Names compare byte by byte. Migrations only ever add, so that an older
-- coordinator can still run on a newer schema; the table schema_version says which may.
--
-- A session is one run of one coordinator process. It raises `beat` for as long as it lives; another one that has seen it
-- stand still for the take-over time sets `fenced`, here and on every lane, and takes over what it has left open.
CREATE TABLE session (
    id        BIGINT        NOT NULL PRIMARY KEY,               -- never used twice
    endpoint  VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- where other processes reach it
    opened_at BIGINT        NOT NULL,
    beat      BIGINT        NOT NULL,
    adopted   BIGINT        NOT NULL,                           -- pages of transactions taken over from others
    fenced    TINYINT       NOT NULL,
    CONSTRAINT session_fenced CHECK (fenced IN (0, 1))
) ENGINE = InnoDB
