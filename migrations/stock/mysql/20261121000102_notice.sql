-- Notices to the warehouse, one for each branch of the message action.
create table notice (
    gid        varchar(128) character set ascii collate ascii_bin not null,
    branch     varchar(64)  character set ascii collate ascii_bin not null,
    subject    varchar(128) character set ascii collate ascii_bin not null,
    -- At most 1000 bytes.
    text       varchar(1000) not null,
    created_at bigint not null,
    primary key (gid, branch)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
