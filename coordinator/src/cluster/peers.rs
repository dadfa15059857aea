//! Channels to other coordinators, made when they are first needed.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tercet_proto::tercet::v1::admin_service_client::AdminServiceClient;
use tercet_proto::tercet::v1::transaction_service_client::TransactionServiceClient;
use tercet_service::MESSAGE_BYTES_MAX;
use tonic::transport::{Channel, Endpoint};

use crate::Connect;

/// Channels that are kept. More replicas than that are served with channels that are made anew.
const CHANNELS_MAX: usize = 64;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A frozen coordinator doesn't answer pings: calls that wait for it end after the two together.
const PING_EVERY: Duration = Duration::from_secs(5);
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Another coordinator.
#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) transactions: TransactionServiceClient<Channel>,
    pub(crate) admin: AdminServiceClient<Channel>,
}

/// Channels by address.
#[derive(Debug)]
pub(crate) struct Peers {
    connect: Connect,
    channels: Mutex<BTreeMap<String, Channel>>,
}

impl Peers {
    pub(crate) fn new(connect: &Connect) -> Self {
        Self {
            connect: connect.clone(),
            channels: Mutex::default(),
        }
    }

    /// The coordinator at that address.
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub(crate) fn at(&self, address: &str) -> Result<Peer, tonic::transport::Error> {
        let channel = self.channel(address)?;
        let transactions = TransactionServiceClient::new(channel.clone());
        let admin = AdminServiceClient::new(channel);
        Ok(Peer {
            transactions: transactions.max_decoding_message_size(MESSAGE_BYTES_MAX),
            admin: admin.max_decoding_message_size(MESSAGE_BYTES_MAX),
        })
    }

    fn channel(&self, address: &str) -> Result<Channel, tonic::transport::Error> {
        // A panic elsewhere leaves a map that is whole.
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(channel) = channels.get(address) {
            return Ok(channel.clone());
        }
        let endpoint = Endpoint::from_shared(address.to_owned())?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .tcp_nodelay(true);
        let channel = self.connect.channel(&endpoint);
        if channels.len() >= CHANNELS_MAX {
            channels.pop_first();
        }
        channels.insert(address.to_owned(), channel.clone());
        Ok(channel)
    }
}
