-- When it was last counted, or looked at and still needed; 0 for what an older version has written.
alter table flow_round
    add column changed_at bigint not null default 0,
    add key flow_round_by_time (changed_at);
