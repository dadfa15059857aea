//! `tercet.v1.FenceService` on a real database (mounted once for each, in `testing/`): pages, filters, what it refuses.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use tercet_proto::tercet::v1 as proto;
use tercet_proto::tercet::v1::fence_service_server::FenceService;
use tonic::{Code, Request};

use super::{Db, Fixture, Spend};
use crate::fence::FenceState;
use crate::{Action, FenceReader};

async fn list(
    reader: &FenceReader<Db>,
    request: proto::ListBranchesRequest,
) -> proto::ListBranchesResponse {
    reader
        .list_branches(Request::new(request))
        .await
        .unwrap()
        .into_inner()
}

#[tokio::test]
async fn pages_show_every_branch_once_the_oldest_change_first() {
    let fixture = given!(Fixture::new());
    for number in 0..7 {
        let branch = format!("b{number}");
        fixture.given(Some(FenceState::Cancelled), &branch, 0).await;
    }
    fixture.given(Some(FenceState::Tried), "t", 1).await;
    let reader = FenceReader::new(fixture.fence.clone());
    let mut shown = Vec::new();
    let mut page_token = String::new();
    loop {
        let page = list(
            &reader,
            proto::ListBranchesRequest {
                page_size: 3,
                page_token,
                ..proto::ListBranchesRequest::default()
            },
        )
        .await;
        assert!(page.branches.len() <= 3);
        shown.extend(page.branches.into_iter().map(|row| row.branch_id));
        page_token = page.next_page_token;
        if page_token.is_empty() {
            break;
        }
    }
    assert_eq!(shown, ["b0", "b1", "b2", "b3", "b4", "b5", "b6", "t"]);
}

#[tokio::test]
async fn states_and_age_choose() {
    let fixture = given!(Fixture::new());
    let states = [
        (FenceState::Tried, proto::FenceState::Tried),
        (FenceState::Confirmed, proto::FenceState::Confirmed),
        (FenceState::Cancelled, proto::FenceState::Cancelled),
        (FenceState::EndedByHand, proto::FenceState::EndedByHand),
    ];
    for (number, (state, _)) in states.into_iter().enumerate() {
        fixture.given(Some(state), &format!("b{number}"), 1).await;
    }
    let reader = FenceReader::new(fixture.fence.clone());
    for (number, (_, state)) in states.into_iter().enumerate() {
        let request = proto::ListBranchesRequest {
            states: vec![state.into()],
            ..proto::ListBranchesRequest::default()
        };
        let page = list(&reader, request).await;
        assert_eq!(page.branches.len(), 1, "{state:?}");
        let row = &page.branches[0];
        assert_eq!(row.branch_id, format!("b{number}"));
        assert_eq!((row.state(), row.gid.as_str()), (state, "g"));
        assert_eq!(row.action, Spend::SERVICE);
    }
    let old = proto::ListBranchesRequest {
        older_than: Some(prost_types::Duration {
            seconds: 3600,
            nanos: 0,
        }),
        ..proto::ListBranchesRequest::default()
    };
    assert_eq!(list(&reader, old).await.branches.len(), 0);
}

#[tokio::test]
async fn one_branch_is_shown_and_an_unknown_one_is_not_found() {
    let fixture = given!(Fixture::new());
    fixture.given(Some(FenceState::Confirmed), "b", 1).await;
    let reader = FenceReader::new(fixture.fence.clone());
    let get = async |gid: &str, branch: &str| {
        let request = proto::GetBranchRequest {
            gid: gid.to_owned(),
            branch_id: branch.to_owned(),
        };
        reader.get_branch(Request::new(request)).await
    };
    let shown = get("g", "b").await.unwrap().into_inner().branch.unwrap();
    assert_eq!(shown.state(), proto::FenceState::Confirmed);
    for (gid, branch, code) in [
        ("g", "B", Code::NotFound),
        ("G", "b", Code::NotFound),
        ("", "b", Code::InvalidArgument),
        ("g", "a b", Code::InvalidArgument),
    ] {
        let error = get(gid, branch).await.unwrap_err();
        assert_eq!(error.code(), code, "{gid} {branch}");
    }
}

#[tokio::test]
async fn what_cant_be_meant_is_refused() {
    let fixture = given!(Fixture::new());
    let reader = FenceReader::new(fixture.fence.clone());
    let sane = proto::ListBranchesRequest::default;
    for (what, request) in [
        (
            "a negative page",
            proto::ListBranchesRequest {
                page_size: -1,
                ..sane()
            },
        ),
        (
            "a state that isn't one",
            proto::ListBranchesRequest {
                states: vec![0],
                ..sane()
            },
        ),
        (
            "a strange token",
            proto::ListBranchesRequest {
                page_token: "x".to_owned(),
                ..sane()
            },
        ),
        (
            "a negative age",
            proto::ListBranchesRequest {
                older_than: Some(prost_types::Duration {
                    seconds: -1,
                    nanos: 0,
                }),
                ..sane()
            },
        ),
    ] {
        let error = reader.list_branches(Request::new(request)).await;
        assert_eq!(error.unwrap_err().code(), Code::InvalidArgument, "{what}");
    }
}

fn asked(keys: &[(&str, &str)]) -> Request<proto::GetBranchesRequest> {
    let branches = keys.iter().map(|(gid, branch)| proto::GetBranchRequest {
        gid: (*gid).to_owned(),
        branch_id: (*branch).to_owned(),
    });
    Request::new(proto::GetBranchesRequest {
        branches: branches.collect(),
    })
}

#[tokio::test]
async fn several_branches_are_shown_and_unknown_ones_left_out() {
    let fixture = given!(Fixture::new());
    fixture.given(Some(FenceState::Confirmed), "b", 1).await;
    fixture.given(Some(FenceState::Tried), "c", 1).await;
    fixture.given(Some(FenceState::Tried), "x", 1).await;
    let reader = FenceReader::new(fixture.fence.clone());
    let keys = [("g", "b"), ("g", "B"), ("G", "b"), ("g", "c"), ("g", "b")];
    let shown = reader.get_branches(asked(&keys)).await.unwrap();
    let mut shown: Vec<_> = shown
        .into_inner()
        .branches
        .into_iter()
        .map(|row| (row.gid.clone(), row.branch_id.clone(), row.state()))
        .collect();
    shown.sort();
    let row = |branch: &str, state| ("g".to_owned(), branch.to_owned(), state);
    assert_eq!(
        shown,
        [
            row("b", proto::FenceState::Confirmed),
            row("c", proto::FenceState::Tried)
        ]
    );
}

#[tokio::test]
async fn a_page_of_branches_is_read_and_no_more() {
    let fixture = given!(Fixture::new());
    let names: Vec<String> = (0..501).map(|number| format!("b{number}")).collect();
    for name in [&names[0], &names[499]] {
        fixture.given(Some(FenceState::Confirmed), name, 1).await;
    }
    let keys: Vec<_> = names.iter().map(|name| ("g", name.as_str())).collect();
    let reader = FenceReader::new(fixture.fence.clone());
    let shown = reader.get_branches(asked(&keys[..500])).await.unwrap();
    assert_eq!(shown.into_inner().branches.len(), 2);
    for (what, keys) in [
        ("too many", &keys[..]),
        ("none", &[]),
        ("no id", &[("g", "a b")]),
    ] {
        let error = reader.get_branches(asked(keys)).await.unwrap_err();
        assert_eq!(error.code(), Code::InvalidArgument, "{what}");
    }
}
