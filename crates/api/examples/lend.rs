//! Lends a job of root's a user's identity for the network, and starts it.
//!
//! ```text
//! job=$(ebb submit --suspended https://files.example.org/update.img -o /srv/vault/update.img)
//! cargo run --example lend -- $job bob        # as root: bob is what the network sees
//! ```

#![forbid(unsafe_code)]

use std::error::Error;

use ebb_api::client::{Client, Location};
use ebb_api::values::TokenFlags;
use ebb_api::{ClientError, Identity};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let [job, user] = words.as_slice() else {
        return Err("say which job, by its id, and which user".into());
    };
    Ok(lend(&Location::Any, job, user).await?)
}

/// Lends the job `id` the identity of `user`, and resumes it.
///
/// # Errors
/// What the service said; `Impersonation` where this process is not root.
pub(crate) async fn lend(location: &Location, id: &str, user: &str) -> Result<(), ClientError> {
    let client = Client::connect(location).await?;
    let job = client.job(id);
    if let Some(seen) = job.lend(&Identity::named(user)?, TokenFlags::NETWORK).await? {
        println!("the network will see {} (uid {})", seen.name, seen.uid);
    }
    job.resume().await
}
