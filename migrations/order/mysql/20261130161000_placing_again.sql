-- How many transactions of this submission were cancelled without anybody having refused it: part of the next one's gid.
alter table submission add column round bigint not null default 0;
