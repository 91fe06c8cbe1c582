//! `ebb help`: on everything, on a command, on a topic.
//!
//! The table of commands and options is the parser's own, so help cannot name what does not exist.
//! What is stable for scripts (exit codes, fields) is said in the topics. Asks no service.

use crate::args::table::{COMMANDS, COMMON, Command, Opt, Takes};
use crate::args::{Invocation, find_command};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::output;

/// Helps on what was asked.
pub(super) fn run(call: &Invocation) -> Result<Exit, Failure> {
    match call.words()?.as_slice() {
        [] => output::line(&overview())?,
        ["exit-codes"] => output::line(&exit_codes())?,
        ["job-references"] => output::line(JOB_REFERENCES)?,
        ["json"] => output::line(&json())?,
        [name] => return command(name),
        _ => return Err(call.misused("one command")),
    }
    Ok(Exit::Success)
}

/// Helps on one command.
pub(super) fn command(name: &str) -> Result<Exit, Failure> {
    output::line(&one(find_command(name)?))?;
    Ok(Exit::Success)
}

fn overview() -> String {
    let mut text = String::from(
        "ebb moves files in the background: jobs that survive logout, crash and reboot.\n\n\
         usage: ebb [COMMAND] [OPTIONS] [OPERANDS]\n\n",
    );
    for command in COMMANDS.iter().filter(|command| !command.hidden) {
        text.push_str(&format!("  {:<12} {}\n", command.name, command.summary));
    }
    text.push_str("\noptions of all commands:\n");
    text.push_str(&options(COMMON));
    text.push_str(
        "\nebb help COMMAND says more; so do help exit-codes, help job-references and help json.\n\
         Sizes are in units of 1024; durations are written 90s, 10m, 1h30m, 14d.",
    );
    text
}

fn one(command: &Command) -> String {
    let mut text = format!("usage: ebb {} {}\n\n", command.name, command.operands);
    text.push_str(&format!("{}\n", command.summary));
    if !command.aliases.is_empty() {
        text.push_str(&format!("Also: {}\n", command.aliases.join(", ")));
    }
    if !command.about.is_empty() {
        text.push_str(&format!("\n{}\n", command.about));
    }
    let own: Vec<&Opt> = command.all_options().collect();
    if !own.is_empty() {
        text.push_str(&format!("\noptions:\n{}", options(&own)));
    }
    text.push_str("\nebb help lists the options of all commands.");
    text
}

fn options(options: &[&Opt]) -> String {
    options.iter().map(|option| option_line(option)).collect()
}

fn option_line(option: &Opt) -> String {
    let short = option.short.map_or_else(|| "    ".to_owned(), |letter| format!("-{letter}, "));
    let value = match option.takes {
        Takes::Nothing => String::new(),
        Takes::Value(name) => format!(" {name}"),
        Takes::Maybe(name) => format!("[={name}]"),
    };
    let name = format!("{short}--{}{value}", option.long);
    match name.len() {
        0..=32 => format!("  {name:<32}  {}\n", option.help),
        _ => format!("  {name}\n{:36}{}\n", "", option.help),
    }
}

fn exit_codes() -> String {
    let lines: Vec<String> =
        Exit::ALL.iter().map(|exit| format!("{:>4}  {}", exit.code(), exit.meaning())).collect();
    format!(
        "{}\n\nFor several jobs: 0 only if all are 0, otherwise the first failure in the given \
         order.\nThe finer cause is in the field error.code: ebb show -g error.code JOB",
        lines.join("\n")
    )
}

/// What is stable for scripts.
pub(crate) fn json() -> String {
    format!(
        "A job's fields, the same for -f, -g and --json:\n  {}\n\n\
         Sizes are bytes, durations seconds, times RFC 3339 in UTC; what is unknown is null.\n\
         A dot leads into a field: -g error.code, -g owner.name.\n\
         Paths are bytes. In JSON a backslash in a path is doubled, and a byte that is not part \
         of\nUTF-8 is \\xNN; everything else is itself.\n\
         Field names, -g, exit codes and option names are stable; tables are not.",
        crate::job_json::FIELDS.join(" ")
    )
}

/// How jobs are named.
pub(crate) const JOB_REFERENCES: &str = "\
A JOB is named by
  its id                       3f2ac1d0-9c1b-4b8e-8f60-0a1b2c3d4e5f
  the beginning of its id      3f2a        (4 digits or more)
  its name                     nightly     (exactly)
  one of these, said outright  id:3f2a, name:nightly

What fits several jobs fits none: they are listed, and the exit code is 6. A job that is
not over wins over those that are. Instead of naming jobs: --all, --match 'night*',
--state error.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_that_is_not_hidden_is_in_the_overview() {
        let text = overview();
        for command in COMMANDS.iter().filter(|command| !command.hidden) {
            assert!(text.contains(command.summary), "{}", command.name);
            assert!(one(command).contains(command.summary));
        }
        assert!(!text.contains("start-private"));
    }

    #[test]
    fn every_option_is_explained() {
        let get = one(find_command("get").unwrap());
        assert!(get.contains("-o, --output PATH"), "{get}");
        assert!(overview().contains("--json[=short|pretty|lines]"));
    }
}
