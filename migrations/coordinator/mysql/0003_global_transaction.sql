-- One row for each global transaction. The columns answer "what is stuck"; what was asked for and how far it has come
-- stand in two blobs (protobuf, package tercet.storage.v1). The view transaction_overview shows the columns in words.
CREATE TABLE global_transaction (
    gid             VARCHAR(128) CHARACTER SET ascii COLLATE ascii_bin NOT NULL PRIMARY KEY,
    version         BIGINT     NOT NULL,                        -- 1 at begin, one more with every change
    owner           BIGINT     NOT NULL,                        -- the session that may change it, or did last
    batch           BIGINT     NOT NULL,                        -- the owner's batch that wrote it last; 0 when it was adopted
    state           TINYINT    NOT NULL,
                    -- 1 trying, 2 confirming, 3 confirmed, 4 cancelling, 5 cancelled
    mode            TINYINT    NOT NULL,
                    -- 1 in one call, 2 step by step, 3 cancelled before its begin came
    content_hash    BINARY(32) NOT NULL,
    begun_at        BIGINT     NOT NULL,
    try_deadline    BIGINT     NOT NULL,
    decided_at      BIGINT,
    ended_at        BIGINT,
    attention_since BIGINT,                                     -- a person should look at it since then
    parked          TINYINT    NOT NULL,                        -- it does nothing until a person acts
    participants    TEXT CHARACTER SET ascii COLLATE ascii_bin NOT NULL, -- their names, each between spaces
    definition      MEDIUMBLOB NOT NULL,
    progress        MEDIUMBLOB NOT NULL,
    -- What recovery and adoption read: open transactions of a session, whose ended_at is NULL. They stand together, so a long
    -- history costs them nothing. The purge reads the rest of it, oldest end first.
    INDEX transaction_open (ended_at, owner, gid),
    -- What people ask most: which transactions are open, newest first.
    INDEX transaction_open_begun (ended_at, begun_at, gid),
    -- What lists read, newest first.
    INDEX transaction_begun (begun_at, gid),
    INDEX transaction_attention (attention_since, begun_at),
    CONSTRAINT transaction_version      CHECK (version > 0),
    CONSTRAINT transaction_state        CHECK (state BETWEEN 1 AND 5),
    CONSTRAINT transaction_mode         CHECK (mode BETWEEN 1 AND 3),
    CONSTRAINT transaction_parked       CHECK (parked IN (0, 1)),
    CONSTRAINT decided_has_time         CHECK ((state = 1) = (decided_at IS NULL)),
    CONSTRAINT ended_has_time           CHECK ((state IN (3, 5)) = (ended_at IS NOT NULL))
) ENGINE = InnoDB
