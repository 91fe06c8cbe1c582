//! `ebb helper`: a second identity for a job.
//!
//! There is no way to *name* a helper: whoever is to be it has to be the one who calls. Three ways
//! lead there. One's own job takes one's own identity. Root becomes the user for the one call that
//! counts. And two people without root hand an invitation over: the owner opens the job's token
//! options and passes on their name, which cannot be guessed; the helper calls it.
//!
//! What others may try: to see an invitation and use it first. So it can be read from standard
//! input (`-`), is good only as long as the owner waits, and the owner is told who took it.

use std::io::BufRead;

use ebb_api::client::{Notice, Notices, TokenOptions};
use ebb_api::values::TokenFlags;
use ebb_api::{Client, ClientError, Identity, ImpersonationError, names};

use super::show;
use crate::args::Invocation;
use crate::attend::deadline;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{connect, output, reference, users};

/// Does what the second word says.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let words = call.words()?;
    match words.as_slice() {
        ["set", word] => set(call, word).await,
        ["flags", job, uses] => flags(call, job, uses).await,
        ["show", job] => shown(call, job).await,
        ["clear", job] => clear(call, job).await,
        ["invite", job] => invite(call, job).await,
        [verb @ ("set" | "flags" | "show" | "clear" | "invite"), ..] => {
            Err(call.misused(&format!("ebb help helper shows how {verb} is used")))
        }
        _ => Err(call.misused("set, flags, show, clear or invite?")),
    }
}

async fn set(call: &Invocation, word: &str) -> Result<Exit, Failure> {
    let uses = call.text("for")?.map(read_uses).transpose()?;
    if let Some(random) = invitation(word)? {
        return accept(call, &random, uses).await;
    }
    let lent = call.text("user")?.map(lent_identity).transpose()?;
    let client = connect::service(call).await?;
    let options = open(call, &client, word).await?;
    set_uses(&options, uses).await?;
    match lent {
        None => {
            options.set_helper_token().await.map_err(cannot("become the helper"))?;
        }
        Some(user) => {
            options.set_helper_token_as(&user).await.map_err(cannot("set the helper"))?;
        }
    }
    tell_identity(call, &options).await?;
    close(&options).await
}

/// The random part of an invitation, if the word is one: 32 digits without dashes, which no id
/// is written like, or `-` for a line of standard input.
fn invitation(word: &str) -> Result<Option<String>, Failure> {
    let word = match word {
        "-" => read_line()?,
        word => word.to_owned(),
    };
    let path = names::token_options_path(&word);
    match names::token_options_random(&path) {
        Some(_) => Ok(Some(word)),
        None if word.is_empty() => Err(Failure::usage("there is no invitation on standard input")),
        None => Ok(None),
    }
}

fn read_line() -> Result<String, Failure> {
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.map_err(|error| Failure::usage(format!("cannot read standard input: {error}")))?;
    Ok(line.trim().to_owned())
}

async fn accept(
    call: &Invocation,
    random: &str,
    uses: Option<TokenFlags>,
) -> Result<Exit, Failure> {
    let client = connect::service(call).await?;
    let options = client.token_options(&names::token_options_path(random));
    set_uses(&options, uses).await?;
    options.set_helper_token().await.map_err(|error| {
        let failure = cannot("take the invitation")(error);
        match failure.exit == Exit::NotFound {
            true => failure.hint("it is good only while the owner's ebb helper invite waits"),
            false => failure,
        }
    })?;
    // Asked for nothing more: the owner closes the options as soon as he sees who came.
    output::remark(call, "you are the helper");
    Ok(Exit::Success)
}

fn lent_identity(name: &str) -> Result<Identity, Failure> {
    if !connect::is_root() {
        return Err(Failure::new(Exit::NotPermitted, "only root can lend somebody's identity")
            .hint("ebb helper invite JOB, and the helper runs: ebb helper set -"));
    }
    Identity::named(name).map_err(|error| {
        if matches!(error, ImpersonationError::NoSuchUser(_)) {
            return Failure::new(Exit::NotFound, error.to_string());
        }
        cannot("find the helper")(ClientError::from(error))
    })
}

async fn open<'a>(
    call: &Invocation,
    client: &'a Client,
    job: &str,
) -> Result<TokenOptions<'a>, Failure> {
    let job = reference::one(client, call, job).await?;
    client.job(&job.id).open_token_options().await.map_err(cannot("open the token options"))
}

async fn set_uses(options: &TokenOptions<'_>, uses: Option<TokenFlags>) -> Result<(), Failure> {
    match uses {
        Some(uses) => options.set_flags(uses).await.map_err(cannot("set what the helper is for")),
        None => Ok(()),
    }
}

async fn tell_identity(call: &Invocation, options: &TokenOptions<'_>) -> Result<(), Failure> {
    let identity = options.identity().await.map_err(cannot("read the helper"))?;
    if let Some(identity) = identity {
        let name = crate::escape::shown(&identity.name);
        output::remark(call, &format!("helper: {name} (uid {})", identity.uid));
    }
    Ok(())
}

async fn close(options: &TokenOptions<'_>) -> Result<Exit, Failure> {
    options.close().await.map_err(cannot("close the token options"))?;
    Ok(Exit::Success)
}

async fn flags(call: &Invocation, job: &str, uses: &str) -> Result<Exit, Failure> {
    let uses = read_uses(uses)?;
    let client = connect::service(call).await?;
    let options = open(call, &client, job).await?;
    set_uses(&options, Some(uses)).await?;
    close(&options).await
}

/// Reads `local,network`, `both` or `none`.
fn read_uses(text: &str) -> Result<TokenFlags, Failure> {
    text.split(',').map(str::trim).try_fold(TokenFlags::NONE, |uses, word| match word {
        "none" => Ok(uses),
        "local" => Ok(uses | TokenFlags::LOCAL_FILE),
        "network" => Ok(uses | TokenFlags::NETWORK),
        "both" => Ok(uses | TokenFlags::LOCAL_FILE | TokenFlags::NETWORK),
        "certificate" => Ok(uses | TokenFlags::CLIENT_CERTIFICATE),
        _ => Err(Failure::usage(format!("a helper is not for {word:?}"))
            .hint("local, network, both, certificate or none")),
    })
}

async fn shown(call: &Invocation, job: &str) -> Result<Exit, Failure> {
    let json = output::json(call)?;
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    if let Some(form) = json {
        output::object(form, &crate::job_json::job(&job, None)["helper"])?;
        return Ok(Exit::Success);
    }
    let name = job.helper_uid.and_then(users::name_of).unwrap_or_default();
    let text = show::helper(&job, &name);
    output::line(if text.is_empty() { "none" } else { &text })?;
    Ok(Exit::Success)
}

async fn clear(call: &Invocation, job: &str) -> Result<Exit, Failure> {
    let client = connect::service(call).await?;
    let options = open(call, &client, job).await?;
    options.clear().await.map_err(cannot("clear the helper"))?;
    close(&options).await
}

async fn invite(call: &Invocation, job: &str) -> Result<Exit, Failure> {
    let uses = call.text("for")?.map(read_uses).transpose()?;
    let until = deadline(call.duration("timeout")?);
    let client = connect::service(call).await?;
    let job = reference::one(&client, call, job).await?;
    let mut notices = client.subscribe().await.map_err(cannot("listen to the service"))?;
    let options = client.job(&job.id).open_token_options().await;
    let options = options.map_err(cannot("open the token options"))?;
    set_uses(&options, uses).await?;
    let random = names::token_options_random(options.path()).ok_or_else(|| {
        Failure::new(Exit::Failure, "the service gave token options without a name")
    })?;
    output::line(random)?;
    output::remark(
        call,
        "  the helper runs: ebb helper set -   and enters this; Ctrl+C takes it back",
    );
    let taken = until_taken(&mut notices, &job.id);
    match until {
        None => taken.await?,
        Some(until) => tokio::time::timeout_at(until, taken)
            .await
            .map_err(|_| Failure::new(Exit::TimedOut, "nobody took the invitation"))??,
    }
    tell_identity(call, &options).await?;
    close(&options).await
}

async fn until_taken(notices: &mut Notices, job: &str) -> Result<(), Failure> {
    loop {
        let notice = notices.next().await.map_err(cannot("wait for the helper"))?;
        if notice.job() != job {
            continue;
        }
        if let Notice::PropertiesChanged { changed, .. } = notice {
            let set = changed.flag("HelperTokenSet").unwrap_or(false);
            if set || changed.small("HelperTokenUid").is_ok_and(|uid| uid != u32::MAX) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uses_are_words_or_refused() {
        assert_eq!(read_uses("local,network").unwrap(), read_uses("both").unwrap());
        assert_eq!(read_uses("none").unwrap(), TokenFlags::NONE);
        assert_eq!(read_uses("certificate").unwrap(), TokenFlags::CLIENT_CERTIFICATE);
        assert_eq!(read_uses("disk").unwrap_err().exit, Exit::Usage);
    }

    #[test]
    fn an_id_is_no_invitation() {
        let random = "00112233445566778899aabbccddeeff";
        assert_eq!(invitation(random).unwrap().as_deref(), Some(random));
        assert_eq!(invitation("3f2ac1d0-0000-4000-8000-00000000002a").unwrap(), None);
        assert_eq!(invitation("nightly").unwrap(), None);
    }
}
