//! `tercet demo`: four real orders over three services, and the proof that nothing was lost or done twice.
//!
//! [`story`] tells the orders one by one, [`death`] lets a participant die at the worst moment, [`sums`] says what must
//! hold, and `queries` reads it by SQL from the database files, past everything that could be mistaken together.

mod death;
mod queries;
pub(crate) mod shop;
mod story;
mod sums;

use tercet_participant::CallLayer;
use tercet_service::{
    config::{Telemetry, sections::LogFilter},
    telemetry,
};

use crate::{
    cli, clock,
    failure::Failure,
    output,
    render::{checks::Check, style::Style},
    system::{CoordinatorConfig, Files, Ports, System},
};
use death::Trap;
use shop::Shop;
use story::Story;

/// Runs the demo; fails if a sum is wrong.
pub(crate) async fn run(command: cli::Demo) -> Result<(), Failure> {
    // A participant's death makes warnings, which here are part of the show: the timeline has them.
    telemetry::init(&Telemetry {
        log: "error".parse::<LogFilter>().unwrap_or_default(),
        ..Telemetry::default()
    });
    let started = clock::now();
    let style = output::style();
    let folder = tempfile::Builder::new()
        .prefix("tercet-demo-")
        .tempdir()
        .map_err(|error| Failure::failed(format!("no temporary folder: {error}")))?;
    let files = Files::new(folder.path());
    let trap = Trap::default();
    let system = System::start(
        files.clone(),
        Ports::default(),
        CoordinatorConfig::default(),
        CallLayer::new(trap.clone()),
    )
    .await?;
    introduce(&system, style);

    let shop = Shop::connect(&system).await?;
    story::seed(&shop).await?;
    let before = queries::read(&files).await.map_err(Failure::failed)?;
    let mut story = Story::new(system, shop, trap, style);
    let told = story.tell().await;
    story.into_system().stop().await?;
    told?;

    let after = queries::read(&files).await.map_err(Failure::failed)?;
    output::paragraph(&sums::table(&before, &after, style));
    let took = clock::now().duration_since(started);
    conclude(&sums::check(&story::expected(), &after), took, style)?;
    if command.keep {
        let kept = folder.keep();
        output::print(&format!("The databases are in {}", kept.display()));
    }
    Ok(())
}

fn introduce(system: &System, style: Style) {
    let title =
        style.strong("Tercet demo: one coordinator, three services, four databases, four orders");
    let coordinator = system.coordinator().grpc;
    let services: Vec<String> = crate::system::SERVICES
        .iter()
        .map(|name| format!("{name} {}", system.service(name).grpc))
        .collect();
    output::paragraph(&format!(
        "{title}\n\n  coordinator {coordinator}, {}\n  databases   {}",
        services.join(", "),
        system.files().folder().display(),
    ));
}

/// Every check on a line of its own; an error if one fails.
fn conclude(checks: &[Check], took: jiff::SignedDuration, style: Style) -> Result<(), Failure> {
    let heading = style.strong("What must hold, read by SQL from the files");
    let lines: Vec<String> = checks.iter().map(|check| check.line(style)).collect();
    output::paragraph(&format!("{heading}\n\n{}", lines.join("\n")));
    match checks.iter().filter(|check| !check.holds()).count() {
        0 => {
            let took = crate::render::words::duration(took);
            let done = format!("All {} hold. Done in {took}.", checks.len());
            output::print(&style.good(&done));
            Ok(())
        }
        wrong => Err(Failure::failed(format!(
            "{wrong} of {} checks don't hold",
            checks.len()
        ))),
    }
}
