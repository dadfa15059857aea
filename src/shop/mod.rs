//! `tercet shop`: the demo shop as its customers and its merchant use it, through its public rpcs, and the flash sale.
//!
//! `services` finds the services by asking the coordinator where it calls them; `commands` are single calls; `show` prints
//! an order with what the other services know of it; `rush` is the flash sale.
//!
//! Must never: touch a database, or decide anything that a customer couldn't.

mod commands;
mod refunds;
mod rush;
mod services;
mod show;

use crate::{cli::Shop, commands::Context, failure::Failure};

/// Runs one command.
pub(crate) async fn run(context: &Context, command: Shop) -> Result<(), Failure> {
    match command {
        Shop::Rush(command) => rush::run(context, command).await,
        Shop::Show(command) => {
            let services = services::Services::find(context).await?;
            show::run(&services, &command).await
        }
        Shop::Refunds(command) => {
            let services = services::Services::find(context).await?;
            refunds::run(&services, &command).await
        }
        command => {
            let services = services::Services::find(context).await?;
            commands::run(&services, command).await
        }
    }
}
