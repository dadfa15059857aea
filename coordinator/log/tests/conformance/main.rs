//! One suite for every implementation of the log: whatever holds for one holds for all.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

#[path = "../common/mod.rs"]
mod common;

mod appends;
mod crashes;
mod differential;
mod lists;
mod pauses;
mod poison;
mod sessions;

/// Runs each test of the suite on each store.
macro_rules! on_every_store {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $test() {
                crate::$module::$test(&crate::common::beds::InMemory::default()).await;
            })*
        }

        mod sqlite {
            $(#[tokio::test]
            async fn $test() {
                crate::$module::$test(&crate::common::beds::OnSqlite::default()).await;
            })*
        }

        mod mysql {
            $(#[tokio::test]
            async fn $test() {
                if let Some(bed) = crate::common::beds::OnMySql::fresh().await {
                    crate::$module::$test(&bed).await;
                }
            })*
        }

        mod galera {
            $(#[tokio::test]
            async fn $test() {
                if let Some(bed) = crate::common::beds::OnGalera::fresh().await {
                    crate::$module::$test(&bed).await;
                }
            })*
        }
    };
}

on_every_store! {
    appends::a_begin_is_there_when_it_is_answered,
    appends::a_second_begin_is_told_what_is_there,
    appends::a_change_needs_the_version_it_expects,
    appends::a_change_of_nothing_is_stale,
    appends::a_change_leaves_the_definition_and_a_new_definition_replaces_it,
    appends::gids_that_differ_in_case_are_two,
    appends::audit_stands_with_its_entry_or_not_at_all,
    appends::what_is_too_long_is_refused_before_sql,
    appends::the_largest_audit_record_passes,
    appends::the_largest_entry_passes,
    appends::a_closed_store_writes_nothing,
    crashes::what_was_answered_outlives_a_crash,
    crashes::a_start_adopts_open_transactions_and_leaves_ended_ones,
    crashes::a_fenced_session_writes_nothing,
    lists::recovery_reads_open_transactions_page_by_page,
    lists::lists_are_newest_first_and_pages_cover_everything_once,
    lists::every_condition_of_a_list_holds,
    lists::audit_is_listed_newest_first,
    lists::a_purge_takes_the_oldest_ends_first_and_their_labels,
    lists::counts_are_of_open_transactions,
    pauses::a_pause_is_kept_until_it_is_ended_and_both_are_recorded,
    pauses::the_first_of_two_pauses_stands_and_a_needless_resume_is_harmless,
    pauses::a_pause_that_cant_be_recorded_is_none,
    poison::no_poison_changes_the_verdict_of_another_entry,
    poison::a_batch_of_nothing_but_poison_has_a_verdict_for_each,
    differential::arbitrary_transactions_come_back_as_they_were,
    differential::every_store_gives_the_verdicts_of_the_plainest_one,
}

/// Runs each test of the suite on each store that several coordinators share.
macro_rules! on_every_shared_store {
    ($($module:ident :: $test:ident),* $(,)?) => {
        mod shared_memory {
            $(#[tokio::test]
            async fn $test() {
                crate::$module::$test(&crate::common::beds::InMemory::default()).await;
            })*
        }

        mod shared_mysql {
            $(#[tokio::test]
            async fn $test() {
                if let Some(bed) = crate::common::beds::OnMySql::fresh().await {
                    crate::$module::$test(&bed).await;
                }
            })*
        }

        mod shared_galera {
            $(#[tokio::test]
            async fn $test() {
                if let Some(bed) = crate::common::beds::OnGalera::fresh().await {
                    crate::$module::$test(&bed).await;
                }
            })*
        }
    };
}

on_every_shared_store! {
    sessions::sessions_are_listed_and_none_disturbs_another,
    sessions::a_beat_is_raised_until_the_session_is_fenced,
    sessions::a_session_that_has_beaten_meanwhile_is_not_fenced,
    sessions::a_fenced_session_writes_and_adopts_nothing,
    sessions::a_closed_session_is_fenced,
    sessions::adoption_takes_what_is_open_page_by_page,
    sessions::nothing_is_adopted_from_a_session_that_lives,
    sessions::survivors_share_the_work,
    sessions::adoption_sees_what_was_written_last,
    sessions::one_transaction_is_adopted_on_demand,
    sessions::an_open_transaction_has_an_owner,
    sessions::a_fenced_session_is_listed_until_nothing_open_names_it,
    sessions::a_begin_of_a_gid_of_another_session_is_a_duplicate_and_a_change_stale,
}
