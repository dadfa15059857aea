-- One order a user and campaign: taken by order.create's try, given back when the order ends unpaid.
create table place (
    campaign_id varchar(64) character set ascii collate ascii_bin not null,
    user_id     varchar(64) character set ascii collate ascii_bin not null,
    order_no    varchar(64) character set ascii collate ascii_bin not null,
    primary key (campaign_id, user_id)
) engine = InnoDB default character set utf8mb4 collate utf8mb4_bin;
