//! One unary gRPC call, from bytes to bytes, on a channel.
//!
//! Not tonic's own client, for three reasons: a reply that is too large has to be told from every other error,
//! the reply to confirm and cancel is thrown away unread whatever its size, and what became of the connection
//! decides whether the call may have been seen. Must never: know what the call means; see [`super::classify`].

use std::error::Error;
use std::time::Duration;

use bytes::{BufMut as _, Bytes, BytesMut};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use tonic::body::Body;
use tonic::transport::Channel;
use tonic::{Code, ConnectError, Status, TimeoutExpired};
use tower::{Service as _, ServiceExt as _};

/// Length of what leads each message: a flag and four bytes of length.
const PREFIX_BYTES: usize = 5;

/// What became of a call.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// OK, with the reply; empty where it was to be thrown away.
    Done(Bytes),
    /// A reply of that many bytes was on its way: too many. It wasn't read.
    TooLarge(usize),
    /// The peer (or a proxy in between) answered with another code.
    Refused(Status),
    /// No connection could be made: the call certainly never left.
    NeverSent(String),
    /// No answer in time.
    TimedOut,
    /// The connection broke, or the stream ended without a status.
    Broken(String),
}

/// What to do with the reply.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reply {
    /// Keep it, up to that many bytes.
    Keep(usize),
    /// Throw it away unread.
    Discard,
}

/// A message as it stands on the wire.
pub(crate) fn frame(message: &[u8]) -> Bytes {
    let mut frame = BytesMut::with_capacity(PREFIX_BYTES + message.len());
    frame.put_u8(0);
    // Payloads are bounded by the limits, far below 4 GiB.
    frame.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    frame.put_slice(message);
    frame.freeze()
}

/// Makes the call. The request's body is one [`frame`].
pub(crate) async fn exchange(
    channel: Channel,
    request: Request<Full<Bytes>>,
    reply: Reply,
    timeout: Duration,
) -> Exchange {
    let call = async {
        match send(channel, request.map(Body::new)).await {
            Ok(response) => receive(response, reply).await,
            Err(error) => failed(&error),
        }
    };
    match tokio::time::timeout(timeout, call).await {
        Ok(exchange) => exchange,
        Err(_) => Exchange::TimedOut,
    }
}

async fn send(
    mut channel: Channel,
    request: Request<Body>,
) -> Result<Response<Body>, tonic::transport::Error> {
    channel.ready().await?.call(request).await
}

/// What a transport's error says about the call. Only a failed connect means that it was never sent.
fn failed(error: &(dyn Error + 'static)) -> Exchange {
    let mut cause = Some(error);
    let mut innermost = error;
    while let Some(current) = cause {
        if current.is::<ConnectError>() {
            return Exchange::NeverSent(describe(current));
        }
        if current.is::<TimeoutExpired>() {
            return Exchange::TimedOut;
        }
        innermost = current;
        cause = current.source();
    }
    Exchange::Broken(innermost.to_string())
}

/// The error and what caused it, without saying anything twice.
fn describe(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let more = current.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = current.source();
    }
    text
}

async fn receive(response: Response<Body>, reply: Reply) -> Exchange {
    let (head, mut body) = response.into_parts();
    if let Some(status) = Status::from_header_map(&head.headers) {
        // Trailers only: nothing else comes.
        return answered(status, Message::default(), reply);
    }
    if head.status != StatusCode::OK {
        return Exchange::Refused(of_http(head.status));
    }
    let mut message = Message::default();
    while let Some(frame) = body.frame().await {
        let frame = match frame {
            Ok(frame) => frame,
            Err(status) => return failed(&status),
        };
        match frame.into_data() {
            Ok(data) => {
                if let Reply::Keep(max) = reply
                    && let Err(length) = message.push(data, max)
                {
                    return Exchange::TooLarge(length);
                }
            }
            Err(frame) => {
                let trailers = frame.into_trailers().unwrap_or_default();
                return match Status::from_header_map(&trailers) {
                    Some(status) => answered(status, message, reply),
                    None => Exchange::Broken("the stream ended without a status".to_owned()),
                };
            }
        }
    }
    // A reset of the stream looks like this too.
    Exchange::Broken("the stream ended without a status".to_owned())
}

fn answered(status: Status, message: Message, reply: Reply) -> Exchange {
    if status.code() != Code::Ok {
        return Exchange::Refused(status);
    }
    match reply {
        Reply::Discard => Exchange::Done(Bytes::new()),
        Reply::Keep(_) => match message.finish() {
            Ok(bytes) => Exchange::Done(bytes),
            Err(why) => Exchange::Refused(Status::internal(why)),
        },
    }
}

/// A message that comes in pieces. One that comes in a single piece isn't copied.
#[derive(Default)]
struct Message {
    whole: Bytes,
    pieces: BytesMut,
}

impl Message {
    /// Takes a piece in; the error is the length that is announced or reached, when that is more than `max`.
    fn push(&mut self, data: Bytes, max: usize) -> Result<(), usize> {
        if self.whole.is_empty() && self.pieces.is_empty() {
            self.whole = data;
        } else {
            self.pieces
                .extend_from_slice(&std::mem::take(&mut self.whole));
            self.pieces.extend_from_slice(&data);
        }
        let so_far = self.so_far();
        if let Some(length) = announced(so_far)
            && length > max
        {
            return Err(length);
        }
        let length = so_far.len();
        if length > max.saturating_add(PREFIX_BYTES) {
            return Err(length);
        }
        Ok(())
    }

    fn so_far(&self) -> &[u8] {
        if self.pieces.is_empty() {
            &self.whole
        } else {
            &self.pieces
        }
    }

    fn finish(self) -> Result<Bytes, &'static str> {
        let mut bytes = if self.pieces.is_empty() {
            self.whole
        } else {
            self.pieces.freeze()
        };
        match (bytes.first(), announced(&bytes)) {
            (Some(0), Some(length)) if bytes.len() == PREFIX_BYTES + length => {
                Ok(bytes.split_off(PREFIX_BYTES))
            }
            (Some(0), _) => Err("the reply is not one whole message"),
            (Some(_), _) => Err("the reply is compressed, which was not asked for"),
            (None, _) => Err("OK without a reply"),
        }
    }
}

fn announced(bytes: &[u8]) -> Option<usize> {
    let (_, rest) = bytes.split_first()?;
    let length = u32::from_be_bytes(*rest.first_chunk::<4>()?);
    usize::try_from(length).ok()
}

/// The status for an HTTP answer that isn't gRPC's, as the gRPC project's `http-grpc-status-mapping.md` has it.
fn of_http(status: StatusCode) -> Status {
    let code = match status.as_u16() {
        400 => Code::Internal,
        401 => Code::Unauthenticated,
        403 => Code::PermissionDenied,
        404 => Code::Unimplemented,
        429 | 502 | 503 | 504 => Code::Unavailable,
        _ => Code::Unknown,
    };
    Status::new(code, format!("HTTP {status} instead of a gRPC answer"))
}
