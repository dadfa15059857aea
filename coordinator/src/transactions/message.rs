//! What is sent to a transaction's task, and the handle it is sent through.

use std::sync::Arc;

use tercet_core::{Command, ContentHash, Timestamp};
use tercet_log::AuditRecord;
use tercet_proto::tercet::v1 as pb;
use tokio::sync::{mpsc, oneshot, watch};

use super::waiters::{Question, Reply, Wait};
use crate::errors::ApiError;
use crate::view::Shown;

/// Messages that wait for one task; further senders wait themselves.
pub(super) const INBOX_MAX: usize = 64;

/// What watchers see: nothing before the begin is durable.
pub(crate) type Watched = Option<Arc<pb::Transaction>>;

/// What a task is asked to do. Small: an inbox reserves room for 32 of them.
pub(crate) enum Message {
    /// Answer once it has come that far.
    Ask(Box<Question>),
    /// Carry out a command, and then answer.
    Command(Box<Order>),
    /// Show every change.
    Watch(oneshot::Sender<watch::Receiver<Watched>>),
    /// Look at the stage of the coordinator.
    Stage,
}

/// A command, who gave it, and what is to be answered once it is carried out.
pub(crate) struct Order {
    pub(crate) command: Command,
    /// Written together with what the command changes.
    pub(crate) audit: Option<AuditRecord>,
    pub(crate) question: Question,
}

/// How a transaction's task is reached. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Handle {
    sender: mpsc::Sender<Message>,
    begun_at: Timestamp,
}

/// The task has ended; the log, or another task, knows more.
#[derive(Debug)]
pub(crate) struct Gone;

/// What is asked, with the answer made of what may be shown.
#[derive(Clone)]
pub(crate) struct Ask<F> {
    pub(crate) wait: Wait,
    pub(crate) content: Option<ContentHash>,
    pub(crate) make: F,
}

impl<F> Ask<F> {
    /// A question of how the transaction is, without waiting for anything but its begin.
    pub(crate) fn now(make: F) -> Self {
        Self::after(Wait::Begun, make)
    }

    /// A question for when it has come that far.
    pub(crate) fn after(wait: Wait, make: F) -> Self {
        Self {
            wait,
            content: None,
            make,
        }
    }

    /// The same by somebody who thinks that the transaction has that content.
    pub(crate) fn about(self, content: ContentHash) -> Self {
        Self {
            content: Some(content),
            ..self
        }
    }

    /// The question as a task takes it, and where the answer comes.
    pub(super) fn question<T>(self) -> (Question, Answer<T>)
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Send + 'static,
    {
        let (to, answer) = oneshot::channel();
        let question = Question {
            wait: self.wait,
            content: self.content,
            asker: Box::new(Reply {
                make: self.make,
                to,
            }),
        };
        (question, answer)
    }
}

/// Where an answer comes.
pub(super) type Answer<T> = oneshot::Receiver<Result<T, ApiError>>;

impl Handle {
    pub(super) fn new(begun_at: Timestamp) -> (Self, mpsc::Receiver<Message>) {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        (Self { sender, begun_at }, inbox)
    }

    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.sender.same_channel(&other.sender)
    }

    /// When the transaction was begun, or was about to be.
    pub(crate) fn begun_at(&self) -> Timestamp {
        self.begun_at
    }

    /// Asks, and waits for the answer.
    pub(crate) async fn ask<T, F>(&self, ask: Ask<F>) -> Result<Result<T, ApiError>, Gone>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Send + 'static,
    {
        let (question, answer) = ask.question();
        self.send(Message::Ask(Box::new(question)), answer).await
    }

    /// Has a command carried out, and waits for the answer.
    pub(crate) async fn command<T, F>(
        &self,
        command: Command,
        audit: Option<AuditRecord>,
        ask: Ask<F>,
    ) -> Result<Result<T, ApiError>, Gone>
    where
        T: Send + 'static,
        F: FnOnce(Shown<'_>) -> T + Send + 'static,
    {
        let (question, answer) = ask.question();
        let order = Order {
            command,
            audit,
            question,
        };
        self.send(Message::Command(Box::new(order)), answer).await
    }

    /// Every change from now on.
    pub(crate) async fn watch(&self) -> Result<watch::Receiver<Watched>, Gone> {
        let (to, changes) = oneshot::channel();
        self.send(Message::Watch(to), changes).await
    }

    /// Waits until the task has ended.
    pub(super) async fn gone(&self) {
        self.sender.closed().await;
    }

    /// Has the task look at the stage. One that is too busy to take the message looks anyway.
    pub(crate) fn look_at_stage(&self) {
        let _ = self.sender.try_send(Message::Stage);
    }

    async fn send<A>(&self, message: Message, answer: oneshot::Receiver<A>) -> Result<A, Gone> {
        self.sender.send(message).await.map_err(|_| Gone)?;
        answer.await.map_err(|_| Gone)
    }
}
