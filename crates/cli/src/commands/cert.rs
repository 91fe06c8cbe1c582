//! `ebb cert`: the certificate a job shows where a server wants one.
//!
//! Where it is, is shown to the job's owner; what opens it to nobody.

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{certificate, connect, output, reference};

/// Does what the second word says.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    let [verb @ ("set" | "clear" | "show"), job] = words.as_slice() else {
        return Err(call.misused("set, clear or show, and a job"));
    };
    let given = certificate::of(call)?;
    if (*verb == "set") != given.is_some() {
        return Err(call.misused("set takes --cert FILE, and nothing else does"));
    }
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    let job = client.job(&job.id);
    match *verb {
        "set" => certificate::give(&job, given.as_ref()).await?,
        "clear" => {
            let removed = job.remove_client_certificate().await;
            removed.map_err(cannot("remove the client certificate"))?;
        }
        _ => {
            let told = job.client_certificate().await;
            let text = match told.map_err(cannot("read the client certificate"))? {
                None => "none".to_owned(),
                Some((it, opens)) => {
                    let place = |path: &std::path::Path| shown(&path.to_string_lossy());
                    let key = it.key.as_deref().map(|key| format!(" key {}", place(key)));
                    let opens = if opens { " with a passphrase" } else { "" };
                    let (form, at) = (shown(&it.form), place(&it.certificate));
                    format!("{form} {at}{}{opens}", key.unwrap_or_default())
                }
            };
            output::line(&text)?;
        }
    }
    Ok(Exit::Success)
}
