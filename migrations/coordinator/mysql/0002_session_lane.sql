-- A lane is a part of the log whose batches follow one another; a gid always has the same one. Every batch first raises
-- `appended` by exactly one, on the condition that it is what the process believes it to be and that the session isn't
-- fenced. So a process that has been replaced can't write, and one whose commit was lost finds out whether it was written.
CREATE TABLE session_lane (
    session  BIGINT  NOT NULL,
    lane     INT     NOT NULL,
    appended BIGINT  NOT NULL,                                  -- batches written
    attempt  BIGINT  NOT NULL,                                  -- which of the process's attempts wrote the last one
    fenced   TINYINT NOT NULL,
    PRIMARY KEY (session, lane),
    CONSTRAINT session_lane_fenced CHECK (fenced IN (0, 1))
) ENGINE = InnoDB
