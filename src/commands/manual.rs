//! `tercet completions` and `tercet man`: what is made of the command's own definition.

use std::{fs, io, path::Path};

use clap::CommandFactory as _;
use clap_mangen::Man;

use crate::{
    cli::{self, Cli},
    failure::Failure,
    output,
};

/// The name that is completed, and that the pages begin with.
const NAME: &str = "tercet";

pub(super) fn completions(command: &cli::Completions) {
    let mut script = Vec::new();
    clap_complete::generate(command.shell, &mut Cli::command(), NAME, &mut script);
    output::print(&String::from_utf8_lossy(&script));
}

pub(super) fn man(command: &cli::Man) -> Result<(), Failure> {
    let mut all = Cli::command();
    // Sub-commands get their whole names, as the pages have them, and their arguments.
    all.build();
    if let Some(folder) = &command.out {
        let count = write_all(&all, folder)
            .map_err(|error| Failure::failed(format!("{}: {error}", folder.display())))?;
        output::note(&format!("{count} pages in {}", folder.display()));
        return Ok(());
    }
    let mut page = &all;
    for word in &command.command {
        page = page
            .find_subcommand(word)
            .ok_or_else(|| Failure::NotFound(format!("there is no command {word:?} here")))?;
    }
    let mut text = Vec::new();
    let rendered = paged(page).render(&mut text);
    rendered.map_err(Failure::failed)?;
    output::print(&String::from_utf8_lossy(&text));
    Ok(())
}

fn paged(command: &clap::Command) -> Man {
    let source = concat!("tercet ", env!("CARGO_PKG_VERSION"));
    Man::new(command.clone()).source(source).manual("Tercet")
}

/// A page for the command and each one below it, but for hidden ones; says how many.
fn write_all(command: &clap::Command, folder: &Path) -> io::Result<usize> {
    fs::create_dir_all(folder)?;
    paged(command).generate_to(folder)?;
    let mut count = 1;
    let below = command.get_subcommands();
    for below in below.filter(|it| !it.is_hide_set() && it.get_name() != "help") {
        count += write_all(below, folder)?;
    }
    Ok(count)
}
