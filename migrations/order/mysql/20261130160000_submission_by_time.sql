-- Old submissions are found by it. created_at is renewed when the request comes again: its age is that of the last use.
alter table submission add key submission_by_time (created_at);
