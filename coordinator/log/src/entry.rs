//! What is appended: one conditional change of one transaction, with its audit records.

use bytes::Bytes;
use tercet_core::{
    Append, BranchId, ContentHash, Gid, GlobalTransaction, Mode, ParticipantName, Timestamp,
    TransactionState,
};

/// The most bytes of a definition or a progress that a row takes.
///
/// Both together, with the statement around them, stay below the 16 MiB that a database server takes by default.
pub const BLOB_BYTES_MAX: usize = 7 * 1024 * 1024;
/// The most bytes of a label's name.
pub const LABEL_NAME_BYTES_MAX: usize = 255;
/// The most bytes of a label's value.
pub const LABEL_VALUE_BYTES_MAX: usize = 1_024;
/// The most labels of a transaction.
pub const LABELS_MAX: usize = 1_024;
/// The most bytes of the column that names all participants of a transaction.
pub const PARTICIPANTS_BYTES_MAX: usize = 65_535;
/// The most bytes of a text in an audit record.
pub const AUDIT_TEXT_BYTES_MAX: usize = 4_096;
/// The most bytes of a state in an audit record.
pub const AUDIT_STATE_BYTES_MAX: usize = 1_024;

/// One conditional change of one transaction.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The transaction.
    pub gid: Gid,
    /// What is written, and on which condition.
    pub write: Write,
    /// What people did; written in the same SQL transaction, and only if the change is.
    pub audit: Vec<AuditRecord>,
}

/// What is written, and on which condition.
#[derive(Clone, Debug, PartialEq)]
pub enum Write {
    /// A new transaction, at version 1; there must be no row of its gid.
    Begin(Box<Row>),
    /// A change; the row must have that version and be this session's. The version goes up by one.
    Update {
        /// The version that the row must have.
        expected_version: u64,
        /// The new values. The definition is left alone when the row carries none.
        row: Box<Row>,
    },
}

/// The values of one row, encoded from a transaction by [`Row::encode`].
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub(crate) mode: Mode,
    pub(crate) content: ContentHash,
    pub(crate) state: TransactionState,
    pub(crate) begun_at: Timestamp,
    pub(crate) try_deadline: Timestamp,
    pub(crate) decided_at: Option<Timestamp>,
    pub(crate) ended_at: Option<Timestamp>,
    pub(crate) attention_since: Option<Timestamp>,
    pub(crate) parked: bool,
    /// None when it is the one that the row has already.
    pub(crate) definition: Option<DefinitionColumns>,
    pub(crate) progress: Bytes,
}

/// What follows from the definition of a transaction.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct DefinitionColumns {
    /// The participants' names between spaces, for searching; no name contains a space.
    pub(crate) participants: String,
    /// Written with the begin only: labels never change.
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) bytes: Bytes,
}

/// What a person did, recorded before it takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRecord {
    /// When.
    pub at: Timestamp,
    /// Whoever acted, as far as that is known.
    pub who: String,
    /// The rpc, for instance `ForceBranch`.
    pub action: String,
    /// The transaction it was about.
    pub gid: Option<Gid>,
    /// The branch it was about.
    pub branch: Option<BranchId>,
    /// The participant it was about.
    pub participant: Option<ParticipantName>,
    /// Why, as the person gave it.
    pub reason: String,
    /// How things stood before, in a few words; empty in records of versions that didn't say.
    pub before: String,
    /// How they stood once it was done; they become so in the SQL transaction that has the record.
    pub after: String,
}

impl Entry {
    /// The begin of `transaction`.
    pub fn begin(transaction: &GlobalTransaction) -> Self {
        Self {
            gid: transaction.gid.clone(),
            write: Write::Begin(Box::new(Row::encode(transaction))),
            audit: Vec::new(),
        }
    }

    /// A change to `transaction`, whose options and branches are as they were.
    pub fn progress(transaction: &GlobalTransaction, expected_version: u64) -> Self {
        let row = Box::new(Row::encode_progress(transaction));
        Self {
            gid: transaction.gid.clone(),
            write: Write::Update {
                expected_version,
                row,
            },
            audit: Vec::new(),
        }
    }

    /// A change to `transaction` that its branches are part of.
    pub fn redefine(transaction: &GlobalTransaction, expected_version: u64) -> Self {
        let row = Box::new(Row::encode(transaction));
        Self {
            gid: transaction.gid.clone(),
            write: Write::Update {
                expected_version,
                row,
            },
            audit: Vec::new(),
        }
    }

    /// The entry for an [`Append`] of the core; `transaction` is the state that it makes durable.
    pub fn from_append(append: &Append, transaction: &GlobalTransaction) -> Self {
        match (append.expected, append.definition_changed) {
            (0, _) => Self::begin(transaction),
            (version, true) => Self::redefine(transaction, version),
            (version, false) => Self::progress(transaction, version),
        }
    }

    /// The same with audit records.
    #[must_use]
    pub fn with_audit(mut self, audit: Vec<AuditRecord>) -> Self {
        self.audit = audit;
        self
    }

    /// The values that are written.
    pub fn row(&self) -> &Row {
        match &self.write {
            Write::Begin(row) | Write::Update { row, .. } => row,
        }
    }

    /// About how many bytes the entry adds to a batch.
    pub fn size(&self) -> usize {
        let audit = self.audit.iter().map(AuditRecord::size).sum::<usize>();
        self.gid.as_str().len() + self.row().size() + audit
    }

    /// Whether every length is one that the database takes, and every number fits.
    ///
    /// # Errors
    ///
    /// A line that says which value is too long. Nothing longer ever reaches SQL: a server that drops the connection
    /// over it looks like an unknown commit.
    pub fn check(&self) -> Result<(), String> {
        if let Write::Update {
            expected_version, ..
        } = &self.write
            && (*expected_version == 0 || i64::try_from(*expected_version).is_err())
        {
            return Err(format!("{expected_version} is no version of a row"));
        }
        if matches!(&self.write, Write::Begin(row) if row.definition.is_none()) {
            return Err("a begin needs a definition".to_owned());
        }
        self.row().check()?;
        self.audit.iter().try_for_each(AuditRecord::check)
    }
}

impl Row {
    fn size(&self) -> usize {
        /// Numbers and times.
        const FIXED: usize = 96;
        let definition = self.definition.as_ref().map_or(0, |definition| {
            let labels = definition
                .labels
                .iter()
                .map(|(name, value)| name.len() + value.len())
                .sum::<usize>();
            definition.bytes.len() + definition.participants.len() + labels
        });
        FIXED + self.progress.len() + definition
    }

    fn check(&self) -> Result<(), String> {
        at_most("the progress", self.progress.len(), BLOB_BYTES_MAX)?;
        let Some(definition) = &self.definition else {
            return Ok(());
        };
        at_most("the definition", definition.bytes.len(), BLOB_BYTES_MAX)?;
        at_most(
            "the participants",
            definition.participants.len(),
            PARTICIPANTS_BYTES_MAX,
        )?;
        if definition.labels.len() > LABELS_MAX {
            return Err(format!(
                "{} labels are more than {LABELS_MAX}",
                definition.labels.len()
            ));
        }
        for (name, value) in &definition.labels {
            at_most("a label's name", name.len(), LABEL_NAME_BYTES_MAX)?;
            at_most("a label's value", value.len(), LABEL_VALUE_BYTES_MAX)?;
        }
        Ok(())
    }
}

impl AuditRecord {
    fn size(&self) -> usize {
        let Self {
            at: _,
            who,
            action,
            gid,
            branch,
            participant,
            reason,
            before,
            after,
        } = self;
        who.len()
            + action.len()
            + reason.len()
            + before.len()
            + after.len()
            + gid.as_ref().map_or(0, |gid| gid.as_str().len())
            + branch.as_ref().map_or(0, |branch| branch.as_str().len())
            + participant
                .as_ref()
                .map_or(0, |participant| participant.as_str().len())
    }

    /// Whether every text is one that the database takes.
    pub(crate) fn check(&self) -> Result<(), String> {
        at_most(
            "the name of who acted",
            self.who.len(),
            AUDIT_TEXT_BYTES_MAX,
        )?;
        at_most(
            "the name of the action",
            self.action.len(),
            AUDIT_TEXT_BYTES_MAX,
        )?;
        at_most("the reason", self.reason.len(), AUDIT_TEXT_BYTES_MAX)?;
        at_most("the state before", self.before.len(), AUDIT_STATE_BYTES_MAX)?;
        at_most("the state after", self.after.len(), AUDIT_STATE_BYTES_MAX)
    }
}

fn at_most(what: &str, length: usize, max: usize) -> Result<(), String> {
    if length > max {
        Err(format!("{what} has {length} bytes, more than {max}"))
    } else {
        Ok(())
    }
}
