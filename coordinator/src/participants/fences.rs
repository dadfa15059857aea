//! Reading participants' fences, for transactions of a log that was restored from a backup.
//!
//! A fence is read through `tercet.v1.FenceService`, which the SDK offers and other participants may. Whatever isn't a
//! clear row, or a clear "there is none", is a fence that couldn't be read: what follows from that is the core's.

use futures::future::join_all;
use prost::Message as _;
use tercet_core::{BranchId, FenceFound, FenceReading, Gid, ParticipantName};
use tercet_proto::tercet::v1 as pb;
use tonic::Code;
use tonic_types::StatusExt as _;

use super::metadata::unary;
use super::unary::{Exchange, Reply};
use super::{Participant, Participants};

const SERVICE: &str = "tercet.v1.FenceService";
const METHOD: &str = "GetBranch";
/// The reason beside NOT_FOUND. A NOT_FOUND of a proxy has none, and isn't the fence's.
const NO_ROW: &str = "UNKNOWN_BRANCH";
/// A row holds two ids, a name and a time.
const REPLY_BYTES_MAX: usize = 4 * 1024;

impl Participants {
    /// Reads the fences of these branches of one transaction, once each, all at a time.
    pub(crate) async fn read_fences(
        &self,
        gid: Gid,
        branches: Vec<(BranchId, ParticipantName)>,
    ) -> Vec<FenceReading> {
        let gid = &gid;
        let readings = branches.into_iter().map(|(branch, name)| async move {
            let found = match self.get(&name) {
                Some(participant) => participant.read_fence(gid, &branch).await,
                None => Err(format!("participant {name} isn't configured any more")),
            };
            FenceReading { branch, found }
        });
        join_all(readings).await
    }
}

impl Participant {
    async fn read_fence(&self, gid: &Gid, branch: &BranchId) -> Result<FenceFound, String> {
        // A log with many open transactions is no reason to overrun anybody.
        let Some(_place) = self.turns.place().await else {
            return Err(format!("participant {} is paused", self.name));
        };
        let message = pb::GetBranchRequest {
            gid: gid.as_str().to_owned(),
            branch_id: branch.as_str().to_owned(),
        }
        .encode_to_vec();
        let exchanged = self
            .exchange(
                |timeout| unary(SERVICE, METHOD, &message, timeout),
                Reply::Keep(REPLY_BYTES_MAX),
                self.timeout(),
            )
            .await
            .map_err(|error| error.to_string())?;
        let found = found(exchanged, gid, branch);
        found.map_err(|why| format!("participant {}: {why}", self.name))
    }
}

fn found(exchanged: Exchange, gid: &Gid, branch: &BranchId) -> Result<FenceFound, String> {
    match exchanged {
        Exchange::Done(reply) => {
            let reply = pb::GetBranchResponse::decode(reply.as_ref());
            let row = reply.ok().and_then(|reply| reply.branch);
            let row = row.ok_or("its answer is no row of a fence")?;
            if row.gid != gid.as_str() || row.branch_id != branch.as_str() {
                return Err("it has answered with another branch".to_owned());
            }
            state(row.state())
        }
        Exchange::Refused(status) if is_no_row(&status) => Ok(FenceFound::Nothing),
        Exchange::Refused(status) if status.code() == Code::Unimplemented => {
            Err("it has no FenceService".to_owned())
        }
        Exchange::Refused(status) => Err(format!("{:?}: {}", status.code(), status.message())),
        Exchange::TooLarge(bytes) => Err(format!("an answer of {bytes} bytes is no row")),
        Exchange::NeverSent(why) | Exchange::Broken(why) => Err(why),
        Exchange::TimedOut => Err("no answer in time".to_owned()),
    }
}

fn is_no_row(status: &tonic::Status) -> bool {
    let details = status.get_error_details();
    let reason = details.error_info().map(|info| info.reason.as_str());
    status.code() == Code::NotFound && reason == Some(NO_ROW)
}

fn state(state: pb::FenceState) -> Result<FenceFound, String> {
    match state {
        pb::FenceState::Tried => Ok(FenceFound::Tried),
        pb::FenceState::Confirmed => Ok(FenceFound::Confirmed),
        pb::FenceState::Cancelled => Ok(FenceFound::Cancelled),
        pb::FenceState::EndedByHand => Ok(FenceFound::EndedByHand),
        pb::FenceState::Unspecified => Err("the row has no state".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use bytes::Bytes;
    use tonic::Status;
    use tonic_types::ErrorDetails;

    use super::*;

    fn ids() -> (Gid, BranchId) {
        (Gid::parse("g").unwrap(), BranchId::parse("b").unwrap())
    }

    fn read(exchanged: Exchange) -> Result<FenceFound, String> {
        let (gid, branch) = ids();
        found(exchanged, &gid, &branch)
    }

    fn row(gid: &str, state: pb::FenceState) -> Exchange {
        let branch = pb::FencedBranch {
            gid: gid.to_owned(),
            branch_id: "b".to_owned(),
            state: state.into(),
            ..pb::FencedBranch::default()
        };
        let reply = pb::GetBranchResponse {
            branch: Some(branch),
        };
        Exchange::Done(Bytes::from(reply.encode_to_vec()))
    }

    fn not_found(reason: &str) -> Exchange {
        let details = ErrorDetails::with_error_info(reason, "tercet", []);
        Exchange::Refused(Status::with_error_details(Code::NotFound, "none", details))
    }

    #[test]
    fn a_row_is_what_it_says() {
        for (state, expected) in [
            (pb::FenceState::Tried, FenceFound::Tried),
            (pb::FenceState::Confirmed, FenceFound::Confirmed),
            (pb::FenceState::Cancelled, FenceFound::Cancelled),
            (pb::FenceState::EndedByHand, FenceFound::EndedByHand),
        ] {
            assert_eq!(read(row("g", state)), Ok(expected));
        }
    }

    #[test]
    fn only_the_fence_itself_can_say_that_there_is_no_row() {
        assert_eq!(read(not_found(NO_ROW)), Ok(FenceFound::Nothing));
        // A proxy's, or another service's.
        assert!(read(not_found("")).is_err());
        assert!(read(Exchange::Refused(Status::not_found("no such route"))).is_err());
    }

    #[test]
    fn whatever_is_unclear_is_not_read() {
        for unclear in [
            row("another", pb::FenceState::Confirmed),
            row("g", pb::FenceState::Unspecified),
            Exchange::Done(Bytes::new()),
            Exchange::Done(Bytes::from_static(b"no protobuf")),
            Exchange::Refused(Status::unimplemented("")),
            Exchange::Refused(Status::unavailable("")),
            Exchange::TooLarge(1 << 20),
            Exchange::NeverSent("refused".to_owned()),
            Exchange::Broken("reset".to_owned()),
            Exchange::TimedOut,
        ] {
            let shown = format!("{unclear:?}");
            assert!(read(unclear).is_err(), "{shown}");
        }
    }
}
