//! `ebb rebase`: the files of a job come from somewhere else now.

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, output, reference};

/// Replaces the beginning of every URL that has it. To replace none is no success: whoever moved a
/// job to another server must not believe that it has moved.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    let [job, old, new] = words.as_slice() else {
        return Err(call.misused("which job, from where, to where?"));
    };
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    let replaced = client.job(&job.id).replace_remote_prefix(old, new).await;
    match replaced.map_err(cannot("change the addresses"))? {
        0 => {
            return Err(Failure::new(
                Exit::NotFound,
                format!("no address begins with {}", shown(old)),
            )
            .hint("ebb files JOB shows them; upper and lower case count"));
        }
        1 => output::remark(call, "1 address changed"),
        several => output::remark(call, &format!("{several} addresses changed")),
    }
    Ok(Exit::Success)
}
