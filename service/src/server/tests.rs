//! The life of a server over real sockets: ready line, health, reflection, deadlines, drain.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may panic")]

use std::{
    convert::Infallible,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use http::{Request, Response};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{Notify, oneshot},
};
use tonic::{Code, Status, body::Body, codec::Streaming, server::NamedService, transport::Channel};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse, health_client::HealthClient};

use super::*;
use crate::Readiness;

/// A service whose calls are never answered; it tells when one has arrived.
#[derive(Clone, Default)]
struct Silent {
    arrived: Arc<Notify>,
}

impl NamedService for Silent {
    const NAME: &'static str = "test.Silent";
}

impl tower::Service<Request<Body>> for Silent {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<Body>) -> Self::Future {
        self.arrived.notify_one();
        Box::pin(std::future::pending())
    }
}

async fn start(services: Services, drain: &Drain) -> Running {
    let bound = Bound::bind(&Listen::any_loopback()).await.unwrap();
    bound.start(services, drain.clone()).unwrap()
}

async fn channel(running: &Running) -> Channel {
    let url = running.addresses().grpc_url();
    Channel::from_shared(url).unwrap().connect().await.unwrap()
}

async fn health(channel: Channel, service: &str) -> Result<i32, Code> {
    let request = HealthCheckRequest {
        service: service.to_owned(),
    };
    let answer = HealthClient::new(channel).check(request).await;
    answer
        .map(|answer| answer.into_inner().status)
        .map_err(|status| status.code())
}

async fn watch(channel: Channel) -> Streaming<HealthCheckResponse> {
    let request = HealthCheckRequest::default();
    let answer = HealthClient::new(channel).watch(request).await.unwrap();
    answer.into_inner()
}

/// One call to [`Silent`], answered with the status it ended with.
async fn call_silent(channel: Channel) -> Status {
    let mut grpc = tonic::client::Grpc::new(channel);
    grpc.ready().await.unwrap();
    let path = http::uri::PathAndQuery::from_static("/test.Silent/Call");
    let codec = tonic_prost::ProstCodec::<(), ()>::default();
    grpc.unary(tonic::Request::new(()), path, codec)
        .await
        .unwrap_err()
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

#[tokio::test]
async fn a_started_server_is_ready_and_healthy() {
    let running = start(Services::new().grpc(Silent::default()), &Drain::new()).await;
    let Addresses { grpc, http } = running.addresses();
    assert!(grpc.port() != 0 && http.port() != 0);
    assert_eq!(
        running.ready_line(),
        format!("ready grpc={grpc} http={http}")
    );

    assert!(get(http, "/healthz").await.starts_with("HTTP/1.1 200"));
    assert!(get(http, "/readyz").await.starts_with("HTTP/1.1 200"));
    let channel = channel(&running).await;
    assert_eq!(health(channel.clone(), "").await, Ok(1));
    assert_eq!(health(channel.clone(), "nobody").await, Err(Code::NotFound));
    let mut stream = watch(channel).await;
    assert_eq!(stream.message().await.unwrap().unwrap().status, 1);
    running.abort().await;
}

#[tokio::test]
async fn a_reason_turns_readiness_and_health_red_and_back() {
    let readiness = Readiness::new();
    let services = Services::new()
        .grpc(Silent::default())
        .readiness(readiness.clone());
    let running = start(services, &Drain::new()).await;
    let mut stream = watch(channel(&running).await).await;
    assert_eq!(stream.message().await.unwrap().unwrap().status, 1);

    readiness.red("log", "no answer for 11 s");
    assert_eq!(stream.message().await.unwrap().unwrap().status, 2);
    let answer = get(running.addresses().http, "/readyz").await;
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    assert!(answer.ends_with("log: no answer for 11 s\n"), "{answer}");

    readiness.green("log");
    assert_eq!(stream.message().await.unwrap().unwrap().status, 1);
    running.abort().await;
}

#[tokio::test]
async fn both_versions_of_reflection_list_the_services() {
    use tonic_reflection::pb::{v1, v1alpha};

    let running = start(Services::new(), &Drain::new()).await;
    let channel = channel(&running).await;

    let request = v1::ServerReflectionRequest {
        message_request: Some(v1::server_reflection_request::MessageRequest::ListServices(
            String::new(),
        )),
        ..Default::default()
    };
    let mut answers = v1::server_reflection_client::ServerReflectionClient::new(channel.clone())
        .server_reflection_info(futures::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    let Some(v1::server_reflection_response::MessageResponse::ListServicesResponse(list)) =
        answer.message_response
    else {
        panic!("no list");
    };
    let names: Vec<_> = list
        .service
        .into_iter()
        .map(|service| service.name)
        .collect();
    assert!(
        names.contains(&"grpc.health.v1.Health".to_owned()),
        "{names:?}"
    );

    let request = v1alpha::ServerReflectionRequest {
        message_request: Some(
            v1alpha::server_reflection_request::MessageRequest::FileContainingSymbol(
                "grpc.health.v1.Health".to_owned(),
            ),
        ),
        ..Default::default()
    };
    let mut answers = v1alpha::server_reflection_client::ServerReflectionClient::new(channel)
        .server_reflection_info(futures::stream::iter([request]))
        .await
        .unwrap()
        .into_inner();
    let answer = answers.message().await.unwrap().unwrap();
    assert!(matches!(
        answer.message_response,
        Some(v1alpha::server_reflection_response::MessageResponse::FileDescriptorResponse(_))
    ));
    running.abort().await;
}

#[tokio::test]
async fn a_port_in_use_is_one_line_with_key_and_address() {
    let first = Bound::bind(&Listen::any_loopback()).await.unwrap();
    let taken = first.addresses().http;
    let listen = Listen {
        grpc: ListenAddress::loopback(0),
        http: taken.to_string().parse().unwrap(),
    };
    let error = Bound::bind(&listen).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("http_listen: {taken} is in use by another process")
    );
}

#[tokio::test]
async fn abort_drops_the_listeners_and_every_connection() {
    let silent = Silent::default();
    let running = start(Services::new().grpc(silent.clone()), &Drain::new()).await;
    let addresses = running.addresses();
    let idle = channel(&running).await;
    let mut stream = watch(idle.clone()).await;
    stream.message().await.unwrap();
    let under_way = tokio::spawn(call_silent(channel(&running).await));
    silent.arrived.notified().await;

    running.abort().await;

    assert_ne!(under_way.await.unwrap().code(), Code::Ok);
    assert!(stream.message().await.is_err(), "the stream is broken");
    for address in [addresses.grpc, addresses.http] {
        assert!(TcpStream::connect(address).await.is_err(), "nobody listens");
    }
    // The same addresses can be had again at once: this is how a dead participant comes back.
    let listen = Listen {
        grpc: addresses.grpc.to_string().parse().unwrap(),
        http: addresses.http.to_string().parse().unwrap(),
    };
    let again = Bound::bind(&listen).await.unwrap();
    let again = again.start(Services::new(), Drain::new()).unwrap();
    assert_eq!(health(channel(&again).await, "").await, Ok(1));
    again.abort().await;
}

#[tokio::test]
async fn a_drain_serves_until_the_own_work_is_done_and_open_streams_do_not_hold_it() {
    let drain = Drain::new();
    let (finish, finished) = oneshot::channel::<()>();
    let services = Services::new()
        .drain_grace(Duration::from_mins(10))
        .before_stop(async { finished.await.unwrap() });
    let running = start(services, &drain).await;
    let addresses = running.addresses();
    let channel = channel(&running).await;
    let mut stream = watch(channel.clone()).await;
    assert_eq!(stream.message().await.unwrap().unwrap().status, 1);

    drain.begin();
    assert_eq!(stream.message().await.unwrap().unwrap().status, 2);
    let answer = get(addresses.http, "/readyz").await;
    assert!(answer.contains("draining: "), "{answer}");
    assert!(
        get(addresses.http, "/healthz")
            .await
            .starts_with("HTTP/1.1 200")
    );
    assert_eq!(health(channel, "").await, Ok(2), "still served");

    finish.send(()).unwrap();
    running.wait().await.unwrap();
    assert!(TcpStream::connect(addresses.grpc).await.is_err());
    assert!(stream.message().await.unwrap_or_default().is_none());
}

#[tokio::test]
async fn a_drain_ends_though_own_work_and_a_call_never_do() {
    let drain = Drain::new();
    let silent = Silent::default();
    let services = Services::new()
        .grpc(silent.clone())
        .drain_grace(Duration::from_millis(1))
        .before_stop(std::future::pending());
    let running = start(services, &drain).await;
    let under_way = tokio::spawn(call_silent(channel(&running).await));
    silent.arrived.notified().await;

    running.drain();
    running.wait().await.unwrap();
    assert_ne!(under_way.await.unwrap().code(), Code::Ok);
}

#[tokio::test]
async fn a_hurry_skips_the_grace_period() {
    let drain = Drain::new();
    let silent = Silent::default();
    let services = Services::new()
        .grpc(silent.clone())
        .drain_grace(Duration::from_hours(1))
        .before_stop(std::future::pending());
    let running = start(services, &drain).await;
    let under_way = tokio::spawn(call_silent(channel(&running).await));
    silent.arrived.notified().await;

    drain.hurry();
    running.wait().await.unwrap();
    assert_ne!(under_way.await.unwrap().code(), Code::Ok);
}
