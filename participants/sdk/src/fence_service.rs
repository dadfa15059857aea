//! `tercet.v1.FenceService`: the fence, which reconciliation compares with the coordinator's log.
//!
//! Whoever asks for a branch to be settled says only when: what is done is the coordinator's decision.

use std::collections::BTreeSet;
use std::sync::Arc;

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
use crate::resolver::{Settle, Settled};

/// Branches that are read at once: a page of the list, and few enough for every database to look each up by its key.
const BRANCHES_MAX: usize = 500;

/// Reads a fence for `tercet.v1.FenceService`.
pub struct FenceReader<D: FenceDb> {
    fence: Fence<D>,
    settler: Option<Arc<dyn Settle>>,
}

impl<D: FenceDb> std::fmt::Debug for FenceReader<D> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FenceReader")
            .field("fence", &self.fence)
            .finish_non_exhaustive()
    }
}

impl<D: FenceDb> FenceReader<D> {
    /// Reads `fence`.
    pub fn new(fence: Fence<D>) -> Self {
        Self {
            fence,
            settler: None,
        }
    }

    /// Lets branches be settled by `settler` when somebody asks for it.
    pub(crate) fn settled_by(fence: Fence<D>, settler: Arc<dyn Settle>) -> Self {
        Self {
            fence,
            settler: Some(settler),
        }
    }

    async fn row(&self, key: &BranchKey) -> Result<FenceRow, Status> {
        let row = self.get(key).await.map_err(database)?;
        row.ok_or_else(|| {
            error_status(
                Code::NotFound,
                "UNKNOWN_BRANCH",
                DOMAIN,
                "the fence has no row for this branch",
            )
        })
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

    async fn get_many(&self, keys: &BTreeSet<BranchKey>) -> sqlx::Result<Vec<FenceRow>> {
        let keys: Vec<&BranchKey> = keys.iter().collect();
        let mut reader = Held::of(self.fence.database().reader()).await?;
        let rows = limited(D::read_many(&mut reader, &keys)).await;
        let rows = reader.settle(rows)?;
        Ok(rows)
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
        let row = self.row(&key).await?;
        Ok(Response::new(proto::GetBranchResponse {
            branch: Some(to_proto(row)),
        }))
    }

    async fn get_branches(
        &self,
        request: Request<proto::GetBranchesRequest>,
    ) -> Result<Response<proto::GetBranchesResponse>, Status> {
        let asked = request.into_inner().branches;
        if !(1..=BRANCHES_MAX).contains(&asked.len()) {
            let message = format!("branches: 1 to {BRANCHES_MAX} can be asked for at once");
            return Err(invalid(&message));
        }
        let keys = asked
            .iter()
            .map(|one| BranchKey::new(&one.gid, &one.branch_id))
            .collect::<Result<BTreeSet<_>, _>>()
            .map_err(|error| invalid(&error.to_string()))?;
        let rows = self.get_many(&keys).await.map_err(database)?;
        Ok(Response::new(proto::GetBranchesResponse {
            branches: rows.into_iter().map(to_proto).collect(),
        }))
    }

    async fn settle_branch(
        &self,
        request: Request<proto::SettleBranchRequest>,
    ) -> Result<Response<proto::SettleBranchResponse>, Status> {
        let request = request.into_inner();
        let key = BranchKey::new(&request.gid, &request.branch_id)
            .map_err(|error| invalid(&error.to_string()))?;
        let mut row = self.row(&key).await?;
        if row.state == FenceState::Tried {
            let settler = self.settler.clone();
            let settler =
                settler.ok_or_else(|| Status::unimplemented("branches can't be settled"))?;
            // A caller that goes away must not break it off half way.
            let settled = tokio::spawn(async move { settler.settle_now(row).await });
            match settled.await.unwrap_or(Settled::Failed) {
                Settled::Yes => {}
                Settled::Pending => return Err(not_settled(Code::FailedPrecondition, "PENDING")),
                Settled::Unknown => {
                    return Err(not_settled(Code::FailedPrecondition, "UNKNOWN_TRANSACTION"));
                }
                Settled::Failed => return Err(not_settled(Code::Unavailable, "NOT_SETTLED")),
            }
            row = self.row(&key).await?;
        }
        Ok(Response::new(proto::SettleBranchResponse {
            branch: Some(to_proto(row)),
        }))
    }
}

fn not_settled(code: Code, reason: &str) -> Status {
    let message = match reason {
        "PENDING" => "the transaction is undecided",
        "UNKNOWN_TRANSACTION" => "the coordinator doesn't know the transaction; the branch is kept",
        _ => "no answer from the coordinator, or the action failed; try again later",
    };
    error_status(code, reason, DOMAIN, message)
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
