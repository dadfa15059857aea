//! Reading an `ExecuteTransactionRequest` from a file or from standard input.

use std::{fs, io, path::Path};

use tercet_client::proto::ExecuteTransactionRequest;

use crate::{cli::Wait, failure::Failure, render::json};

/// The file's request, with what the command line says instead.
pub(super) fn read(
    file: &Path,
    gid: Option<String>,
    wait: Option<Wait>,
) -> Result<ExecuteTransactionRequest, Failure> {
    let name = file.display();
    let text = if file == Path::new("-") {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(file)
    };
    let text = text.map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    let mut request: ExecuteTransactionRequest =
        json::read("tercet.v1.ExecuteTransactionRequest", &text)
            .map_err(|error| Failure::usage(format!("{name}: {error}")))?;
    if let Some(gid) = gid {
        request.gid = gid;
    }
    if let Some(wait) = wait {
        request.set_wait_for(wait.into());
    }
    Ok(request)
}
