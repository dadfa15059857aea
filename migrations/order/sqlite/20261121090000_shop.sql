-- Campaigns and deadlines. The orders are made anew: they have more states, and what these need.
create table orders_anew (
    -- Begins with the time in milliseconds; the rest is random.
    order_no        text    not null primary key,
    -- The submission's idempotency key: one order for each, for ever.
    request_id      text    not null unique,
    gid             text    not null,
    branch          text    not null,
    user_id         text    not null,
    sku             text    not null,
    quantity        integer not null check (quantity > 0),
    -- Points spent when it was placed.
    points          integer not null check (points >= 0),
    -- As state.rs numbers them.
    state           integer not null check (state between 1 and 17),
    created_at      integer not null,
    updated_at      integer not null,
    campaign_id     text,
    -- What it costs besides, in cents, and in points that are spent when it is paid.
    amount_cents    integer not null check (amount_cents >= 0),
    points_due      integer not null check (points_due >= 0),
    -- Where it goes back to from a state that may be undone; 0 for none.
    state_before    integer not null,
    -- 0 holds nothing, 1 holds stock, 2 its hold is ending.
    hold            integer not null check (hold between 0 and 2),
    -- The global transaction that the change under way belongs to.
    busy_gid        text,
    payment_no      text,
    refund_no       text,
    refunded_cents  integer not null check (refunded_cents between 0 and amount_cents),
    refunded_points integer not null check (refunded_points between 0 and points + points_due),
    returned_pieces integer not null check (returned_pieces between 0 and quantity),
    -- The buyer has put the receipt off.
    is_put_off      integer not null check (is_put_off in (0, 1)),
    -- Under which key stock and points know it.
    stock_ref       text    not null,
    points_ref      text    not null,
    version         integer not null,
    unique (gid, branch)
) strict;

insert into orders_anew
select order_no, request_id, gid, branch, user_id, sku, quantity, points, state, created_at, updated_at,
       null, 0, 0, 0, case state when 2 then 1 else 0 end, null, null, null, 0, 0, 0, 0, '', gid, 0
from orders;

drop table orders;

alter table orders_anew rename to orders;

create index orders_by_time on orders (created_at, order_no);
create index orders_of_user on orders (user_id, created_at, order_no);

-- Written before the order's transaction: the number that a request has in every repetition of it.
create table submission (
    request_id text    not null primary key,
    order_no   text    not null,
    -- Campaign, amount and points, as they were when the request first came.
    amount_cents integer not null,
    points_due integer not null,
    points     integer not null,
    user_id    text    not null,
    sku        text    not null,
    quantity   integer not null,
    campaign_id text,
    created_at integer not null
) strict;

create table campaign (
    campaign_id        text    not null primary key,
    sku                text    not null,
    starts_at          integer not null,
    ends_at            integer not null,
    price_cents        integer not null,
    price_points       integer not null,
    is_taken_at_order  integer not null,
    hold_micros        integer not null,
    payment_micros     integer not null,
    quantity_max       integer not null,
    rate_max           integer not null,
    rate_window_micros integer not null,
    grant_points       integer not null,
    receipt_micros     integer not null
) strict;

-- One order a user and campaign: taken by order.create's try, given back when the order ends unpaid.
create table place (
    campaign_id text not null,
    user_id     text not null,
    order_no    text not null,
    primary key (campaign_id, user_id)
) strict;

create table blocked_user (
    user_id    text    not null primary key,
    created_at integer not null
) strict;

-- Submissions of a user in a campaign, counted by windows.
create table user_rate (
    campaign_id  text    not null,
    user_id      text    not null,
    window_start integer not null,
    count        integer not null,
    primary key (campaign_id, user_id)
) strict;

-- What is due when. Small: a row goes with the change that it waits for.
create table deadline (
    order_no text    not null,
    -- 1 payment, 2 hold, 3 receipt, 4 completion.
    kind     integer not null,
    due_at   integer not null,
    attempts integer not null,
    primary key (order_no, kind)
) strict;

create index deadline_by_time on deadline (due_at);

-- How many transactions of this name were cancelled: part of the next one's gid.
create table flow_round (
    name  text    not null primary key,
    round integer not null
) strict;
