-- What people did, written before it takes effect and never deleted by the coordinator. `id` gives the order.
CREATE TABLE audit (
    id          BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at          BIGINT        NOT NULL,
    who         VARCHAR(4096) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- empty where callers aren't identified
    action      VARCHAR(4096) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL, -- the rpc, for instance ForceBranch
    gid         VARCHAR(128)  CHARACTER SET ascii   COLLATE ascii_bin,
    branch_id   VARCHAR(64)   CHARACTER SET ascii   COLLATE ascii_bin,
    participant VARCHAR(64)   CHARACTER SET ascii   COLLATE ascii_bin,
    reason      VARCHAR(4096) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
    INDEX audit_gid (gid, id),
    INDEX audit_participant (participant, id)
) ENGINE = InnoDB
