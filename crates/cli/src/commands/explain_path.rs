//! `ebb explain --watch`: how jobs give way on the network, second by second.
//!
//! Answers one question: *what does the law see now, and what does it do?* For people a line, for
//! programs an object. The service hears of its paths once a second, so nobody is asked more often.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ebb_api::Client;
use ebb_api::explanation::Path;
use ebb_api::properties::JobProperties;
use serde_json::{Value, json};
use tokio::time::{MissedTickBehavior, interval};

use crate::exit::Exit;
use crate::failure::{Failure, cannot};
use crate::{output, units};

const EVERY: Duration = Duration::from_secs(1);

/// Tells of these jobs until all are over.
pub(super) async fn watch(
    client: &Client,
    jobs: &[JobProperties],
    json: bool,
) -> Result<Exit, Failure> {
    let mut tick = interval(EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut left: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
    while !left.is_empty() {
        tick.tick().await;
        let mut moving = Vec::new();
        for id in left {
            let job = client.job(id).properties().await.map_err(cannot("read the job"))?;
            // A job that ends between the two questions is seen without a path.
            let path = client.job(id).path().await.map_err(cannot("ask how it gives way"))?;
            match json {
                true => output::line(&object(&job, path.as_ref()).to_string())?,
                false => output::line(&line(&job, path.as_ref()))?,
            }
            moving.extend((!job.state.is_over()).then_some(id));
        }
        left = moving;
    }
    Ok(Exit::Success)
}

fn object(job: &JobProperties, path: Option<&Path>) -> Value {
    let path = path.map(|path| {
        json!({
            "course": path.course,
            "connections": path.connections,
            "window": path.window,
            "rate": path.rate,
            "target_ms": millis(path.target),
            "base_ms": path.base.map(millis),
            "queue_ms": path.queue.map(millis),
            "share": f64::from(path.share) / 1000.0,
            "remembered_ms": path.remembered.map(millis),
            "signals": signals(path),
        })
    });
    json!({
        "time": units::time(now()),
        "job": job.id,
        "state": job.state.as_str(),
        "bytes_transferred": job.bytes_transferred,
        "path": path,
    })
}

fn line(job: &JobProperties, path: Option<&Path>) -> String {
    let start = format!("{}  {}  {}", &units::time(now())[11..19], &job.id[..8], job.state);
    let Some(path) = path else { return format!("{start}  gives way to nobody just now") };
    let queue = path.queue.map_or_else(|| "unseen".to_owned(), |it| format!("{} ms", millis(it)));
    let (rate, window) = (units::size(path.rate), units::size(path.window));
    let target = millis(path.target);
    format!(
        "{start}  {}  {rate}/s  queue {queue} of {target} ms  window {window}  seen: {}",
        path.course,
        signals(path).join(", ")
    )
}

fn signals(path: &Path) -> Vec<&'static str> {
    let what = if path.echoes { "echoes" } else { "round-trips" };
    let round_trips = path.queue.map(|_| what);
    round_trips.into_iter().chain(path.card.then_some("card")).collect()
}

fn millis(time: Duration) -> f64 {
    (time.as_secs_f64() * 10_000.0).round() / 10.0
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_json::tests::example;

    #[test]
    fn a_job_that_gives_way_to_nobody_says_so() {
        let object = object(&example(), None);
        assert_eq!((&object["path"], &object["job"]), (&Value::Null, &json!(example().id)));
        assert!(line(&example(), None).ends_with("gives way to nobody just now"));
    }

    #[test]
    fn times_are_told_in_milliseconds_with_one_decimal() {
        let told = millis(Duration::from_micros(48_260));
        assert!((told - 48.3).abs() < 1e-9, "{told}");
    }
}
