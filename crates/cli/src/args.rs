//! The command line, read against a table.
//!
//! Answers one question: *what was asked?* The table ([`table::COMMANDS`]) names every command and
//! option once; help texts, the reading itself and the search for the closest match all use it.
//! An unknown word is one line with the closest match, never the whole usage. Options may stand
//! anywhere after the command, the common ones before it too; `--` ends them. Values are kept as
//! bytes: a path need not be UTF-8. Nothing here asks the service or looks at a file.

pub(crate) mod closest;
pub(crate) mod table;

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};

use crate::failure::Failure;
use crate::units;
use table::{COMMANDS, COMMON, Command, Opt, Takes};

/// A command line that is well formed.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// What to do.
    pub(crate) command: &'static Command,
    /// On what.
    pub(crate) operands: Vec<OsString>,
    options: Vec<(&'static str, Option<OsString>)>,
}

/// Reads a command line, without the program's name.
///
/// # Errors
/// A usage failure that names the word that does not fit.
pub(crate) fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, Failure> {
    let mut reader = Reader {
        words: words.into_iter().collect::<Vec<_>>().into_iter(),
        command: None,
        operands: Vec::new(),
        options: Vec::new(),
    };
    while let Some(word) = reader.words.next() {
        reader.take(word)?;
    }
    let command = reader.command.unwrap_or(&table::LIST);
    Ok(Invocation { command, operands: reader.operands, options: reader.options })
}

struct Reader {
    words: std::vec::IntoIter<OsString>,
    command: Option<&'static Command>,
    operands: Vec<OsString>,
    options: Vec<(&'static str, Option<OsString>)>,
}

impl Reader {
    fn take(&mut self, word: OsString) -> Result<(), Failure> {
        let bytes = word.as_bytes();
        match bytes {
            b"--" => {
                let rest: Vec<_> = self.words.by_ref().collect();
                rest.into_iter().try_for_each(|word| self.take_word(word))
            }
            [b'-', b'-', long @ ..] => self.take_long(long),
            [b'-', short @ ..] if !short.is_empty() => self.take_short(short),
            _ => self.take_word(word),
        }
    }

    fn take_word(&mut self, word: OsString) -> Result<(), Failure> {
        if self.command.is_some() {
            self.operands.push(word);
            return Ok(());
        }
        let name = word.to_string_lossy();
        self.command = Some(find_command(&name)?);
        Ok(())
    }

    fn take_long(&mut self, text: &[u8]) -> Result<(), Failure> {
        let split = text.iter().position(|byte| *byte == b'=');
        let (name, value) = match split {
            Some(at) => (&text[..at], Some(OsString::from_vec(text[at + 1..].to_vec()))),
            None => (text, None),
        };
        let name = String::from_utf8_lossy(name);
        let option = self.known().find(|option| option.long == name);
        let option = option.ok_or_else(|| self.unknown_option(&name))?;
        let value = match (option.takes, value) {
            (Takes::Nothing, Some(_)) => {
                return Err(Failure::usage(format!("--{name} takes no value")));
            }
            (Takes::Value(_), None) => Some(self.next_value(&format!("--{name}"))?),
            (_, value) => value,
        };
        self.options.push((option.long, value));
        Ok(())
    }

    /// One dash: letters in a row, of which the last may take the rest as its value.
    fn take_short(&mut self, letters: &[u8]) -> Result<(), Failure> {
        for (at, byte) in letters.iter().enumerate() {
            let letter = char::from(*byte);
            let option = self.known().find(|option| option.short == Some(letter));
            let option = option.ok_or_else(|| {
                Failure::usage(format!("unknown option -{}", letter.escape_default()))
            })?;
            let rest = &letters[at + 1..];
            let value = match (option.takes, rest) {
                (Takes::Nothing | Takes::Maybe(_), _) => {
                    self.options.push((option.long, None));
                    continue;
                }
                (Takes::Value(_), []) => self.next_value(&format!("-{letter}"))?,
                (Takes::Value(_), rest) => OsString::from_vec(rest.to_vec()),
            };
            self.options.push((option.long, Some(value)));
            break;
        }
        Ok(())
    }

    fn next_value(&mut self, option: &str) -> Result<OsString, Failure> {
        self.words.next().ok_or_else(|| Failure::usage(format!("{option} needs a value")))
    }

    /// The options that may stand here.
    fn known(&self) -> impl Iterator<Item = &'static Opt> + use<> {
        let own = self.command.into_iter().flat_map(Command::all_options);
        COMMON.iter().copied().chain(own)
    }

    fn unknown_option(&self, name: &str) -> Failure {
        let names = self.known().map(|option| option.long);
        let failure = Failure::usage(format!("unknown option --{}", name.escape_debug()));
        match closest::closest(name, names) {
            Some(close) => failure.hint(format!("did you mean --{close}?")),
            None => failure,
        }
    }
}

/// The command of this name or alias.
///
/// # Errors
/// A usage failure with the closest match.
pub(crate) fn find_command(name: &str) -> Result<&'static Command, Failure> {
    let named = |command: &&&Command| command.name == name || command.aliases.contains(&name);
    if let Some(command) = COMMANDS.iter().find(named) {
        return Ok(command);
    }
    let names = COMMANDS.iter().filter(|command| !command.hidden).map(|command| command.name);
    let failure = Failure::usage(format!("unknown command {name:?}"));
    Err(match closest::closest(name, names) {
        Some(close) => failure.hint(format!("did you mean {close}?")),
        None => failure.hint("ebb help lists them all"),
    })
}

impl Invocation {
    /// Whether an option is there.
    #[must_use]
    pub(crate) fn has(&self, option: &str) -> bool {
        self.options.iter().any(|(name, _)| *name == option)
    }

    /// The value of an option; the last one counts.
    #[must_use]
    pub(crate) fn value(&self, option: &str) -> Option<&OsStr> {
        self.options.iter().rev().find(|(name, _)| *name == option)?.1.as_deref()
    }

    /// All values of an option that may be said more than once, in order.
    pub(crate) fn values(&self, option: &str) -> impl Iterator<Item = &OsStr> {
        let named = self.options.iter().filter(move |(name, _)| *name == option);
        named.filter_map(|(_, value)| value.as_deref())
    }

    /// The value of an option that is text.
    ///
    /// # Errors
    /// A usage failure where it is not UTF-8.
    pub(crate) fn text(&self, option: &str) -> Result<Option<&str>, Failure> {
        let Some(value) = self.value(option) else {
            return Ok(None);
        };
        match value.to_str() {
            Some(text) => Ok(Some(text)),
            None => Err(Failure::usage(format!("the value of --{option} is not UTF-8"))),
        }
    }

    /// The value of an option that is a duration, in seconds.
    ///
    /// # Errors
    /// A usage failure where it is none.
    pub(crate) fn duration(&self, option: &str) -> Result<Option<u32>, Failure> {
        let Some(text) = self.text(option)? else {
            return Ok(None);
        };
        match units::parse_duration(text) {
            Some(seconds) => Ok(Some(seconds)),
            None => Err(Failure::usage(format!("--{option}: {text:?} is no duration"))
                .hint("durations are written 90s, 10m, 1h30m or 14d")),
        }
    }

    /// All operands, as text.
    ///
    /// # Errors
    /// A usage failure where one is not UTF-8.
    pub(crate) fn words(&self) -> Result<Vec<&str>, Failure> {
        self.operands.iter().map(|word| as_text(word)).collect()
    }

    /// A usage failure that shows how the command is used.
    #[must_use]
    pub(crate) fn misused(&self, why: &str) -> Failure {
        let command = self.command;
        Failure::usage(format!("{}: {why}", command.name))
            .hint(format!("usage: ebb {} {}", command.name, command.operands))
    }
}

fn as_text(word: &OsStr) -> Result<&str, Failure> {
    word.to_str().ok_or_else(|| Failure::usage(format!("{word:?} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Invocation {
        parse(line.split(' ').map(OsString::from)).unwrap()
    }

    fn refused(line: &str) -> String {
        let failure = parse(line.split(' ').map(OsString::from)).unwrap_err();
        assert_eq!(failure.exit, crate::exit::Exit::Usage);
        format!("{}. {}", failure.text, failure.hint.unwrap_or_default())
    }

    #[test]
    fn without_a_command_it_lists() {
        assert_eq!(parse([]).unwrap().command.name, "list");
        assert_eq!(parsed("--json").command.name, "list");
    }

    #[test]
    fn options_and_operands_may_be_mixed() {
        let call = parsed("-q get --output=/x https://h/a -y -d /srv -- -b");
        assert_eq!(call.command.name, "get");
        assert_eq!(call.operands, ["https://h/a", "-b"]);
        assert!(call.has("quiet") && call.has("yes"));
        assert_eq!(call.value("output"), Some(OsStr::new("/x")));
        assert_eq!(call.value("directory"), Some(OsStr::new("/srv")));
    }

    #[test]
    fn short_options_join_and_the_last_takes_the_rest() {
        let call = parsed("show -jgstate x");
        assert!(call.has("json"));
        assert_eq!(call.value("get"), Some(OsStr::new("state")));
        assert_eq!(call.operands, ["x"]);
    }

    #[test]
    fn a_value_that_may_be_left_out_needs_its_equals_sign() {
        let call = parsed("list --json lines");
        assert_eq!((call.value("json"), call.operands.len()), (None, 1));
        assert_eq!(parsed("list --json=lines").value("json"), Some(OsStr::new("lines")));
    }

    #[test]
    fn an_alias_is_the_command() {
        assert_eq!(parsed("retry x").command.name, "resume");
        assert_eq!(parsed("start x").command.name, "resume");
    }

    #[test]
    fn an_unknown_word_gets_the_closest_match() {
        assert_eq!(refused("sumbit"), "unknown command \"sumbit\". did you mean submit?");
        assert_eq!(refused("get --ouput=x"), "unknown option --ouput. did you mean --output?");
        assert_eq!(refused("zzzzzzzz"), "unknown command \"zzzzzzzz\". ebb help lists them all");
        assert_eq!(refused("list -Z"), "unknown option -Z. ");
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert_eq!(refused("get --output"), "--output needs a value. ");
        assert_eq!(refused("list --quiet=x"), "--quiet takes no value. ");
    }

    #[test]
    fn a_duration_is_read_or_refused() {
        assert_eq!(parsed("wait x --timeout 10m").duration("timeout").unwrap(), Some(600));
        assert!(parsed("wait x --timeout soon").duration("timeout").is_err());
    }
}
