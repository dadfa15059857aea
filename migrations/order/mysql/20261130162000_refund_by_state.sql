-- Refunds of a state, the oldest first: their numbers begin with the time.
alter table refund add key refund_by_state (state, refund_no);
