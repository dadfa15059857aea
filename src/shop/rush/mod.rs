//! `tercet shop rush`: a flash sale. Thousands of buyers want a few pieces at once; some submit twice, processes are killed
//! on the way, and at the end every sum has to be right: exactly the stock sold, one piece a buyer, every loser told why.
//!
//! Everything goes through public rpcs. Without `--endpoint` the whole system runs beside this process ([`system`]), on
//! databases of its own, and dies with it.
//!
//! Where next: `plan` for who submits what and who is killed when, `buyers` for what a buyer does, `tally` for what became
//! of it, `sums` for what must hold, `report` for what is printed.

mod buyers;
mod plan;
mod report;
mod sums;
mod system;
mod tally;
mod told;

use std::{sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tercet_proto::shop::{
    order::v1::{Campaign, StockTaking},
    stock::v1::SeedSkuRequest,
};
use tokio::{sync::watch, time::Instant};

use super::{
    commands::{create, duration, time},
    services::{Services, failed},
};
use crate::{cli::Rush, clock, commands::Context, failure::Failure, output};
use buyers::Buyers;
use plan::{Plan, Sale};
use report::Report;
use system::OwnSystem;
use tally::Tally;

/// Longer than any rush.
const CAMPAIGN_LASTS: Duration = Duration::from_hours(24);

/// Runs it; fails if a sum is wrong.
pub(super) async fn run(context: &Context, command: Rush) -> Result<(), Failure> {
    if context.is_somewhere() && (command.kill > 0 || command.database.is_some()) {
        return Err(Failure::usage(
            "--kill and --database are for a system of its own: leave out --endpoint",
        ));
    }
    let own = if context.is_somewhere() {
        None
    } else {
        output::note("starting a coordinator and the shop ...");
        Some(OwnSystem::start(command.database.as_deref()).await?)
    };
    let context = match &own {
        Some(system) => context.at(&system.endpoint()),
        None => context.clone(),
    };
    let rushed = tokio::time::timeout(command.patience.get(), rush(&context, &command, own));
    let rushed = tokio::select! {
        rushed = rushed => rushed,
        // What it has started ends with it.
        _ = tokio::signal::ctrl_c() => return Err(Failure::failed("interrupted")),
    };
    let report = rushed.map_err(|_| {
        let patience = humantime::format_duration(command.patience.get());
        Failure::failed(format!("not done in {patience}"))
    })??;
    output::print(&if context.is_json() {
        report.json()
    } else {
        report.text(output::style())
    });
    if report.is_right() {
        Ok(())
    } else {
        Err(Failure::Said)
    }
}

async fn rush(
    context: &Context,
    command: &Rush,
    own: Option<OwnSystem>,
) -> Result<Report, Failure> {
    let services = Services::find(context).await?;
    let sale = Sale::new(command);
    open(&services, &sale).await?;
    let plan = Plan::new(command, &sale);
    let bar = progress(plan.submissions.len());
    let (answered, seen) = watch::channel(0);
    let executioner =
        own.map(|system| tokio::spawn(system.killed(plan.kills.clone(), seen, bar.clone())));
    let begun = Instant::now();
    let (seller, goods) = (services.clone(), sale.clone());
    let buyers = Buyers::new(seller, goods, answered, bar.clone(), command.queue);
    let answers = Arc::new(buyers)
        .run(&plan.submissions, command.in_flight)
        .await?;
    let took = begun.elapsed();
    // Whoever was killed last is up again before anything is asked.
    let (system, killed) = match executioner {
        Some(ends) => {
            let (system, killed) = ends.await.map_err(Failure::failed)??;
            (Some(system), killed)
        }
        None => (None, Vec::new()),
    };
    bar.set_message("checking the sums");
    let tally = Tally::new(&sale, &answers)?;
    let checks = sums::check(&services, &sale, &tally).await?;
    bar.finish_and_clear();
    drop(system);
    Ok(Report {
        sale,
        seed: plan.seed,
        took,
        killed,
        tally,
        checks,
    })
}

/// The goods and the campaign.
async fn open(services: &Services, sale: &Sale) -> Result<(), Failure> {
    let goods = SeedSkuRequest {
        sku: sale.name.clone(),
        quantity: i64::from(sale.stock),
    };
    let seeded = services.stock().seed_sku(goods).await;
    seeded.map_err(|status| failed(&status))?;
    let now = clock::now();
    let ends = now.checked_add(CAMPAIGN_LASTS).map_err(Failure::failed)?;
    let campaign = Campaign {
        campaign_id: sale.name.clone(),
        sku: sale.name.clone(),
        // Clocks of two machines may differ.
        starts_at: now.checked_sub(CAMPAIGN_LASTS).ok().map(time),
        ends_at: Some(time(ends)),
        price_points: plan::PRICE,
        stock_taking: StockTaking::Order.into(),
        payment_time: Some(duration(CAMPAIGN_LASTS)),
        quantity_max: 1,
        ..Campaign::default()
    };
    create(services, campaign).await.map(|_| ())
}

fn progress(submissions: usize) -> ProgressBar {
    let bar = ProgressBar::new(submissions as u64);
    let template = "{elapsed_precise} [{bar:40}] {pos}/{len} submissions, {per_sec}  {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
