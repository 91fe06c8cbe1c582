//! How large is it? The one question that is asked without fetching.
//!
//! The answer is for people: it makes the total of a job with many files known early. Nothing is
//! ever continued, allocated or judged by it, and a server that does not answer it is no trouble.

use crate::client::{Client, Terms};
use crate::connect::Origin;
use crate::control::Control;
use crate::order::{Options, Redirects};
use crate::redirect::{MOST_REDIRECTS, follow};
use crate::request::{Ask, write};
use crate::resolve::Lookups;
use crate::response::{Decision, judge};
use crate::shown::without_user_info;
use http::Method;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use url::Url;

/// Asks for the size of what is at `url`, in bytes; nothing if the server does not tell it, or when
/// the owner says stop first. By the end nothing of it is under way any more.
pub async fn measure(
    client: &Arc<Client>,
    url: &Url,
    options: &Options,
    patience: Duration,
    mut control: Control,
) -> Option<u64> {
    let mut lookups = client.lookups();
    let size = tokio::select! {
        biased;
        () = control.stopped() => None,
        size = asked(client, url, options, &mut lookups, patience) => size,
    };
    lookups.over().await;
    size
}

async fn asked(
    client: &Arc<Client>,
    url: &Url,
    options: &Options,
    lookups: &mut Lookups,
    patience: Duration,
) -> Option<u64> {
    let home = Origin::of(url).ok()?;
    let mut url = without_user_info(url);
    let account = client.accounts.of(&options.logins);
    for _ in 0..=MOST_REDIRECTS {
        let at_home = Origin::of(&url).is_ok_and(|here| here == home);
        let own = at_home.then_some(&options.fields);
        let terms = Terms::of(options, None, patience, account.as_ref(), at_home);
        let request = write(&url, &Method::HEAD, own, &Ask::Whole);
        let exchange = client.exchange_as_somebody(&url, request, lookups, terms);
        let (mut link, response) = exchange.await.ok()?;
        let (parts, mut body) = response.into_parts();
        let judged = judge(&Ask::Whole, parts.status, &parts.headers, SystemTime::now()).ok()?;
        // There is no body, but the connection is only free once that has been seen.
        let empty = tokio::time::timeout(patience, link.next(&mut body)).await;
        if matches!(empty, Ok(Ok(None))) {
            client.keep(link);
        }
        match (judged.decision, options.redirects) {
            (Decision::Redirect(location), Redirects::Follow) => {
                url = follow(&url, &location, options.downgrade).ok()?;
            }
            (Decision::Whole, _) => return judged.validators.total,
            (_, Redirects::Follow | Redirects::Refuse) => return None,
        }
    }
    None
}
