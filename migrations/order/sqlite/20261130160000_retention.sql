-- What is kept for a while only, and the indexes by which the old of it are found.

-- created_at is renewed when the request comes again: its age is that of the last use.
create index submission_by_time on submission (created_at);

-- When the window is over. A row that an older version writes beside this one never is, and stays.
alter table user_rate add column ends_at integer not null default 9223372036854775807;

-- Nobody counts in a window longer than a hundred thousand years: the sum must stay a number.
update user_rate
set ends_at = window_start + min(4000000000000000000, coalesce(
    (select rate_window_micros from campaign where campaign.campaign_id = user_rate.campaign_id), 0));

create index user_rate_by_end on user_rate (ends_at);

-- When it was last counted, or looked at and still needed; 0 for what an older version has written.
alter table flow_round add column changed_at integer not null default 0;

create index flow_round_by_time on flow_round (changed_at);
