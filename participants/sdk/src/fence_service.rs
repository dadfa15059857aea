//! `tercet.v1.FenceService`: the fence for reading, which reconciliation compares with the coordinator's log.

use tercet_proto::tercet::v1 as proto;
use tercet_proto::tercet::v1::fence_service_server::FenceService;
use tonic::{Code, Request, Response, Status};

use crate::DOMAIN;
use crate::check::page_size;
use crate::clock::{micros, now_micros};
use crate::context::BranchKey;
use crate::error::{ActionError, error_status};
use crate::fence::{Fence, FenceDb, FenceRow, FenceState, ListFilter, Position};
use crate::held::{Held, limited};

/// Reads a fence for `tercet.v1.FenceService`.
#[derive(Debug)]
pub struct FenceReader<D: FenceDb> {
    fence: Fence<D>,
}

impl<D: FenceDb> FenceReader<D> {
    /// Reads `fence`.
    pub fn new(fence: Fence<D>) -> Self {
        Self { fence }
    }

    async fn list(&self, filter: &ListFilter) -> sqlx::Result<Vec<FenceRow>> {
        let mut reader = Held::of(self.fence.database().reader()).await?;
        let rows = limited(D::list(&mut reader, filter)).await;
        let rows = reader.settle(rows)?;
        Ok(rows)
    }

    async fn get(&self, key: &BranchKey) -> sqlx::Result<Option<FenceRow>> {
        let mut reader = Held::of(self.fence.database().reader()).await?;
        let row = limited(D::read(&mut reader, key)).await;
        let row = reader.settle(row)?;
        Ok(row)
    }
}

#[tonic::async_trait]
impl<D: FenceDb> FenceService for FenceReader<D> {
    async fn list_branches(
        &self,
        request: Request<proto::ListBranchesRequest>,
    ) -> Result<Response<proto::ListBranchesResponse>, Status> {
        let request = request.into_inner();
        let limit = page_size(request.page_size).map_err(|message| invalid(&message))?;
        let states = request
            .states()
            .map(|state| {
                from_proto(state).ok_or_else(|| invalid("states names one that isn't a state"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let filter = ListFilter {
            states,
            changed_until: changed_until(request.older_than)?,
            after: parse_token(&request.page_token)?,
            limit: limit + 1,
        };
        let mut rows = self.list(&filter).await.map_err(database)?;
        let has_more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next_page_token = rows
            .last()
            .filter(|_| has_more)
            .map(token)
            .unwrap_or_default();
        let branches = rows.into_iter().map(to_proto).collect();
        Ok(Response::new(proto::ListBranchesResponse {
            branches,
            next_page_token,
        }))
    }

    async fn get_branch(
        &self,
        request: Request<proto::GetBranchRequest>,
    ) -> Result<Response<proto::GetBranchResponse>, Status> {
        let request = request.into_inner();
        let key = BranchKey::new(&request.gid, &request.branch_id)
            .map_err(|error| invalid(&error.to_string()))?;
        let row = self.get(&key).await.map_err(database)?;
        let row = row.ok_or_else(|| {
            error_status(
                Code::NotFound,
                "UNKNOWN_BRANCH",
                DOMAIN,
                "the fence has no row for this branch",
            )
        })?;
        Ok(Response::new(proto::GetBranchResponse {
            branch: Some(to_proto(row)),
        }))
    }
}

fn database(error: sqlx::Error) -> Status {
    tracing::warn!(%error, "fence not read");
    ActionError::from(error).into_status(DOMAIN)
}

fn invalid(message: &str) -> Status {
    error_status(Code::InvalidArgument, "INVALID_REQUEST", DOMAIN, message)
}

fn changed_until(older_than: Option<prost_types::Duration>) -> Result<i64, Status> {
    let now = now_micros();
    let Some(older_than) = older_than else {
        return Ok(i64::MAX);
    };
    let age =
        std::time::Duration::try_from(older_than).map_err(|_| invalid("older_than is negative"))?;
    Ok(now.saturating_sub(micros(age)))
}

/// A token names the last row shown. Ids hold no space, so a space parts them.
fn token(row: &FenceRow) -> String {
    format!("{} {} {}", row.changed_at, row.key.gid, row.key.branch)
}

fn parse_token(token: &str) -> Result<Option<Position>, Status> {
    if token.is_empty() {
        return Ok(None);
    }
    let parsed = || {
        let mut parts = token.splitn(3, ' ');
        let changed_at = parts.next()?.parse().ok()?;
        let key = BranchKey::new(parts.next()?, parts.next()?).ok()?;
        Some(Position { changed_at, key })
    };
    parsed()
        .map(Some)
        .ok_or_else(|| invalid("page_token wasn't made by this service"))
}

fn to_proto(row: FenceRow) -> proto::FencedBranch {
    let state = match row.state {
        FenceState::Tried => proto::FenceState::Tried,
        FenceState::Confirmed => proto::FenceState::Confirmed,
        FenceState::Cancelled => proto::FenceState::Cancelled,
        FenceState::EndedByHand => proto::FenceState::EndedByHand,
    };
    proto::FencedBranch {
        gid: row.key.gid,
        branch_id: row.key.branch,
        state: state.into(),
        action: row.service,
        updated_at: Some(crate::clock::timestamp(row.changed_at)),
    }
}

fn from_proto(state: proto::FenceState) -> Option<FenceState> {
    match state {
        proto::FenceState::Unspecified => None,
        proto::FenceState::Tried => Some(FenceState::Tried),
        proto::FenceState::Confirmed => Some(FenceState::Confirmed),
        proto::FenceState::Cancelled => Some(FenceState::Cancelled),
        proto::FenceState::EndedByHand => Some(FenceState::EndedByHand),
    }
}
