//! Bad input gets one status with its reason, and nothing has begun.

use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tercet_proto::tercet::v1::{Branch, ExecuteTransactionRequest, branch};
use tonic::{Code, Status};
use tonic_types::StatusExt as _;

use crate::crashes::{Pair, execute};
use crate::harness::queries;
use crate::harness::shop::Shop;

fn reason(status: &Status) -> String {
    let info = status.get_details_error_info().expect("an ErrorInfo");
    assert_eq!(info.domain, "tercet");
    info.reason
}

async fn refused(pair: &Pair, request: ExecuteTransactionRequest) -> (Code, String) {
    let status = pair
        .client()
        .execute_transaction(request)
        .await
        .unwrap_err();
    (status.code(), reason(&status))
}

#[tokio::test]
async fn each_is_refused_with_its_reason_and_nothing_begins() {
    let (pair, _coordinator) = Pair::new().await;
    let with = |change: fn(&mut ExecuteTransactionRequest)| {
        let mut request = execute("g-1", 1);
        change(&mut request);
        request
    };
    let large = |bytes: usize| Some(branch::Payload::Message(vec![0; bytes].into()));
    let cases: Vec<(ExecuteTransactionRequest, Code, &str)> = vec![
        (
            with(|it| it.gid.clear()),
            Code::InvalidArgument,
            "INVALID_GID",
        ),
        (
            with(|it| it.gid = "g".repeat(129)),
            Code::InvalidArgument,
            "INVALID_GID",
        ),
        (
            with(|it| it.gid = "g 1".into()),
            Code::InvalidArgument,
            "INVALID_GID",
        ),
        (
            with(|it| it.gid = "gïd".into()),
            Code::InvalidArgument,
            "INVALID_GID",
        ),
        (
            with(|it| it.branches.clear()),
            Code::InvalidArgument,
            "INVALID_BRANCH",
        ),
        (
            with(|it| it.branches.push(it.branches[0].clone())),
            Code::InvalidArgument,
            "INVALID_BRANCH",
        ),
        (
            with(|it| it.branches[0].participant.clear()),
            Code::InvalidArgument,
            "INVALID_BRANCH",
        ),
        (
            with(|it| it.branches[0].participant = "nobody".into()),
            Code::NotFound,
            "UNKNOWN_PARTICIPANT",
        ),
        (
            with(|it| it.branches[0].action = "nothing".into()),
            Code::NotFound,
            "UNKNOWN_ACTION",
        ),
        (
            execute("g-1", 65),
            Code::InvalidArgument,
            "TOO_MANY_BRANCHES",
        ),
        (
            {
                let mut request = execute("g-1", 1);
                request.branches[0].payload = large(2 * 1024 * 1024);
                request
            },
            Code::InvalidArgument,
            "PAYLOAD_TOO_LARGE",
        ),
    ];
    for (request, code, expected) in cases {
        let gid = request.gid.clone();
        assert_eq!(
            refused(&pair, request).await,
            (code, expected.to_owned()),
            "gid {gid:?}"
        );
    }
    assert_eq!(
        queries::transactions(pair.folder.path()).await,
        0,
        "nothing has begun"
    );
}

#[tokio::test]
async fn a_bad_field_is_named() {
    let (pair, _coordinator) = Pair::new().await;
    let mut request = execute("g-1", 2);
    request.branches[1].id = "two words".into();
    let status = pair
        .client()
        .execute_transaction(request)
        .await
        .unwrap_err();
    let violations = status.get_details_bad_request().unwrap().field_violations;
    assert_eq!(violations[0].field, "branches[1].id");
}

#[tokio::test]
async fn the_largest_that_is_allowed_is_taken() {
    let (pair, _coordinator) = Pair::new().await;
    let mut request = execute(&"g".repeat(128), 64);
    request.branches[0].payload = Some(branch::Payload::Message(vec![7; 1024 * 1024].into()));
    let mut client = pair.client();
    let executed = pair
        .participant
        .answering(client.execute_transaction(request))
        .await;
    assert!(executed.is_ok(), "{executed:?}");
}

fn json(participant: &str, action: &str, fields: &[(&str, Kind)]) -> Branch {
    let fields = fields
        .iter()
        .map(|(name, kind)| {
            (
                (*name).to_owned(),
                Value {
                    kind: Some(kind.clone()),
                },
            )
        })
        .collect();
    Branch {
        id: "1".into(),
        participant: participant.into(),
        action: action.into(),
        payload: Some(branch::Payload::Json(Struct { fields })),
    }
}

#[tokio::test]
async fn a_json_payload_is_checked_against_the_participants_own_schema() {
    let shop = Shop::start().await;
    let text = |text: &str| Kind::StringValue(text.into());
    let cases = [
        (
            vec![("sku", text("tea")), ("quantitty", Kind::NumberValue(1.0))],
            "quantitty",
        ),
        (vec![("sku", Kind::NumberValue(1.0))], "sku"),
        (
            vec![("quantity", Kind::NumberValue(9_007_199_254_740_994.0))],
            "quantity",
        ),
        (vec![("quantity", text("many"))], "quantity"),
    ];
    for (fields, path) in cases {
        let request = ExecuteTransactionRequest {
            gid: "g-1".into(),
            branches: vec![json("stock", "reserve", &fields)],
            ..ExecuteTransactionRequest::default()
        };
        let status = shop
            .transactions()
            .execute_transaction(request)
            .await
            .unwrap_err();
        assert_eq!(
            (status.code(), reason(&status)),
            (Code::InvalidArgument, "INVALID_PAYLOAD".into()),
            "{path}"
        );
        assert!(status.message().contains(path), "{}", status.message());
    }
    assert_eq!(queries::transactions(shop.folder.path()).await, 0);
}
