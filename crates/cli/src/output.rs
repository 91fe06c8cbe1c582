//! Standard output: results, and nothing decorative.
//!
//! Answers one question: *how does a result leave?* A reader that has gone (`ebb list | head`)
//! is not an error worth a line; the command just ends.

use std::io::{self, IsTerminal, Write};

use serde_json::Value;

use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::Failure;

/// How JSON is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Json {
    /// One line.
    Short,
    /// Indented.
    Pretty,
    /// One line an object.
    Lines,
}

/// Whether JSON is wanted, and how.
///
/// # Errors
/// A usage failure where the value of `--json` is unknown.
pub(crate) fn json(call: &Invocation) -> Result<Option<Json>, Failure> {
    if !call.has("json") {
        return Ok(None);
    }
    match call.text("json")? {
        None if io::stdout().is_terminal() => Ok(Some(Json::Pretty)),
        None | Some("short") => Ok(Some(Json::Short)),
        Some("pretty") => Ok(Some(Json::Pretty)),
        Some("lines") => Ok(Some(Json::Lines)),
        Some(other) => Err(Failure::usage(format!("--json={other}: short, pretty or lines"))),
    }
}

/// Writes a line.
///
/// # Errors
/// A failure where standard output takes nothing.
pub(crate) fn line(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    written(writeln!(out, "{text}").and_then(|()| out.flush()))
}

fn written(done: io::Result<()>) -> Result<(), Failure> {
    let Err(error) = done else { return Ok(()) };
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Err(Failure::silent(Exit::Failure));
    }
    Err(Failure::new(Exit::Failure, format!("cannot write to standard output: {error}")))
}

/// Writes one object.
///
/// # Errors
/// As [`line`].
pub(crate) fn object(form: Json, value: &Value) -> Result<(), Failure> {
    line(&match form {
        Json::Pretty => format!("{value:#}"),
        Json::Short | Json::Lines => value.to_string(),
    })
}

/// Writes several objects: a list, or a line each.
///
/// # Errors
/// As [`line`].
pub(crate) fn objects(form: Json, values: Vec<Value>) -> Result<(), Failure> {
    match form {
        Json::Lines => values.iter().try_for_each(|value| line(&value.to_string())),
        Json::Short | Json::Pretty => object(form, &Value::Array(values)),
    }
}

/// Writes a remark to standard error, unless it is to be quiet.
pub(crate) fn remark(call: &Invocation, text: &str) {
    if !call.has("quiet") {
        eprintln!("{text}");
    }
}
