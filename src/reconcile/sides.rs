//! The participants: where they are, and what they offer.

use std::time::Duration;

use tercet_client::{
    Client,
    proto::{Participant, Phase, fence_service_client::FenceServiceClient},
};
use tonic::transport::{Channel, Endpoint};

use super::compare::Verbs;
use crate::failure::Failure;

/// How long one call to a participant may take.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// One participant.
#[derive(Debug, Clone)]
pub(super) struct Side {
    pub(super) name: String,
    pub(super) channel: Channel,
    participant: Participant,
}

impl Side {
    pub(super) fn fence(&self) -> FenceServiceClient<Channel> {
        FenceServiceClient::new(self.channel.clone())
    }

    /// Whether one of its actions is a service of this package, for example `shop.stock.v1.`.
    pub(super) fn has_package(&self, package: &str) -> bool {
        let mut actions = self.participant.actions.iter();
        actions.any(|action| action.service.starts_with(package))
    }

    /// The verbs of an action by its name, or by its service's.
    pub(super) fn verbs(&self, action: &str) -> Verbs {
        let mut actions = self.participant.actions.iter();
        let known = actions.find(|known| known.name == action || known.service == action);
        match known {
            None => Verbs {
                has_try: true,
                has_confirm: true,
            },
            Some(known) => Verbs {
                has_try: known.verbs().any(|verb| verb == Phase::Try),
                has_confirm: known.verbs().any(|verb| verb == Phase::Confirm),
            },
        }
    }
}

/// All that the coordinator knows, or that `elsewhere` names.
pub(super) async fn all(
    client: &Client,
    elsewhere: &[(String, String)],
) -> Result<Vec<Side>, Failure> {
    let participants = client.admin().list_participants().await?;
    for (name, _) in elsewhere {
        if !participants.iter().any(|known| known.name == *name) {
            return Err(Failure::usage(format!(
                "--participant {name}: the coordinator has none of that name"
            )));
        }
    }
    participants
        .into_iter()
        .map(|participant| {
            let given = elsewhere.iter().find(|(name, _)| *name == participant.name);
            // Its replicas have one fence, so one of them is enough.
            let endpoint = given.map(|(_, endpoint)| endpoint);
            let endpoint = endpoint.or(participant.endpoints.first()).cloned();
            side(participant, &endpoint.unwrap_or_default())
        })
        .collect()
}

fn side(participant: Participant, endpoint: &str) -> Result<Side, Failure> {
    Ok(Side {
        channel: channel(endpoint)
            .map_err(|error| Failure::usage(format!("{}: {error}", participant.name)))?,
        name: participant.name.clone(),
        participant,
    })
}

/// A channel to a URL or `HOST:PORT`.
fn channel(endpoint: &str) -> Result<Channel, tonic::transport::Error> {
    let url = if endpoint.contains("://") {
        endpoint.to_owned()
    } else {
        format!("http://{endpoint}")
    };
    let endpoint = Endpoint::from_shared(url)?;
    Ok(endpoint
        .tcp_nodelay(true)
        .connect_timeout(CALL_LIMIT)
        .timeout(CALL_LIMIT)
        .connect_lazy())
}
