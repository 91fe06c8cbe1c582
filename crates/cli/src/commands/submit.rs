//! `ebb submit`: fetch in the background.

use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, new_files, new_job, output};

/// Makes the job, starts it, and prints its id: that alone, for a script to catch.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let files = new_files::wanted(call, &call.words()?)?;
    let terms = new_job::terms(call)?;
    let entrusted = new_job::entrusted(call, &files)?;
    let name = new_job::name(call, &files)?;
    let client = connect::service_or_private(call).await?;
    let id = new_job::make(&client, &name, &terms, &entrusted, &files).await?;
    if !call.has("suspended") {
        client.job(&id).resume().await.map_err(cannot("start the job"))?;
    }
    output::line(&id)?;
    Ok(Exit::Success)
}
