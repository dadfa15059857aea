-- Nobody counts in a window longer than a hundred thousand years: the sum must stay a number.
update user_rate
set ends_at = window_start + least(4000000000000000000, coalesce(
    (select rate_window_micros from campaign where campaign.campaign_id = user_rate.campaign_id), 0));
