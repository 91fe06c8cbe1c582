//! `ebb create`: an empty, suspended job.

use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{connect, new_job, output};

/// Makes the job and prints its id.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    let name = match words.as_slice() {
        [] => "unnamed",
        [name] => name,
        _ => return Err(call.misused("one name")),
    };
    let terms = new_job::terms(call)?;
    let entrusted = new_job::entrusted(call, &[])?;
    let client = connect::service_or_private(call).await?;
    let id = new_job::make(&client, name, &terms, &entrusted, &[]).await?;
    output::line(&id)?;
    Ok(Exit::Success)
}
