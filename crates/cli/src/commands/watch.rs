//! `ebb watch`: what happens, as it happens, and nothing left out.
//!
//! Starts with how things stand, or after the event it is told. From then on a signal is only the
//! reason to ask what changed since the last number, so nothing is lost to a slow terminal or to a
//! service that starts anew: it is reached again, and asked from where we were.

use std::collections::HashMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ebb_api::Client;
use ebb_api::client::{EventKind, Filter, JobEvent, Notice, Notices};
use ebb_api::properties::JobProperties;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::args::Invocation;
use crate::escape::shown;
use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::output::{self, Json};
use crate::progress::amount;
use crate::{connect, job_json, reference, units};

/// A service that is gone is waited for this long.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two tries to reach it.
const PAUSE: Duration = Duration::from_millis(250);

/// Watches all jobs, or some until they are over.
pub(super) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    let json = output::json(call)?;
    let since = call.text("since")?.map(number).transpose()?;
    let client = connect::service(call).await?;
    let chosen = match call.operands.is_empty() {
        true => None,
        false => {
            let jobs = reference::several(&client, call).await?;
            Some(jobs.into_iter().map(|job| job.id).collect())
        }
    };
    let all_users = call.has("all-users");
    let mut watch = Watch { json, chosen, all_users, jobs: HashMap::new(), last: since };
    let mut reached = Some(client);
    loop {
        let client = match reached.take() {
            Some(client) => client,
            None => reach_again(call).await?,
        };
        match watch.listen(&client).await {
            Ok(()) => return Ok(Exit::Success),
            Err(failure) if failure.exit == Exit::NotReachable => {
                output::remark(call, "the service is gone; waiting for it");
            }
            Err(failure) => return Err(failure),
        }
    }
}

fn number(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::usage(format!("--since={text}: not the number of an event")))
}

/// Waits for the service; after a while, gives up as whoever never reached it.
async fn reach_again(call: &Invocation) -> Result<Client, Failure> {
    let end = Instant::now() + PATIENCE;
    loop {
        sleep(PAUSE).await;
        match connect::service(call).await {
            Ok(client) => return Ok(client),
            Err(failure) if Instant::now() >= end => return Err(failure),
            Err(_) => {}
        }
    }
}

struct Watch {
    json: Option<Json>,
    /// Only the jobs that were named, and until they are over.
    chosen: Option<Vec<String>>,
    all_users: bool,
    jobs: HashMap<String, JobProperties>,
    /// The last event that was shown or may be left out; none before the first look.
    last: Option<u64>,
}

impl Watch {
    /// Watches over one connection, until the chosen jobs are over.
    async fn listen(&mut self, client: &Client) -> Result<(), Failure> {
        // Whatever changes from here on is a notice, and so a reason to ask.
        let mut notices = client.subscribe().await.map_err(cannot("listen to the service"))?;
        match self.last {
            None => self.look(client, true).await?,
            Some(_) => {
                self.look(client, false).await?;
                self.catch_up(client).await?;
            }
        }
        while !self.is_over() {
            if self.hear(&mut notices).await? {
                self.catch_up(client).await?;
            }
        }
        Ok(())
    }

    fn is_over(&self) -> bool {
        let over = |id: &String| self.jobs.get(id).is_none_or(|job| job.state.is_over());
        self.chosen.as_ref().is_some_and(|chosen| chosen.iter().all(over))
    }

    /// Reads the jobs as they are; if that is where it starts, shows them and goes on from now.
    async fn look(&mut self, client: &Client, start: bool) -> Result<(), Failure> {
        // The number first: what happens while the jobs are read is shown twice rather than not.
        let newest = client.newest_event().await.map_err(cannot("ask what changed"))?;
        let filter = Filter { all_users: self.all_users, ..Filter::default() };
        let jobs = match &self.chosen {
            Some(chosen) => read(client, chosen).await?,
            None => client.list_jobs(&filter).await.map_err(cannot("list the jobs"))?,
        };
        for job in jobs {
            if start {
                self.say("state", &job, Some(newest), Value::Null)?;
            }
            self.jobs.insert(job.id.clone(), job);
        }
        if start {
            self.last = Some(newest);
        }
        Ok(())
    }

    /// Shows everything that has happened since the last look.
    async fn catch_up(&mut self, client: &Client) -> Result<(), Failure> {
        loop {
            let since = self.last.unwrap_or(0);
            let changes = client.changes_since(since).await.map_err(cannot("ask what changed"))?;
            if changes.missing {
                eprintln!("ebb: some events are not kept any more; this is how things stand");
                return self.look(client, true).await;
            }
            if changes.events.is_empty() {
                self.last = Some(changes.newest);
                return Ok(());
            }
            for event in changes.events {
                self.last = Some(event.number);
                self.take(client, event).await?;
            }
        }
    }

    async fn take(&mut self, client: &Client, event: JobEvent) -> Result<(), Failure> {
        if !self.know(client, &event.job).await {
            return Ok(());
        }
        let Some(job) = self.jobs.get_mut(&event.job) else {
            return Ok(());
        };
        let (name, detail) = match event.kind {
            EventKind::Added => ("state", Value::Null),
            EventKind::State { state, previous } => {
                job.state = state;
                ("state", json!({ "previous": previous.as_str() }))
            }
            EventKind::FileTransferred(file) => ("file", job_json::file(&file)),
            EventKind::Error(error) => ("error", job_json::error_value(&error)),
            EventKind::TransientError { error, next_attempt } => {
                let mut detail = job_json::error_value(&error);
                detail["next_attempt"] = json!(next_attempt.map(units::time));
                detail["attempts"] = json!(event.attempts);
                ("transient-error", detail)
            }
            EventKind::FilesAdded { first, count } => {
                ("property", json!({ "first_file": first, "files_added": count }))
            }
            EventKind::Property => ("property", Value::Null),
            EventKind::Progress => ("progress", Value::Null),
            // The first is said by the state before it; the second is newer than we are.
            EventKind::Transferred | EventKind::Other(_) | _ => return Ok(()),
        };
        let job = job.clone();
        self.say(name, &job, Some(event.number), detail)
    }

    /// Waits for news; whether to ask what changed. Several at once are one reason.
    async fn hear(&mut self, notices: &mut Notices) -> Result<bool, Failure> {
        let listen = || cannot("listen to the service");
        let mut next = Some(notices.next().await.map_err(listen())?);
        let mut ask = false;
        while let Some(notice) = next {
            ask |= self.news(notice)?;
            next = notices.try_next().map_err(listen())?;
        }
        Ok(ask)
    }

    /// Takes over what a notice shows of a job; whether it tells of an event not seen yet. Bytes
    /// that are on their way make no event, and are shown at once.
    fn news(&mut self, notice: Notice) -> Result<bool, Failure> {
        let Notice::PropertiesChanged { job, changed } = notice else {
            return Ok(true);
        };
        let Some(job) = self.jobs.get_mut(&job) else {
            return Ok(self.chosen.is_none());
        };
        let before = job.bytes_transferred;
        job.update(&changed).map_err(cannot("follow the job"))?;
        if Some(job.last_event) > self.last {
            return Ok(true);
        }
        if job.bytes_transferred != before {
            let job = job.clone();
            self.say("progress", &job, None, Value::Null)?;
        }
        Ok(false)
    }

    /// Whether the job is one to watch; a new one is read first.
    async fn know(&mut self, client: &Client, id: &str) -> bool {
        if self.jobs.contains_key(id) {
            return true;
        }
        if self.chosen.is_some() {
            return false;
        }
        // One that is gone again before we could look is not worth a word.
        if let Ok(job) = client.job(id).properties().await {
            self.jobs.insert(id.to_owned(), job);
        }
        self.jobs.contains_key(id)
    }

    fn say(
        &self,
        event: &str,
        job: &JobProperties,
        number: Option<u64>,
        detail: Value,
    ) -> Result<(), Failure> {
        match self.json {
            Some(_) => output::line(&object(event, job, number, detail).to_string()),
            None => output::line(&line(event, job, &detail)),
        }
    }
}

async fn read(client: &Client, ids: &[String]) -> Result<Vec<JobProperties>, Failure> {
    let mut jobs = Vec::new();
    for id in ids {
        jobs.push(client.job(id).properties().await.map_err(cannot("read the job"))?);
    }
    Ok(jobs)
}

fn object(event: &str, job: &JobProperties, number: Option<u64>, detail: Value) -> Value {
    json!({
        "time": units::time(now()),
        "job": job.id,
        "event": event,
        "number": number,
        "name": job.display_name,
        "state": job.state.as_str(),
        "bytes_transferred": job.bytes_transferred,
        "bytes_total": job.bytes_total,
        "detail": detail,
    })
}

fn line(event: &str, job: &JobProperties, detail: &Value) -> String {
    let time = units::time(now());
    let detail = match event {
        "file" => format!("file {} is here", detail["index"]),
        "error" | "transient-error" => detail["message"].as_str().map(shown).unwrap_or_default(),
        _ => amount(job),
    };
    let name = shown(&job.display_name);
    format!("{}  {}  {name}  {}  {detail}", &time[11..19], &job.id[..8], job.state)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
