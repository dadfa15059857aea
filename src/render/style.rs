//! Colours, or none.

use anstyle::{AnsiColor, Style as Ansi};

/// Whether the reader sees colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// A terminal.
    Colour,
    /// A file, a pipe, or a person who wants none.
    Plain,
}

impl Style {
    /// What went well.
    pub(crate) fn good(self, text: &str) -> String {
        self.paint(text, AnsiColor::Green.on_default())
    }

    /// What went wrong.
    pub(crate) fn bad(self, text: &str) -> String {
        self.paint(text, AnsiColor::Red.on_default().bold())
    }

    /// What is still open.
    pub(crate) fn open(self, text: &str) -> String {
        self.paint(text, AnsiColor::Yellow.on_default())
    }

    /// What the eye should find.
    pub(crate) fn strong(self, text: &str) -> String {
        self.paint(text, Ansi::new().bold())
    }

    /// What is there for those who look for it.
    pub(crate) fn faint(self, text: &str) -> String {
        self.paint(text, Ansi::new().dimmed())
    }

    fn paint(self, text: &str, ansi: Ansi) -> String {
        match self {
            Self::Colour if !text.is_empty() => format!("{ansi}{text}{ansi:#}"),
            _ => text.to_owned(),
        }
    }
}
