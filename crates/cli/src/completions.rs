//! `ebb completions`: what a shell offers after TAB.
//!
//! Answers one question: *which words may stand here?* Commands, options, their values and operands
//! come from the parser's own table, so a script offers nothing the parser refuses. Jobs are asked of
//! the service at the time of the TAB: by name, and only the caller's own.

mod bash;
mod fish;
mod zsh;

use crate::args::Invocation;
use crate::args::table::{COMMANDS, Command, Opt, Takes};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{output, terms};

/// What a shell runs to get the caller's jobs, a name or an id a line.
const JOBS: &str = "ebb list --get name 2>/dev/null; ebb list --get id 2>/dev/null";

/// Writes the script for a shell.
pub(crate) fn run(call: &Invocation) -> Result<Exit, Failure> {
    let script = match call.words()?.as_slice() {
        ["bash"] => bash::script(),
        ["zsh"] => zsh::script(),
        ["fish"] => fish::script(),
        _ => return Err(call.misused("for which shell?")),
    };
    output::line(script.trim_end())?;
    Ok(Exit::Success)
}

/// What may stand in one place.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Offer {
    /// One of these words.
    Words(Vec<String>),
    /// The caller's jobs.
    Jobs,
    /// Files.
    Files,
    /// Directories.
    Directories,
    /// Users of the machine.
    Users,
    /// Groups of the machine.
    Groups,
    /// Nothing anybody can know.
    Unknown,
}

impl Offer {
    /// Reads what help calls a value or an operand. Words in small letters are to be typed so.
    fn of(placeholder: &str) -> Self {
        let inner = placeholder.trim_matches(['[', ']']).replace(" | ", "|");
        let inner = inner.trim_end_matches("...");
        match inner {
            "JOB" | "JOB#N" => return Self::Jobs,
            "FILE" | "PATH" | "LIST" => return Self::Files,
            "DIR" => return Self::Directories,
            "GROUP" => return Self::Groups,
            "KEY=VALUE" => return Self::Words(set_keys()),
            "POLICY=VALUE" => return Self::Words(policy_keys()),
            "STATE" => return Self::Words(states()),
            _ => {}
        }
        let mut words: Vec<String> =
            inner.split(['|', ',']).filter(|word| is_typed(word)).map(str::to_owned).collect();
        if inner.split('|').any(|word| word == "COMMAND") {
            words.extend(shown().map(|command| command.name.to_owned()));
        }
        if words.is_empty() { Self::Unknown } else { Self::Words(words) }
    }

    /// What may follow an option.
    fn after(option: &Opt) -> Option<Self> {
        match option.takes {
            Takes::Nothing => None,
            Takes::Value("NAME") if option.long == "user" => Some(Self::Users),
            Takes::Value(name) | Takes::Maybe(name) => Some(Self::of(name)),
        }
    }
}

fn is_typed(word: &str) -> bool {
    !word.is_empty()
        && word.bytes().all(|byte| byte.is_ascii_lowercase() || b"-0123456789".contains(&byte))
}

fn set_keys() -> Vec<String> {
    let keys = crate::commands::set::KEYS.iter().chain(terms::KEYS);
    keys.map(|key| format!("{key}=")).collect()
}

fn policy_keys() -> Vec<String> {
    ebb_config::changes::KEYS.iter().map(|key| format!("{key}=")).collect()
}

fn states() -> Vec<String> {
    ebb_api::values::State::ALL.iter().map(|state| state.as_str().to_owned()).collect()
}

/// The commands for people.
fn shown() -> impl Iterator<Item = &'static Command> {
    COMMANDS.iter().copied().filter(|command| !command.hidden)
}

/// All names of a command.
fn names(command: &Command) -> impl Iterator<Item = &'static str> {
    std::iter::once(command.name).chain(command.aliases.iter().copied())
}

/// What its operands may be, the first first; the last holds for all that follow.
fn operands(command: &Command) -> Vec<Offer> {
    let words = command.operands.replace(" | ", "|");
    let until = words.find(" [-").unwrap_or(words.len());
    words[..until].split_whitespace().map(Offer::of).collect()
}

/// Text between single quotes, as all three shells read it.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::find_command;

    fn words(words: &[&str]) -> Offer {
        Offer::Words(words.iter().map(|word| (*word).to_owned()).collect())
    }

    #[test]
    fn a_value_is_offered_where_help_names_it_in_small_letters() {
        assert_eq!(
            Offer::of("foreground|high|normal|low"),
            words(&["foreground", "high", "normal", "low"])
        );
        assert_eq!(Offer::of("none|preconfig|PROXIES[,HOSTS]"), words(&["none", "preconfig"]));
        assert_eq!(
            Offer::of("local,network,certificate"),
            words(&["local", "network", "certificate"])
        );
        assert_eq!(Offer::of("DURATION"), Offer::Unknown);
        assert_eq!(Offer::of("PATH"), Offer::Files);
    }

    #[test]
    fn operands_are_what_the_usage_line_says() {
        let of = |name| operands(find_command(name).unwrap());
        assert_eq!(
            of("helper"),
            [words(&["set", "flags", "show", "clear", "invite"]), Offer::Jobs]
        );
        assert_eq!(of("verify"), [Offer::Jobs, words(&["valid", "invalid"])]);
        assert_eq!(of("wait"), [Offer::Jobs]);
        assert_eq!(of("list"), [Offer::Jobs]);
        assert_eq!(of("get"), [Offer::Unknown]);
        assert_eq!(of("check-config"), [Offer::Files]);
        let Offer::Words(keys) = &of("policy")[0] else { panic!("words") };
        assert!(keys.contains(&"background-slots=".to_owned()), "{keys:?}");
        assert!(of("status").is_empty());
        let Offer::Words(topics) = &of("help")[0] else { panic!("words") };
        assert!(topics.contains(&"exit-codes".to_owned()) && topics.contains(&"get".to_owned()));
        assert!(!topics.contains(&"start-private".to_owned()));
    }
}
