create table blocked_user (
    user_id    varchar(64) character set ascii collate ascii_bin not null primary key,
    created_at bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
