-- When the window is over. A row that an older version writes beside this one never is, and stays.
alter table user_rate
    add column ends_at bigint not null default 9223372036854775807,
    add key user_rate_by_end (ends_at);
