//! The statements of a batch on MySQL and MariaDB, as text: a whole batch goes to the server in one packet of many statements,
//! and comes back as one answer for each.
//!
//! Every value is a number or a hexadecimal literal, so nothing has to be escaped and no setting changes what a text
//! means. A blob that is large stands in a variable of the connection instead, since its literal is twice its size.

use core::fmt::Write as _;

use tercet_core::{Gid, Timestamp};

use super::Place;
use crate::codec::{mode_code, state_code};
use crate::entry::{DefinitionColumns, Row};
use crate::kinds::{Begin, Change, micros};

/// A blob of more bytes stands in a variable.
pub(crate) const LITERAL_BYTES_MAX: usize = 128 * 1024;

/// Binds one large blob to the variable of that number; see [`Statements::blob`].
pub(crate) fn bind_blob(number: usize) -> String {
    format!("SET @tercet_{number} = ?")
}

/// Statements that go to the server in one packet, and what is needed to send them.
pub(crate) struct Statements<'a> {
    text: String,
    count: usize,
    /// Blobs that stand in variables, in order.
    blobs: Vec<&'a [u8]>,
}

impl<'a> Statements<'a> {
    /// The beginning of every batch: the SQL transaction, and the lane's counter. It takes the lane's lock, and matches nothing
    /// once the session is fenced or the counter isn't what this process believes it to be.
    pub(crate) fn begin(place: &Place) -> Self {
        let mut statements = Self::more();
        statements.text.push_str("START TRANSACTION; ");
        statements.raise(place);
        statements.count = 2;
        statements
    }

    /// Statements that go on where others stopped.
    pub(crate) const fn more() -> Self {
        Self {
            text: String::new(),
            count: 0,
            blobs: Vec::new(),
        }
    }

    pub(crate) const fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn into_parts(self) -> (String, Vec<&'a [u8]>) {
        (self.text, self.blobs)
    }

    fn raise(&mut self, place: &Place) {
        let Place {
            session,
            lane,
            appended,
            attempt,
        } = place;
        self.push(format_args!(
            "UPDATE session_lane SET appended = {}, attempt = {attempt} \
             WHERE session = {} AND lane = {} AND appended = {appended} AND fenced = 0",
            appended + 1,
            session.0,
            lane.0,
        ));
    }

    fn push(&mut self, arguments: core::fmt::Arguments<'_>) {
        // Writing to a String never fails.
        let _ = self.text.write_fmt(arguments);
    }

    fn next(&mut self) {
        if self.count > 0 {
            self.text.push_str("; ");
        }
        self.count += 1;
    }

    fn hex(&mut self, bytes: &[u8]) {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        self.text.push_str("x'");
        self.text.reserve(2 * bytes.len() + 1);
        for byte in bytes {
            self.text.push(char::from(DIGITS[usize::from(byte >> 4)]));
            self.text.push(char::from(DIGITS[usize::from(byte & 0xf)]));
        }
        self.text.push('\'');
    }

    /// A name, in the character set of its column, so that its index is used.
    fn ascii(&mut self, text: &str) {
        self.text.push_str("_ascii ");
        self.hex(text.as_bytes());
    }

    fn utf8(&mut self, text: &str) {
        self.text.push_str("_utf8mb4 ");
        self.hex(text.as_bytes());
    }

    fn blob(&mut self, bytes: &'a [u8]) {
        if bytes.len() > LITERAL_BYTES_MAX {
            let number = self.blobs.len();
            self.push(format_args!("@tercet_{number}"));
            self.blobs.push(bytes);
        } else {
            self.hex(bytes);
        }
    }

    fn number(&mut self, number: Option<i64>) {
        match number {
            Some(number) => self.push(format_args!("{number}")),
            None => self.text.push_str("NULL"),
        }
    }

    fn list<T>(&mut self, items: impl IntoIterator<Item = T>, mut write: impl FnMut(&mut Self, T)) {
        for (position, item) in items.into_iter().enumerate() {
            self.text.push_str(if position == 0 { "" } else { ", " });
            write(self, item);
        }
    }

    fn gids<'g>(&mut self, gids: impl IntoIterator<Item = &'g Gid>) {
        self.text.push('(');
        self.list(gids, |this, gid| this.ascii(gid.as_str()));
        self.text.push(')');
    }

    /// New rows, all or none; `begins` isn't empty.
    pub(crate) fn insert(&mut self, place: &Place, begins: &[Begin<'a>]) {
        self.next();
        self.text.push_str(
            "INSERT INTO global_transaction (gid, version, owner, batch, state, mode, content_hash, begun_at, \
             try_deadline, decided_at, ended_at, attention_since, parked, participants, definition, progress) VALUES ",
        );
        let (owner, batch) = (place.session.0, place.appended + 1);
        self.list(begins, |this, (gid, row, definition)| {
            this.text.push('(');
            this.ascii(gid.as_str());
            let (state, mode) = (state_code(row.state), mode_code(row.mode));
            this.push(format_args!(", 1, {owner}, {batch}, {state}, {mode}, "));
            this.hex(&row.content.0);
            for time in [
                Some(row.begun_at),
                Some(row.try_deadline),
                row.decided_at,
                row.ended_at,
                row.attention_since,
            ] {
                this.text.push_str(", ");
                this.number(micros(time));
            }
            this.push(format_args!(", {}, ", i64::from(row.parked)));
            this.ascii(&definition.participants);
            this.text.push_str(", ");
            this.blob(&definition.bytes);
            this.text.push_str(", ");
            this.blob(&row.progress);
            this.text.push(')');
        });
    }

    /// The labels of new rows; there may be none.
    pub(crate) fn insert_labels(&mut self, begins: &[Begin<'a>]) {
        let mut labels = begins
            .iter()
            .flat_map(|(gid, _, definition)| {
                definition.labels.iter().map(move |label| (*gid, label))
            })
            .peekable();
        if labels.peek().is_none() {
            return;
        }
        self.next();
        self.text
            .push_str("INSERT INTO transaction_label (gid, name, value) VALUES ");
        self.list(labels, |this, (gid, (name, value))| {
            this.text.push('(');
            this.ascii(gid.as_str());
            this.text.push_str(", ");
            this.hex(name.as_bytes());
            this.text.push_str(", ");
            this.hex(value.as_bytes());
            this.text.push(')');
        });
    }

    /// Changes of rows that expect one version and get one state; with definitions, all of them or none. `changes` isn't
    /// empty.
    pub(crate) fn update(
        &mut self,
        place: &Place,
        changes: &[(&Change<'a>, Option<&'a DefinitionColumns>)],
    ) {
        let Some((first, _)) = changes.first() else {
            return;
        };
        self.next();
        self.push(format_args!(
            "UPDATE global_transaction SET version = version + 1, batch = {}, state = {}",
            place.appended + 1,
            state_code(first.row.state)
        ));
        self.times("try_deadline", changes, |row| Some(row.try_deadline));
        self.times("decided_at", changes, |row| row.decided_at);
        self.times("ended_at", changes, |row| row.ended_at);
        self.times("attention_since", changes, |row| row.attention_since);
        self.numbers("parked", changes, |row| Some(i64::from(row.parked)));
        self.column("progress", changes, |this, row, _| this.blob(&row.progress));
        if changes.iter().all(|(_, definition)| definition.is_some()) {
            self.column("participants", changes, |this, _, definition| {
                this.ascii(definition.map_or("", |columns| &columns.participants));
            });
            self.column("definition", changes, |this, _, definition| {
                this.blob(definition.map_or(&[], |columns| &columns.bytes));
            });
        }
        self.push(format_args!(
            " WHERE owner = {} AND version = {} AND gid IN ",
            place.session.0, first.expected
        ));
        self.gids(changes.iter().map(|(change, _)| change.gid));
    }

    fn times(
        &mut self,
        name: &str,
        changes: &[(&Change<'a>, Option<&'a DefinitionColumns>)],
        value: impl Fn(&Row) -> Option<Timestamp>,
    ) {
        self.numbers(name, changes, |row| micros(value(row)));
    }

    /// A column that is mostly the same in all rows is written once.
    fn numbers(
        &mut self,
        name: &str,
        changes: &[(&Change<'a>, Option<&'a DefinitionColumns>)],
        value: impl Fn(&Row) -> Option<i64>,
    ) {
        let mut values = changes.iter().map(|(change, _)| value(change.row));
        let first = values.next().flatten();
        if values.all(|other| other == first) {
            self.push(format_args!(", {name} = "));
            self.number(first);
        } else {
            self.column(name, changes, |this, row, _| this.number(value(row)));
        }
    }

    fn column(
        &mut self,
        name: &str,
        changes: &[(&Change<'a>, Option<&'a DefinitionColumns>)],
        mut value: impl FnMut(&mut Self, &'a Row, Option<&'a DefinitionColumns>),
    ) {
        self.push(format_args!(", {name} = "));
        if let [(change, definition)] = changes {
            value(self, change.row, *definition);
            return;
        }
        self.text.push_str("CASE gid");
        for (change, definition) in changes {
            self.text.push_str(" WHEN ");
            self.ascii(change.gid.as_str());
            self.text.push_str(" THEN ");
            value(self, change.row, *definition);
        }
        self.text.push_str(" END");
    }

    /// Audit records; `records` isn't empty.
    pub(crate) fn insert_audit(&mut self, records: &[&crate::AuditRecord]) {
        self.next();
        self.text.push_str(
            "INSERT INTO audit (at, who, action, gid, branch_id, participant, reason, state_before, state_after) VALUES ",
        );
        self.list(records, |this, record| {
            this.push(format_args!("({}, ", record.at.as_micros()));
            this.utf8(&record.who);
            this.text.push_str(", ");
            this.utf8(&record.action);
            for name in [
                record.gid.as_ref().map(Gid::as_str),
                record.branch.as_ref().map(tercet_core::BranchId::as_str),
                record
                    .participant
                    .as_ref()
                    .map(tercet_core::ParticipantName::as_str),
            ] {
                this.text.push_str(", ");
                match name {
                    Some(name) => this.ascii(name),
                    None => this.text.push_str("NULL"),
                }
            }
            for text in [&record.reason, &record.before, &record.after] {
                this.text.push_str(", ");
                this.utf8(text);
            }
            this.text.push(')');
        });
    }
}

/// Which of `gids` a batch has written, where an update matched fewer rows than it names.
pub(crate) fn written<'g>(place: &Place, gids: impl IntoIterator<Item = &'g Gid>) -> String {
    let mut statements = Statements::more();
    statements.push(format_args!(
        "SELECT gid FROM global_transaction WHERE owner = {} AND batch = {} AND gid IN ",
        place.session.0,
        place.appended + 1
    ));
    statements.gids(gids);
    statements.text
}
