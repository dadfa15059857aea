//! Standard output and standard error. A reader that has gone away (`| head`) is no error.

use std::io::{self, IsTerminal, Write};

use crate::render::style::Style;

/// Prints a document, ending it with a newline.
pub(crate) fn print(text: &str) {
    let mut out = io::stdout().lock();
    let newline = if text.ends_with('\n') { "" } else { "\n" };
    let _ = write!(out, "{text}{newline}").and_then(|()| out.flush());
}

/// Prints a part of a longer text, with a blank line after it.
pub(crate) fn paragraph(text: &str) {
    print(&format!("{}\n\n", text.trim_end_matches('\n')));
}

/// Prints one line about the way there, to standard error.
pub(crate) fn note(line: &str) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Prints what went wrong, to standard error.
pub(crate) fn complain(line: &str) {
    let style = style_for(io::stderr().is_terminal());
    note(&format!("{}: {line}", style.bad("error")));
}

/// The style for documents: colours on a terminal only, and not where `NO_COLOR` asks for none.
pub(crate) fn style() -> Style {
    style_for(io::stdout().is_terminal())
}

fn style_for(is_terminal: bool) -> Style {
    let is_unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    if is_terminal && !is_unwanted {
        Style::Colour
    } else {
        Style::Plain
    }
}
