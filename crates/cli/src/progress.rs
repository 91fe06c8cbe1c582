//! Progress on standard error.
//!
//! Answers one question: *how far is it?* On a terminal one line is redrawn, twice a second at
//! most; elsewhere there is a line at the start and one every 30 seconds; `--progress=json` writes
//! an object a line. It shows what it is told and asks nobody.

use std::collections::VecDeque;
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use ebb_api::properties::JobProperties;
use ebb_api::values::State;
use serde_json::json;
use tokio::time::Instant;

use crate::args::Invocation;
use crate::escape::shown;
use crate::failure::Failure;
use crate::units;

/// Over how long the rate is averaged.
const RATE_WINDOW: Duration = Duration::from_secs(5);

/// How progress is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// One line, redrawn.
    Bar,
    /// A line now and then.
    Lines,
    /// An object a line.
    Json,
    /// Not at all.
    Never,
}

/// Progress, as far as it was shown.
#[derive(Debug)]
pub(crate) struct Progress {
    mode: Mode,
    next: Option<Instant>,
    samples: VecDeque<(Instant, u64)>,
}

impl Progress {
    /// As the command line wants it.
    ///
    /// # Errors
    /// A usage failure where `--progress` is none of the words.
    pub(crate) fn wanted(call: &Invocation) -> Result<Self, Failure> {
        let mode = match call.text("progress")? {
            Some("json") => Mode::Json,
            Some("never") => Mode::Never,
            None | Some("auto") if call.has("quiet") => Mode::Never,
            None | Some("auto") if is_capable_terminal() => Mode::Bar,
            None | Some("auto") => Mode::Lines,
            Some(other) => {
                return Err(Failure::usage(format!("--progress={other}: auto, never or json")));
            }
        };
        Ok(Progress::in_mode(mode))
    }

    /// Shown like this.
    #[must_use]
    pub(crate) fn in_mode(mode: Mode) -> Self {
        Progress { mode, next: None, samples: VecDeque::new() }
    }

    /// When [`Self::tick`] is due, if ever.
    #[must_use]
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.next
    }

    /// The first look.
    pub(crate) fn start(&mut self, jobs: &[JobProperties]) {
        self.tick(jobs);
    }

    /// The regular look.
    pub(crate) fn tick(&mut self, jobs: &[JobProperties]) {
        let period = match self.mode {
            Mode::Bar => Duration::from_millis(500),
            Mode::Lines => Duration::from_secs(30),
            Mode::Json | Mode::Never => return,
        };
        self.sample(jobs);
        self.next = Some(Instant::now() + period);
        let line = self.line(jobs);
        match self.mode {
            Mode::Bar => draw(&format!("\r\x1b[K{}", fitted(&line))),
            Mode::Lines => draw(&format!("{line}\n")),
            Mode::Json | Mode::Never => {}
        }
    }

    /// Something has changed.
    pub(crate) fn news(&mut self, jobs: &[JobProperties]) {
        if self.mode == Mode::Json {
            jobs.iter().for_each(|job| draw(&format!("{}\n", event(job))));
        }
    }

    /// Takes the redrawn line away.
    pub(crate) fn clear(&mut self) {
        if self.mode == Mode::Bar {
            draw("\r\x1b[K");
        }
    }

    /// The last look.
    pub(crate) fn end(&mut self, jobs: &[JobProperties]) {
        self.clear();
        self.news(jobs);
    }

    fn sample(&mut self, jobs: &[JobProperties]) {
        let now = Instant::now();
        let bytes = jobs.iter().map(|job| job.bytes_transferred).sum();
        self.samples.push_back((now, bytes));
        while self.samples.len() > 2 && now - self.samples[0].0 > RATE_WINDOW {
            self.samples.pop_front();
        }
    }

    /// Bytes a second; nothing before two looks, and nothing where bytes were taken back.
    fn rate(&self) -> Option<u64> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        let elapsed =
            u64::try_from((last.0 - first.0).as_millis()).ok().filter(|time| *time > 0)?;
        Some(last.1.checked_sub(first.1)?.saturating_mul(1000) / elapsed)
    }

    fn line(&self, jobs: &[JobProperties]) -> String {
        let moving = jobs.iter().find(|job| !job.state.is_over()).or_else(|| jobs.first());
        let Some(job) = moving else {
            return String::new();
        };
        let state = match (job.reason.as_str(), job.state.as_str()) {
            ("", state) => state.to_owned(),
            (reason, state) => format!("{state} ({})", shown(reason)),
        };
        let moves = job.state == State::Transferring;
        let rate = self.rate().filter(|rate| *rate > 0 && moves);
        let speed = rate.map(|rate| format!("  {}/s", units::size(rate))).unwrap_or_default();
        let left = rate.and_then(|rate| remaining(job, rate)).unwrap_or_default();
        format!("{}  {}  {state}{speed}{left}", shown(&job.display_name), amount(job))
    }
}

fn remaining(job: &JobProperties, rate: u64) -> Option<String> {
    let bytes = job.bytes_total?.checked_sub(job.bytes_transferred)?;
    Some(format!("  {} left", units::duration(bytes.div_ceil(rate))))
}

/// `412 MiB/3.7 GiB 11%`, or `412 MiB/?` where the size is not known.
#[must_use]
pub(crate) fn amount(job: &JobProperties) -> String {
    let here = units::size(job.bytes_transferred);
    match job.bytes_total {
        None => format!("{here}/?"),
        Some(total) => format!("{here}/{} {}%", units::size(total), percent(job, total)),
    }
}

fn percent(job: &JobProperties, total: u64) -> u64 {
    let all_files_here = job.files_total > 0 && job.files_transferred == job.files_total;
    if all_files_here {
        return 100;
    }
    // In u128 nothing overflows; and 100 is said only when it is true.
    let percent = u128::from(job.bytes_transferred) * 100 / u128::from(total.max(1));
    u64::try_from(percent).unwrap_or(99).min(99)
}

fn event(job: &JobProperties) -> String {
    json!({
        "job": job.id,
        "state": job.state.as_str(),
        "bytes_transferred": job.bytes_transferred,
        "bytes_total": job.bytes_total,
        "files_transferred": job.files_transferred,
        "files_total": job.files_total,
    })
    .to_string()
}

fn is_capable_terminal() -> bool {
    io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Cut to the terminal's width, since a line that wraps cannot be redrawn.
fn fitted(line: &str) -> String {
    let size = rustix::termios::tcgetwinsize(io::stderr()).ok();
    let columns = size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 1);
    line.chars().take(columns.unwrap_or(80) - 1).collect()
}

/// Progress that cannot be shown is no reason to stop.
fn draw(text: &str) {
    let mut out = io::stderr().lock();
    let _unshown = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::job_json::tests::example;

    fn job(here: u64, total: Option<u64>, files: u32) -> JobProperties {
        let mut job = example();
        (job.bytes_transferred, job.bytes_total, job.files_transferred) = (here, total, files);
        job
    }

    #[test]
    fn amounts_are_honest() {
        assert_eq!(amount(&job(0, None, 0)), "0 B/?");
        assert_eq!(amount(&job(512, Some(1024), 0)), "512 B/1.0 KiB 50%");
        assert_eq!(amount(&job(1_000_000, Some(1_000_000), 1)), "977 KiB/977 KiB 99%");
        assert_eq!(amount(&job(1_000_000, Some(1_000_000), 2)), "977 KiB/977 KiB 100%");
        assert_eq!(amount(&job(0, Some(0), 2)), "0 B/0 B 100%");
        assert_eq!(amount(&job(3, Some(7), 0)), "3 B/7 B 42%");
    }

    #[test]
    fn a_rate_needs_two_looks_and_bytes_that_grow() {
        let mut progress = Progress::in_mode(Mode::Never);
        progress.sample(&[job(0, None, 0)]);
        assert_eq!(progress.rate(), None);
        let then = progress.samples[0].0;
        progress.samples.push_back((then + Duration::from_secs(2), 4096));
        assert_eq!(progress.rate(), Some(2048));
        progress.samples[0].1 = 9999;
        assert_eq!(progress.rate(), None);
    }

    #[test]
    fn the_line_says_how_long_it_still_takes() {
        assert_eq!(remaining(&job(0, Some(600), 0), 10).as_deref(), Some("  1m left"));
        assert_eq!(remaining(&job(0, None, 0), 10), None);
    }
}
