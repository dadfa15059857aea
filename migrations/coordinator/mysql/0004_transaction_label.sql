-- The labels of a transaction, for searching. Written with its begin, never changed, deleted with it. Bytes and not text:
-- here 'a' and 'a ' are two labels.
CREATE TABLE transaction_label (
    gid   VARCHAR(128)    CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    name  VARBINARY(255)  NOT NULL,
    value VARBINARY(1024) NOT NULL,
    PRIMARY KEY (gid, name),
    INDEX transaction_label_value (name, value, gid)
) ENGINE = InnoDB
