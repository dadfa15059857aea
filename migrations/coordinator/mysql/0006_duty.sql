-- What one coordinator does for all of them, and which session has it. A session that is fenced or gone has it no longer.
CREATE TABLE duty (
    name    VARCHAR(64) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY, -- purge
    session BIGINT      NOT NULL
) ENGINE = InnoDB
