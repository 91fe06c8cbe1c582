//! `ebb add`: more files for a job.

use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, new_files, reference};

/// Adds the files, all or none.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    let Some((job, urls)) = words.split_first() else {
        return Err(call.misused("which job?"));
    };
    let files = new_files::wanted(call, urls)?;
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    client.job(&job.id).add_files(&files).await.map_err(cannot("add the files"))?;
    Ok(Exit::Success)
}
