//! Several coordinators on one log.

mod forwarding;
mod many;
mod mariadb;
mod restarts;
mod take_over;
