-- Submissions of a user in a campaign, counted by windows.
create table user_rate (
    campaign_id  varchar(64) character set ascii collate ascii_bin not null,
    user_id      varchar(64) character set ascii collate ascii_bin not null,
    window_start bigint not null,
    count        bigint not null,
    primary key (campaign_id, user_id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
