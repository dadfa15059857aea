//! Reading a method's request message through gRPC server reflection: v1, else v1alpha.

use std::collections::{HashSet, VecDeque};

use futures::StreamExt as _;
use prost::Message as _;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use prost_types::FileDescriptorProto;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Channel;
use tonic::{Code, Status, Streaming};

/// Files that one schema may be made of.
const FILES_MAX: usize = 512;
/// Bytes that they may have together.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// Why a schema can't be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReflectionError {
    /// The participant doesn't offer reflection, or can't be reached.
    #[error("reflection: {}: {}", .0.code().description(), .0.message())]
    Call(#[from] Status),
    /// It doesn't know what it was asked for.
    #[error("reflection doesn't know {asked}: {message}")]
    Unknown {
        /// What it was asked for.
        asked: String,
        /// What it says.
        message: String,
    },
    /// It answered with something else than files, or not at all.
    #[error("reflection gave no files for {0}")]
    NoFiles(String),
    /// More than is ever needed.
    #[error("the schema has more than {FILES_MAX} files or {BYTES_MAX} bytes")]
    TooLarge,
    /// The files don't fit together.
    #[error("the descriptors can't be read: {0}")]
    Descriptors(#[from] prost_reflect::DescriptorError),
    /// A file isn't one.
    #[error("the descriptors can't be read: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The service has no such method.
    #[error("{service} has no method {method}")]
    NoMethod {
        /// The service.
        service: String,
        /// The method.
        method: String,
    },
}

/// What is asked for.
#[derive(Clone, Debug)]
enum Asked {
    Symbol(String),
    File(String),
}

/// The request message of a method.
pub(super) async fn request_message(
    channel: Channel,
    service: &str,
    method: &str,
) -> Result<MessageDescriptor, ReflectionError> {
    let files = match v1::files(channel.clone(), service).await {
        Err(ReflectionError::Call(status)) if status.code() == Code::Unimplemented => {
            v1alpha::files(channel, service).await?
        }
        files => files?,
    };
    let mut pool = DescriptorPool::new();
    pool.add_file_descriptor_protos(files)?;
    let found = pool
        .get_service_by_name(service)
        .and_then(|found| found.methods().find(|found| found.name() == method));
    let method = found.ok_or_else(|| ReflectionError::NoMethod {
        service: service.to_owned(),
        method: method.to_owned(),
    })?;
    Ok(method.input())
}

/// The two versions differ in nothing but the package of their messages.
macro_rules! version {
    ($version:ident) => {
        mod $version {
            use tonic_reflection::pb::$version::server_reflection_client::ServerReflectionClient;
            use tonic_reflection::pb::$version::server_reflection_request::MessageRequest;
            use tonic_reflection::pb::$version::server_reflection_response::MessageResponse;
            use tonic_reflection::pb::$version::{
                ServerReflectionRequest, ServerReflectionResponse,
            };

            use super::*;

            /// The files of a service, with everything that they import.
            pub(super) async fn files(
                channel: Channel,
                service: &str,
            ) -> Result<Vec<FileDescriptorProto>, ReflectionError> {
                let (requests, stream) = mpsc::channel(1);
                let mut client =
                    ServerReflectionClient::new(channel).max_decoding_message_size(BYTES_MAX);
                let mut asking = VecDeque::from([Asked::Symbol(service.to_owned())]);
                let mut answers: Option<Streaming<ServerReflectionResponse>> = None;
                let mut stream = Some(ReceiverStream::new(stream));
                let mut files = super::Files::default();
                while let Some(asked) = asking.pop_front() {
                    let request = ServerReflectionRequest {
                        host: String::new(),
                        message_request: Some(match &asked {
                            Asked::Symbol(symbol) => {
                                MessageRequest::FileContainingSymbol(symbol.clone())
                            }
                            Asked::File(name) => MessageRequest::FileByFilename(name.clone()),
                        }),
                    };
                    // Some servers answer the headers only after the first request, so that goes first.
                    if requests.send(request).await.is_err() {
                        return Err(ReflectionError::NoFiles(asked.name()));
                    }
                    if let Some(stream) = stream.take() {
                        let opened = client.server_reflection_info(stream).await?;
                        answers = Some(opened.into_inner());
                    }
                    let answer = match &mut answers {
                        Some(answers) => answers.next().await.transpose()?,
                        None => None,
                    };
                    let encoded = match answer.and_then(|answer| answer.message_response) {
                        Some(MessageResponse::FileDescriptorResponse(found)) => {
                            found.file_descriptor_proto
                        }
                        Some(MessageResponse::ErrorResponse(error)) => {
                            return Err(ReflectionError::Unknown {
                                asked: asked.name(),
                                message: error.error_message,
                            });
                        }
                        _ => return Err(ReflectionError::NoFiles(asked.name())),
                    };
                    asking.extend(files.take(&encoded)?);
                }
                Ok(files.read)
            }
        }
    };
}

version!(v1);
version!(v1alpha);

impl Asked {
    fn name(&self) -> String {
        match self {
            Self::Symbol(name) | Self::File(name) => name.clone(),
        }
    }
}

/// The files so far.
#[derive(Default)]
struct Files {
    read: Vec<FileDescriptorProto>,
    /// Those that are there or have been asked for.
    known: HashSet<String>,
    bytes: usize,
}

impl Files {
    /// Takes files in; what they import and isn't known yet is to be asked for.
    fn take<B: AsRef<[u8]>>(&mut self, encoded: &[B]) -> Result<Vec<Asked>, ReflectionError> {
        let mut came = Vec::new();
        for file in encoded {
            self.bytes += file.as_ref().len();
            let file = FileDescriptorProto::decode(file.as_ref())?;
            let is_there = self.read.iter().any(|known| known.name() == file.name());
            if !is_there {
                self.known.insert(file.name().to_owned());
                came.push(file);
            }
        }
        if self.bytes > BYTES_MAX || self.read.len() + came.len() > FILES_MAX {
            return Err(ReflectionError::TooLarge);
        }
        let imports: Vec<String> = came
            .iter()
            .flat_map(|file| file.dependency.clone())
            .collect();
        self.read.extend(came);
        let new = imports
            .into_iter()
            .filter(|import| self.known.insert(import.clone()));
        let new: Vec<_> = new.map(Asked::File).collect();
        if self.known.len() > FILES_MAX {
            return Err(ReflectionError::TooLarge);
        }
        Ok(new)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use tokio_stream::wrappers::TcpListenerStream;
    use tonic::service::Routes;
    use tonic::transport::{Endpoint, Server};
    use tonic_reflection::server::Builder;

    use super::*;

    const SERVICE: &str = "shop.stock.v1.ReserveStockService";

    /// A channel to a server with those routes.
    async fn serve(routes: Routes) -> Channel {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let incoming = TcpListenerStream::new(listener);
        tokio::spawn(
            Server::builder()
                .add_routes(routes)
                .serve_with_incoming(incoming),
        );
        Endpoint::from_shared(format!("http://{address}"))
            .unwrap()
            .connect_lazy()
    }

    fn reflection() -> Builder<'static> {
        Builder::configure().register_encoded_file_descriptor_set(tercet_proto::FILE_DESCRIPTOR_SET)
    }

    #[tokio::test]
    async fn the_old_version_does_where_the_new_one_is_not_offered() {
        for routes in [
            Routes::new(reflection().build_v1().unwrap()),
            Routes::new(reflection().build_v1alpha().unwrap()),
        ] {
            let found = request_message(serve(routes).await, SERVICE, "Try")
                .await
                .unwrap();
            assert_eq!(found.full_name(), "shop.stock.v1.ReserveStockRequest");
        }
    }

    #[tokio::test]
    async fn what_is_not_there_is_said() {
        let channel = serve(Routes::new(reflection().build_v1().unwrap())).await;
        let unknown = request_message(channel.clone(), "no.such.Service", "Try").await;
        assert!(unknown.unwrap_err().to_string().contains("no.such.Service"));
        let method = request_message(channel, SERVICE, "Undo").await.unwrap_err();
        assert!(
            matches!(method, ReflectionError::NoMethod { .. }),
            "{method}"
        );
    }

    #[tokio::test]
    async fn a_server_without_reflection_is_said_to_be_one() {
        let error = request_message(serve(Routes::default()).await, SERVICE, "Try").await;
        assert!(
            matches!(error, Err(ReflectionError::Call(status)) if status.code() == Code::Unimplemented)
        );
    }
}
