-- How many transactions of this name were cancelled: part of the next one's gid.
create table flow_round (
    name varchar(128) character set ascii collate ascii_bin not null primary key,
    round bigint not null
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
