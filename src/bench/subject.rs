//! What is measured: processes that this one starts, and ends when it goes.

use std::{fmt::Write as _, process::Stdio, time::Duration};

use tempfile::TempDir;
use tercet_client::proto::{
    GetStatusRequest, GetStatusResponse, admin_service_client::AdminServiceClient,
};
use tokio::{process::Child, time::Instant};
use tonic::transport::{Channel, Endpoint};

use super::echo::PARTICIPANTS;
use crate::{failure::Failure, processes::start};

/// How long confirms may take to come after the last answer.
const PATIENCE: Duration = Duration::from_mins(1);
/// Where a coordinator's temporary folder belongs in its file.
const FOLDER: &str = "<FOLDER>";
/// The share of transactions that are traced: the default.
const SAMPLE_RATIO: f64 = 0.01;
/// Between two looks at a counter.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// The participants, in a process of their own.
#[derive(Debug)]
pub(super) struct Participants {
    _process: Child,
    pub(super) addresses: Vec<String>,
    count: Channel,
}

/// A receiver of traces, in a process of its own.
#[derive(Debug)]
pub(super) struct Receiver {
    _process: Child,
    address: String,
    count: Channel,
}

/// The floor, or a coordinator on one log.
#[derive(Debug)]
pub(super) struct Subject {
    /// For the table.
    pub(super) name: String,
    /// Where its calls go.
    pub(super) channel: Channel,
    /// A coordinator has a log; the floor has none.
    pub(super) is_floor: bool,
    /// `HOST:PORT` of a coordinator that is looked at while it works.
    pub(super) watched: Option<String>,
    _process: Child,
    _folder: Option<TempDir>,
}

impl Participants {
    pub(super) async fn start() -> Result<Self, Failure> {
        let (process, ready) =
            start(&["bench-part", "participants"], None, Stdio::inherit()).await?;
        let addresses: Vec<String> = ready.split_whitespace().map(str::to_owned).collect();
        let Some(first) = addresses.first() else {
            return Err(Failure::failed(
                "the participants didn't say where they listen",
            ));
        };
        Ok(Self {
            count: connect(first)?,
            _process: process,
            addresses,
        })
    }

    /// Confirms and cancels that came since they were started.
    pub(super) async fn ended(&self) -> Result<u64, Failure> {
        counted(&self.count).await
    }

    /// Waits until so many have come; how long that took.
    pub(super) async fn wait_for(&self, ended: u64) -> Result<Duration, Failure> {
        let begun = Instant::now();
        while self.ended().await? < ended {
            if begun.elapsed() > PATIENCE {
                return Err(Failure::failed("the last confirms didn't come"));
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(begun.elapsed())
    }
}

/// The count of one of this measurement's programs.
async fn counted(channel: &Channel) -> Result<u64, Failure> {
    let mut grpc = tonic::client::Grpc::new(channel.clone());
    grpc.ready().await.map_err(Failure::failed)?;
    let path = http::uri::PathAndQuery::from_static("/bench.v1.CountService/Get");
    let codec = tonic_prost::ProstCodec::<(), u64>::default();
    let answer = grpc.unary(tonic::Request::new(()), path, codec).await;
    Ok(answer.map_err(Failure::failed)?.into_inner())
}

impl Receiver {
    pub(super) async fn start() -> Result<Self, Failure> {
        let arguments = ["bench-part", "receiver"];
        let (process, address) = start(&arguments, None, Stdio::inherit()).await?;
        Ok(Self {
            count: connect(&address)?,
            address,
            _process: process,
        })
    }

    /// Calls with spans that came.
    pub(super) async fn exports(&self) -> Result<u64, Failure> {
        counted(&self.count).await
    }
}

impl Subject {
    /// The floor over these participants.
    pub(super) async fn floor(participants: &Participants) -> Result<Self, Failure> {
        let mut arguments = vec!["bench-part", "floor"];
        arguments.extend(participants.addresses.iter().map(String::as_str));
        let (process, address) = start(&arguments, None, Stdio::inherit()).await?;
        Ok(Self {
            name: "floor, no log".to_owned(),
            channel: connect(&address)?,
            is_floor: true,
            watched: None,
            _process: process,
            _folder: None,
        })
    }

    /// A coordinator over these participants, on an SQLite file in a temporary folder or on the log of `url`; with traces to
    /// the receiver, if there is one, and looked at while it works.
    pub(super) async fn coordinator(
        participants: &Participants,
        url: Option<&str>,
        receiver: Option<&Receiver>,
    ) -> Result<Self, Failure> {
        let log = url.map_or("SQLite".to_owned(), tercet_database::mask);
        let (name, telemetry) = match receiver {
            None => (format!("coordinator, {log}"), String::new()),
            Some(receiver) => (
                format!("the same, {log}, with telemetry"),
                format!(
                    "otlp_endpoint = \"http://{}\"\nsample_ratio = {SAMPLE_RATIO}\n",
                    receiver.address
                ),
            ),
        };
        let text = configuration(url, &telemetry, &working(participants));
        let mut subject = Self::serve(name, &text).await?;
        if receiver.is_none() {
            subject.watched = None;
        }
        Ok(subject)
    }

    /// A coordinator on an SQLite file over three working participants and one more that is as `fourth` says.
    pub(super) async fn beside(participants: &Participants, fourth: &str) -> Result<Self, Failure> {
        let all = working(participants) + fourth;
        Self::serve(String::new(), &configuration(None, "", &all)).await
    }

    /// `text` has `FOLDER` where the temporary folder belongs.
    async fn serve(name: String, text: &str) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().map_err(Failure::failed)?;
        let file = folder.path().join("coordinator.toml");
        let text = text.replace(FOLDER, &folder.path().display().to_string());
        std::fs::write(&file, text).map_err(Failure::failed)?;
        let config = file.display().to_string();
        // A password in a url stays out of the process list: the file has it.
        let (process, ready) =
            start(&["serve", "--config", &config], None, Stdio::inherit()).await?;
        let part = |key: &str| {
            let mut words = ready.split_whitespace();
            let found = words.find_map(|word| word.strip_prefix(key));
            found.ok_or_else(|| Failure::failed(format!("a coordinator said {ready:?}")))
        };
        Ok(Self {
            name,
            channel: connect(part("grpc=")?)?,
            is_floor: false,
            watched: Some(part("http=")?.to_owned()),
            _process: process,
            _folder: Some(folder),
        })
    }

    /// How a coordinator is doing; nothing for the floor.
    pub(super) async fn status(&self) -> Result<Option<GetStatusResponse>, Failure> {
        if self.is_floor {
            return Ok(None);
        }
        let mut admin = AdminServiceClient::new(self.channel.clone());
        let status = admin.get_status(GetStatusRequest {}).await;
        Ok(Some(status.map_err(Failure::failed)?.into_inner()))
    }
}

/// A coordinator's file. On SQLite the log is in [`FOLDER`].
fn configuration(url: Option<&str>, telemetry: &str, participants: &str) -> String {
    let sqlite = format!("sqlite:{FOLDER}/log.db");
    let log = url.unwrap_or(&sqlite);
    format!(
        "listen = \"127.0.0.1:0\"\nhttp_listen = \"127.0.0.1:0\"\n[log]\nurl = {log:?}\n[telemetry]\nlog = \"error\"\n{telemetry}{participants}"
    )
}

/// Those that answer at once, as a coordinator's file has them.
fn working(participants: &Participants) -> String {
    let mut text = String::new();
    for (number, address) in participants.addresses.iter().take(PARTICIPANTS).enumerate() {
        let _ = write!(
            text,
            "[participants.bench-{number}]\nendpoints = [\"http://{address}\"]\n\
             [participants.bench-{number}.actions]\nwork = \"bench.v1.WorkService\"\n"
        );
    }
    text
}

fn connect(address: &str) -> Result<Channel, Failure> {
    let endpoint = Endpoint::from_shared(format!("http://{address}"));
    Ok(endpoint
        .map_err(Failure::failed)?
        .tcp_nodelay(true)
        .connect_lazy())
}
