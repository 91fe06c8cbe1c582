//! `ebb login`: what jobs log on with, given or taken back.
//!
//! It is never shown: nobody reads it back from the service, and this does not remember it.

use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, credentials, reference};

/// Gives credentials to a job, or takes them back.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    let [job] = words.as_slice() else {
        return Err(call.misused("which job?"));
    };
    let remove = call.has("remove");
    let given = credentials::of(call, &[])?;
    if given.is_empty() {
        return Err(call.misused("as whom, or by which scheme?"));
    }
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    let job = client.job(&job.id);
    if !remove {
        credentials::give(&job, &given).await?;
        return Ok(Exit::Success);
    }
    for (target, scheme) in given.pairs() {
        let removed = job.remove_credentials(target, scheme).await;
        removed.map_err(cannot("take the credentials back"))?;
    }
    Ok(Exit::Success)
}
