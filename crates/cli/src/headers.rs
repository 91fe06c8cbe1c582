//! Header fields a job sends with its requests, as people write them.
//!
//! Answers one question: *which lines go to the service?* What is on a command line can be read by
//! every user of the machine, so the fields that are secrets by their name are not taken from
//! there: their value is in a file (`Name: @FILE`), or whole lines are (`--headers-file`). Whoever
//! sends such a field does not want it read back either: it is made write-only. No failure here
//! shows a value.

use std::ffi::OsStr;
use std::io::Read;

use ebb_api::ClientError;
use ebb_api::client::Job;

use crate::args::Invocation;
use crate::escape::shown;
use crate::failure::{Failure, cannot};

/// Fields that are secrets by their name, in lower case.
const SECRET: [&str; 3] = ["authorization", "cookie", "proxy-authorization"];
/// More than this are no header fields.
const LIMIT: u64 = 1 << 16;

/// The lines for the service.
#[derive(Default, PartialEq, Eq)]
pub(crate) struct Headers(Vec<String>);

/// Those on the command line: every `--header`, and the lines of `--headers-file`.
///
/// # Errors
/// A usage failure where a line is none, a file cannot be read, or a secret is in the open.
pub(crate) fn of(call: &Invocation) -> Result<Option<Headers>, Failure> {
    let mut lines = Vec::new();
    for text in call.values("header") {
        let line = text.to_str().ok_or_else(|| Failure::usage("a --header is not UTF-8"))?;
        lines.push(from_argument(line)?);
    }
    if let Some(file) = call.value("headers-file") {
        lines.extend(from_file(file)?.0);
    }
    Ok((!lines.is_empty()).then_some(Headers(lines)))
}

/// Those in a file, a line each; `-` is standard input. Empty lines and those that begin with `#`
/// say nothing.
///
/// # Errors
/// A usage failure where it cannot be read.
pub(crate) fn from_file(file: &OsStr) -> Result<Headers, Failure> {
    let text = contents(file)?;
    let lines = text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with('#'));
    Ok(Headers(lines.map(str::to_owned).collect()))
}

/// `Name: value`, or `Name: @FILE`.
fn from_argument(line: &str) -> Result<String, Failure> {
    let Some((name, value)) = line.split_once(':') else {
        return Err(Failure::usage("a --header is no \"Name: value\""));
    };
    let (name, value) = (name.trim(), value.trim());
    if let Some(file) = value.strip_prefix('@') {
        let text = contents(OsStr::new(file))?;
        return Ok(format!("{name}: {}", text.trim_end_matches(['\r', '\n'])));
    }
    if is_secret(name) {
        return Err(Failure::usage(format!(
            "{}: every user of the machine can read what is on a command line",
            shown(name)
        ))
        .hint(format!("--header '{}: @FILE', or --headers-file FILE", shown(name))));
    }
    Ok(format!("{name}: {value}"))
}

fn is_secret(name: &str) -> bool {
    SECRET.contains(&name.trim().to_ascii_lowercase().as_str())
}

fn contents(file: &OsStr) -> Result<String, Failure> {
    let cannot = |why: String| Failure::usage(format!("cannot read {}: {why}", file.display()));
    let open: Box<dyn Read> = match file == "-" {
        true => Box::new(std::io::stdin()),
        false => Box::new(std::fs::File::open(file).map_err(|error| cannot(error.to_string()))?),
    };
    let mut bytes = Vec::new();
    let read = open.take(LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|error| cannot(error.to_string()))?;
    if bytes.len() as u64 > LIMIT {
        return Err(cannot("it is too large".to_owned()));
    }
    String::from_utf8(bytes).map_err(|_| cannot("it is not UTF-8".to_owned()))
}

impl Headers {
    /// Whether one of them is a secret by its name.
    fn has_secret(&self) -> bool {
        self.0.iter().any(|line| line.split_once(':').is_some_and(|(name, _)| is_secret(name)))
    }

    /// Gives them to a job; write-only where one is a secret.
    ///
    /// # Errors
    /// As the service says.
    pub(crate) async fn give(&self, job: &Job<'_>) -> Result<(), ClientError> {
        let lines: Vec<&str> = self.0.iter().map(String::as_str).collect();
        if self.has_secret() {
            // First, so that nobody reads them in between.
            job.make_custom_headers_write_only().await?;
        }
        job.set_custom_headers(&lines).await
    }
}

/// What `ebb set JOB headers=VALUE` means: `none`, or `@FILE`.
///
/// # Errors
/// A usage failure where it is neither.
pub(crate) fn of_value(value: &str) -> Result<Headers, Failure> {
    match value.strip_prefix('@') {
        Some(file) => from_file(OsStr::new(file)),
        None if value == "none" => Ok(Headers::default()),
        None => Err(Failure::usage("headers: neither none nor @FILE")
            .hint("headers=@FILE takes lines \"Name: value\"; headers=@- those on standard input")),
    }
}

/// As [`Headers::give`], told as this program tells failures.
///
/// # Errors
/// As the service says.
pub(crate) async fn give(job: &Job<'_>, headers: Option<&Headers>) -> Result<(), Failure> {
    match headers {
        Some(headers) => headers.give(job).await.map_err(cannot("set the headers")),
        None => Ok(()),
    }
}

/// Names only, whoever prints them.
impl std::fmt::Debug for Headers {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.0.iter().map(|line| line.split(':').next().unwrap_or_default());
        out.debug_list().entries(names).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_taken_from_the_command_line_and_not_shown() {
        for name in ["Authorization", "cookie", " Proxy-Authorization "] {
            let failure = from_argument(&format!("{name}: hunter2")).unwrap_err();
            let told = format!("{} {}", failure.text, failure.hint.unwrap_or_default());
            assert!(told.contains("@FILE") && !told.contains("hunter2"), "{told}");
        }
        assert!(!from_argument("hunter2").unwrap_err().text.contains("hunter2"));
        assert_eq!(from_argument("X-Key:v : w").unwrap(), "X-Key: v : w");
        assert!(!format!("{:?}", Headers(vec!["Cookie: hunter2".into()])).contains("hunter2"));
    }

    #[test]
    fn a_value_may_be_in_a_file_and_so_may_the_lines() {
        let path = std::env::temp_dir().join(format!("ebb-cli-headers-{}", std::process::id()));
        let file = path.to_str().unwrap();
        std::fs::write(&path, "hunter2\n").unwrap();
        let line = from_argument(&format!("Authorization: @{file}")).unwrap();
        assert_eq!(line, "Authorization: hunter2");
        assert!(Headers(vec![line]).has_secret());
        std::fs::write(&path, "# of the mirror\nX-A: b\r\n\nX-C: @d\n").unwrap();
        let lines = of_value(&format!("@{file}")).unwrap();
        assert_eq!(lines.0, ["X-A: b", "X-C: @d"], "what is in the file is no name of another");
        assert!(!lines.has_secret());
        std::fs::remove_file(&path).unwrap();
        assert!(of_value(&format!("@{file}")).is_err());
        assert_eq!(of_value("none").unwrap(), Headers::default());
        assert!(of_value("X-A: b").is_err());
    }
}
