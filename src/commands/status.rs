//! `tercet status`.

use super::Context;
use crate::{clock, failure::Failure, output, render::tables};

pub(super) async fn run(context: &Context) -> Result<(), Failure> {
    let status = context.client()?.admin().status().await?;
    context.show("tercet.v1.GetStatusResponse", &status, |status| {
        tables::status(status, clock::now(), output::style())
    })
}
