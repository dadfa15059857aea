-- Refunds of a state, the oldest first: their numbers begin with the time.
create index refund_by_state on refund (state, refund_no);
