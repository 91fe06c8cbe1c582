//! The manual page ebb(1), written from the tables the program itself reads.
//!
//! Answers one question: *what does a person read who types `man ebb`?* Commands, options, exit codes
//! and fields come from where the program has them; only what no table knows is written here. Not
//! for people at a terminal: the packages call `ebb manual` while they are built.

use std::fmt::Write;

use crate::args::table::{COMMANDS, COMMON, Opt, Takes};
use crate::commands::help;
use crate::exit::Exit;

const INTRODUCTION: &str = "\
ebb moves files in the background. What somebody wants moved is a job: one or more files, each with \
its address and the place it goes to. A service does the work, so a job survives logout, crash and \
reboot. It gives way to other traffic, goes on where it stopped if the server proves that the file \
is the same, and its files appear under their names only when all are there.\n\
\n\
A job runs under its owner's identity. It may carry a second one, of a helper, for its files, for the \
network, or for a certificate; see the command helper.\n\
\n\
Without a command, ebb lists your jobs. Where no system service runs, get and submit start a private \
instance: the same programs, under your own identity alone.";

const EXAMPLES: &[(&str, &str)] = &[
    ("ebb get https://example.org/file.iso", "fetch now and wait"),
    ("ebb submit https://example.org/file.iso -o /srv/file.iso", "fetch in the background"),
    ("ebb wait 3f2a && use file.iso", "wait for a job; the exit code is the outcome"),
    ("ebb explain 3f2a", "why it waits"),
    ("ebb show -g error.code 3f2a", "one field, for a script"),
];

const FILES: &[(&str, &str)] = &[
    ("/run/ebb/bus", "the socket of the system service"),
    ("/etc/ebb/ebb.toml", "what the administrator allows; see ebb.toml(5)"),
];

const ENVIRONMENT: &[(&str, &str)] =
    &[("EBB_BUS", "where the service is, as --bus"), ("NO_COLOR", "if set, no colour")];

/// The whole page, in the language of man(7).
#[must_use]
pub(crate) fn page() -> String {
    let mut page = Page(format!(
        ".\\\" Written by `ebb manual`; what is wrong here is wrong in the program's tables.\n\
         .TH EBB 1 \"\" \"ebb {}\" \"User Commands\"\n",
        env!("CARGO_PKG_VERSION")
    ));
    page.section("NAME");
    page.text("ebb - move files in the background");
    page.section("SYNOPSIS");
    page.text("ebb [COMMAND] [OPTIONS] [OPERANDS]");
    page.section("DESCRIPTION");
    page.text(INTRODUCTION);
    page.section("COMMANDS");
    for command in COMMANDS.iter().filter(|command| !command.hidden) {
        page.subsection(format!("{} {}", command.name, command.operands).trim_end());
        page.text(&sentence(command.summary));
        if !command.aliases.is_empty() {
            page.text(&format!("Also: {}.", command.aliases.join(", ")));
        }
        if command.about.contains("\n") {
            page.verbatim(command.about);
        } else if !command.about.is_empty() {
            page.text(command.about);
        }
        command.all_options().for_each(|option| page.option(option));
    }
    page.section("OPTIONS OF ALL COMMANDS");
    COMMON.iter().for_each(|option| page.option(option));
    page.text("Sizes are in units of 1024; durations are written 90s, 10m, 1h30m, 14d.");
    page.section("NAMING JOBS");
    page.verbatim(help::JOB_REFERENCES);
    page.section("FIELDS");
    page.text(&help::json());
    page.section("EXIT STATUS");
    for exit in Exit::ALL {
        page.tagged(&exit.code().to_string(), exit.meaning());
    }
    page.list("ENVIRONMENT", ENVIRONMENT);
    page.list("FILES", FILES);
    page.list("EXAMPLES", EXAMPLES);
    page.section("SEE ALSO");
    page.text("ebbd(8), ebb.toml(5), curl(1), loginctl(1)");
    page.0
}

/// A page as far as it is written.
struct Page(String);

impl Page {
    fn section(&mut self, name: &str) {
        let _ = writeln!(self.0, ".SH {name}");
    }

    fn subsection(&mut self, name: &str) {
        let _ = writeln!(self.0, ".SS \"{}\"", escaped(name).replace('"', "\\(dq"));
    }

    /// Paragraphs; an empty line is between two.
    fn text(&mut self, text: &str) {
        for (at, paragraph) in text.split("\n\n").enumerate() {
            if at > 0 {
                self.0.push_str(".PP\n");
            }
            for line in paragraph.lines() {
                let _ = writeln!(self.0, "{}", escaped(line.trim_start()));
            }
        }
    }

    /// Lines that stay as they are.
    fn verbatim(&mut self, text: &str) {
        let _ = writeln!(
            self.0,
            ".PP\n.nf\n{}\n.fi",
            text.lines().map(escaped).collect::<Vec<_>>().join("\n")
        );
    }

    fn tagged(&mut self, tag: &str, text: &str) {
        let _ = writeln!(self.0, ".TP\n.B {}\n{}", escaped(tag), escaped(text));
    }

    fn option(&mut self, option: &Opt) {
        let short = option.short.map(|letter| format!("-{letter}, ")).unwrap_or_default();
        let value = match option.takes {
            Takes::Nothing => String::new(),
            Takes::Value(name) => format!(" {name}"),
            Takes::Maybe(name) => format!("[={name}]"),
        };
        self.tagged(&format!("{short}--{}{value}", option.long), option.help);
    }

    fn list(&mut self, name: &str, entries: &[(&str, &str)]) {
        self.section(name);
        entries.iter().for_each(|(tag, text)| self.tagged(tag, text));
    }
}

/// With a great letter and a full stop.
fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    format!("{}{}.", first.map(String::from).unwrap_or_default(), letters.as_str())
}

/// One line that means nothing but itself.
fn escaped(line: &str) -> String {
    let line = line.replace('\\', "\\e").replace('-', "\\-");
    // At the beginning of a line these two would make it a request.
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_option_and_exit_code_is_in_the_manual() {
        let page = page();
        for command in COMMANDS.iter().filter(|command| !command.hidden) {
            assert!(
                page.contains(&format!(".SS \"{}", command.name.replace('-', "\\-"))),
                "{}",
                command.name
            );
            for option in command.all_options().chain(COMMON.iter().copied()) {
                let name = format!("\\-\\-{}", option.long.replace('-', "\\-"));
                assert!(page.contains(&name), "{name}");
            }
        }
        for exit in Exit::ALL {
            assert!(page.contains(&escaped(exit.meaning())), "{exit:?}");
        }
        assert!(!page.contains("start\\-private"));
    }

    #[test]
    fn no_line_of_text_is_taken_for_a_request() {
        assert_eq!(escaped(".x"), "\\&.x");
        assert_eq!(escaped("'PROGRAM"), "\\&'PROGRAM");
        assert_eq!(escaped(r"\xNN"), r"\exNN");
    }
}
