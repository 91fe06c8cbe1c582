//! A command to run when a job ends, as people write it.
//!
//! Answers one question: *which words are meant?* A line is split as a shell splits it, by blanks,
//! quotes and backslashes, and in no other way: nothing is expanded, and no shell will look at it.
//! A program without a slash is looked for where the caller's own shell would look.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use ebb_api::terms::Term;
use serde_json::Value;

use crate::args::Invocation;
use crate::escape::{lossless_path, shown};
use crate::failure::Failure;

/// What `--on-complete` and `--on-error` come to: one command, and the flags that say for which end.
///
/// # Errors
/// A usage failure where a line is none, or they name two commands.
pub(crate) fn of(call: &Invocation) -> Result<Vec<Term>, Failure> {
    let (complete, error) = (call.text("on-complete")?, call.text("on-error")?);
    let flags = u32::from(complete.is_some()) | u32::from(error.is_some()) << 1;
    let line = match (complete, error) {
        (None, None) => return Ok(Vec::new()),
        (Some(one), Some(other)) if one != other => {
            return Err(Failure::usage("a job has one command for both ends")
                .hint("EBB_STATE in its environment tells which end it is"));
        }
        (Some(line), _) | (None, Some(line)) => line,
    };
    Ok(vec![Term::NotifyCommand(read(line)?), Term::NotifyFlags(flags)])
}

/// Reads a line; an empty one, or `none`, is no command.
///
/// # Errors
/// A usage failure where a quote is open, or the program is not found.
pub(crate) fn read(line: &str) -> Result<Vec<Vec<u8>>, Failure> {
    if line == "none" {
        return Ok(Vec::new());
    }
    let mut words = split(line)?;
    if let Some(program) = words.first_mut() {
        *program = find(program)?
            .into_os_string()
            .into_string()
            .map_err(|_| Failure::usage(format!("{}: its path is not UTF-8", shown(program))))?;
    }
    Ok(words.into_iter().map(String::into_bytes).collect())
}

fn split(line: &str) -> Result<Vec<String>, Failure> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut quote = None;
    let mut letters = line.chars();
    while let Some(letter) = letters.next() {
        match (quote, letter) {
            (None, ' ' | '\t' | '\n') => words.extend(word.take()),
            (None, '\'' | '"') => {
                quote = Some(letter);
                word.get_or_insert_default();
            }
            (Some(open), letter) if letter == open => quote = None,
            (Some('\''), letter) => word.get_or_insert_default().push(letter),
            (_, '\\') => match letters.next() {
                // Between double quotes a backslash is one, but before these.
                Some(next) if quote.is_some() && !"\"\\$`".contains(next) => {
                    word.get_or_insert_default().extend(['\\', next]);
                }
                Some(next) => word.get_or_insert_default().push(next),
                None => return Err(Failure::usage("the command ends in a backslash")),
            },
            (_, letter) => word.get_or_insert_default().push(letter),
        }
    }
    if quote.is_some() {
        return Err(Failure::usage("the command has a quote that does not end"));
    }
    words.extend(word);
    Ok(words)
}

/// The program, by its absolute path.
fn find(program: &str) -> Result<PathBuf, Failure> {
    let missing = || Failure::usage(format!("there is no program {}", shown(program)));
    if program.contains('/') {
        return std::path::absolute(program).map_err(|_| missing());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = std::env::split_paths(&path).filter(|at| at.is_absolute());
    places.map(|at| at.join(program)).find(|at| is_program(at)).ok_or_else(missing)
}

fn is_program(path: &Path) -> bool {
    let found = std::fs::metadata(path);
    found.is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
}

/// The words, for programs; `null` where there is none.
#[must_use]
pub(crate) fn json(words: &[Vec<u8>]) -> Value {
    if words.is_empty() {
        return Value::Null;
    }
    words.iter().map(|word| lossless_path(OsStr::from_bytes(word).as_bytes())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsString;

    #[test]
    fn a_line_is_split_as_a_shell_splits_it_and_nothing_is_expanded() {
        for (line, words) in [
            ("/bin/a b  c", vec!["/bin/a", "b", "c"]),
            ("/bin/a 'b  c' \"d 'e'\"", vec!["/bin/a", "b  c", "d 'e'"]),
            ("/bin/a $HOME `id` * ~ \\$x;y|z", vec!["/bin/a", "$HOME", "`id`", "*", "~", "$x;y|z"]),
            ("/bin/a '' \"\" x''y", vec!["/bin/a", "", "", "xy"]),
            ("/bin/a \"\\\"\\n\\\\\" '\\'", vec!["/bin/a", "\"\\n\\", "\\"]),
            ("", vec![]),
        ] {
            assert_eq!(split(line).unwrap(), words, "{line}");
        }
        for line in ["/bin/a 'b", "/bin/a \"b", "/bin/a \\"] {
            assert!(split(line).is_err(), "{line}");
        }
    }

    #[test]
    fn a_program_is_found_where_the_shell_finds_it_or_refused() {
        let found = String::from_utf8(read("sh -c x").unwrap().remove(0)).unwrap();
        assert!(found.starts_with('/') && found.ends_with("/sh"), "{found}");
        assert!(read("no-such-program-anywhere").is_err());
        assert_eq!(read("none").unwrap(), [] as [Vec<u8>; 0]);
    }

    #[test]
    fn one_command_serves_both_ends_and_the_flags_say_which() {
        let terms = |line: &[&str]| {
            let words = ["submit", "u:"].iter().chain(line).map(OsString::from);
            of(&crate::args::parse(words).unwrap())
        };
        let flags = |line: &[&str]| terms(line).unwrap().pop();
        assert_eq!(terms(&[]).unwrap(), []);
        assert_eq!(flags(&["--on-complete", "/bin/a"]), Some(Term::NotifyFlags(1)));
        assert_eq!(flags(&["--on-error", "/bin/a"]), Some(Term::NotifyFlags(2)));
        let both = ["--on-error", "/bin/a", "--on-complete", "/bin/a"];
        assert_eq!(flags(&both), Some(Term::NotifyFlags(3)));
        assert!(terms(&["--on-error", "/bin/a", "--on-complete", "/bin/b"]).is_err());
    }
}
