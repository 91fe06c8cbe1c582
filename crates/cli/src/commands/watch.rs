//! `ebb watch`: what happens, as it happens.
//!
//! Starts with how things stand, read after subscribing, so that nothing falls between the two.

use std::collections::HashMap;
use std::time::{SystemTime, UNIX_EPOCH};

use ebb_api::Client;
use ebb_api::client::{Filter, Notice, Notices};
use ebb_api::properties::JobProperties;
use serde_json::{Value, json};

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::output::{self, Json};
use crate::progress::amount;
use crate::{connect, job_json, reference, units};

/// Watches all jobs, or some until they are over.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let json = output::json(call)?;
    let client = connect::service(call).await?;
    let chosen = !call.operands.is_empty();
    let mut notices = client.subscribe().await.map_err(cannot("listen to the service"))?;
    let jobs = match chosen {
        true => reference::several(&client, call).await?,
        false => {
            let filter = Filter { all_users: call.has("all-users"), ..Filter::default() };
            client.list_jobs(&filter).await.map_err(cannot("list the jobs"))?
        }
    };
    let mut watch = Watch { json, chosen, jobs: HashMap::new() };
    for job in jobs {
        watch.say("state", &job, Value::Null)?;
        watch.jobs.insert(job.id.clone(), job);
    }
    watch.listen(&client, &mut notices).await
}

struct Watch {
    json: Option<Json>,
    /// Only the jobs that were named, and until they are over.
    chosen: bool,
    jobs: HashMap<String, JobProperties>,
}

impl Watch {
    async fn listen(&mut self, client: &Client, notices: &mut Notices) -> Result<Exit, Failure> {
        while !(self.chosen && self.jobs.values().all(|job| job.state.is_over())) {
            let notice = notices.next().await.map_err(cannot("listen to the service"))?;
            self.take(client, notice).await?;
        }
        Ok(Exit::Success)
    }

    async fn take(&mut self, client: &Client, notice: Notice) -> Result<(), Failure> {
        if !self.know(client, &notice).await? {
            return Ok(());
        }
        let Some(job) = self.jobs.get_mut(notice.job()) else {
            return Ok(());
        };
        let (event, detail) = match notice {
            Notice::StateChanged { state, previous, .. } => {
                job.state = state;
                ("state", json!({ "previous": previous.as_str() }))
            }
            Notice::PropertiesChanged { changed, .. } => {
                job.update(&changed).map_err(cannot("follow the job"))?;
                let is_progress = changed.names().any(|name| name == "BytesTransferred");
                (if is_progress { "progress" } else { "property" }, Value::Null)
            }
            Notice::FileTransferred { index, .. } => ("file", json!({ "index": index })),
            Notice::Failed { error, .. } => ("error", job_json::error_value(&error)),
            Notice::JobAdded { .. } => ("state", Value::Null),
            Notice::JobRemoved { .. } | Notice::Transferred { .. } => return Ok(()),
        };
        let job = job.clone();
        self.say(event, &job, detail)
    }

    /// Whether the job is one to watch; a new one is read first.
    async fn know(&mut self, client: &Client, notice: &Notice) -> Result<bool, Failure> {
        let id = notice.job();
        if self.jobs.contains_key(id) {
            return Ok(true);
        }
        if self.chosen {
            return Ok(false);
        }
        // One that is gone again before we could look is not worth a word.
        if let Ok(job) = client.job(id).properties().await {
            self.jobs.insert(id.to_owned(), job);
        }
        Ok(self.jobs.contains_key(id))
    }

    fn say(&self, event: &str, job: &JobProperties, detail: Value) -> Result<(), Failure> {
        match self.json {
            Some(_) => output::line(&self.object(event, job, detail).to_string()),
            None => output::line(&line(event, job, &detail)),
        }
    }

    fn object(&self, event: &str, job: &JobProperties, detail: Value) -> Value {
        json!({
            "time": units::time(now()),
            "job": job.id,
            "event": event,
            "name": job.display_name,
            "state": job.state.as_str(),
            "bytes_transferred": job.bytes_transferred,
            "bytes_total": job.bytes_total,
            "detail": detail,
        })
    }
}

fn line(event: &str, job: &JobProperties, detail: &Value) -> String {
    let time = units::time(now());
    let detail = match event {
        "file" => format!("file {} is here", detail["index"]),
        "error" => detail["message"].as_str().map(shown).unwrap_or_default(),
        _ => amount(job),
    };
    let name = shown(&job.display_name);
    format!("{}  {}  {name}  {}  {detail}", &time[11..19], &job.id[..8], job.state)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
