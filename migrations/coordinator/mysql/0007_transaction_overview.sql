-- For people: SELECT * FROM transaction_overview WHERE attention_since IS NOT NULL;
CREATE VIEW transaction_overview AS
SELECT gid,
       CASE state WHEN 1 THEN 'TRYING' WHEN 2 THEN 'CONFIRMING' WHEN 3 THEN 'CONFIRMED'
                  WHEN 4 THEN 'CANCELLING' WHEN 5 THEN 'CANCELLED' END                                AS state,
       CASE mode WHEN 1 THEN 'one call' WHEN 2 THEN 'step by step'
                 WHEN 3 THEN 'cancelled before its begin' END                                         AS mode,
       TRIM(participants)                                                                             AS participants,
       (SELECT GROUP_CONCAT(CONVERT(name USING utf8mb4), '=', CONVERT(value USING utf8mb4) SEPARATOR ' ')
          FROM transaction_label AS l WHERE l.gid = t.gid)                                            AS labels,
       TIMESTAMP('1970-01-01') + INTERVAL begun_at MICROSECOND                                        AS begun_at,
       TIMESTAMP('1970-01-01') + INTERVAL try_deadline MICROSECOND                                    AS try_deadline,
       TIMESTAMP('1970-01-01') + INTERVAL decided_at MICROSECOND                                      AS decided_at,
       TIMESTAMP('1970-01-01') + INTERVAL ended_at MICROSECOND                                        AS ended_at,
       TIMESTAMP('1970-01-01') + INTERVAL attention_since MICROSECOND                                 AS attention_since,
       parked,
       owner,
       (SELECT endpoint FROM session AS s WHERE s.id = t.owner)                                       AS coordinator,
       version
  FROM global_transaction AS t
