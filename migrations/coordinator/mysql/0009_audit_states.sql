-- How things stood before and after what a person did, in a few words. Empty in records of versions that didn't say.
-- Short, because all columns of a row together may have 65,535 bytes.
ALTER TABLE audit
    ADD COLUMN state_before VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT '',
    ADD COLUMN state_after  VARCHAR(1024) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL DEFAULT ''
