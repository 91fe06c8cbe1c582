//! The script for fish: a line for each thing that may stand somewhere.

use std::fmt::Write;

use super::{JOBS, Offer, names, operands, quoted, shown};
use crate::args::table::{COMMON, Opt, Takes};

/// The whole script.
pub(super) fn script() -> String {
    let all: Vec<&str> = shown().flat_map(names).collect();
    let mut text = format!(
        "# Completion of ebb for fish, written by: ebb completions fish\n\
         function __ebb_operands --description 'how many operands stand before this one'\n\
         \x20   set --local words (commandline --tokens-expanded --cut-at-cursor --current-process 2>/dev/null\n\
         \x20       or commandline -opc)\n\
         \x20   set --local operands (string match --invert -- '-*' $words)\n\
         \x20   math (count $operands) - 2\n\
         end\n\
         complete -c ebb -f\n\
         set -l commands {}\n",
        all.join(" ")
    );
    for option in COMMON {
        line(&mut text, "", option);
    }
    for command in shown() {
        for name in names(command) {
            let _ = writeln!(
                text,
                "complete -c ebb -n \"not __fish_seen_subcommand_from $commands\" -a {name} -d {}",
                quoted(command.summary)
            );
        }
        let seen: Vec<&str> = names(command).collect();
        let seen = format!("__fish_seen_subcommand_from {}", seen.join(" "));
        for option in command.all_options() {
            line(&mut text, &format!(" -n '{seen}'"), option);
        }
        let offers = operands(command);
        for (at, offer) in offers.iter().enumerate() {
            let relation = if at + 1 == offers.len() { "-ge" } else { "-eq" };
            let when = format!("{seen}; and test (__ebb_operands) {relation} {at}");
            let _ = match offer {
                Offer::Files | Offer::Directories => {
                    writeln!(text, "complete -c ebb -n '{when}' -F")
                }
                Offer::Unknown => Ok(()),
                Offer::Words(_) | Offer::Jobs | Offer::Users | Offer::Groups => {
                    writeln!(text, "complete -c ebb -n '{when}' -a {}", action(offer))
                }
            };
        }
    }
    text
}

fn line(text: &mut String, when: &str, option: &Opt) {
    let short = option.short.map(|letter| format!(" -s {letter}")).unwrap_or_default();
    let value = match (option.takes, Offer::after(option)) {
        (Takes::Value(_), Some(Offer::Files | Offer::Directories)) => " -r -F".to_owned(),
        (Takes::Value(_), Some(Offer::Unknown)) => " -x".to_owned(),
        (Takes::Value(_), Some(offer)) => format!(" -x -a {}", action(&offer)),
        (Takes::Maybe(_), Some(offer)) => format!(" -a {}", action(&offer)),
        _ => String::new(),
    };
    let _ = writeln!(
        text,
        "complete -c ebb{when} -l {}{short}{value} -d {}",
        option.long,
        quoted(option.help)
    );
}

fn action(offer: &Offer) -> String {
    match offer {
        Offer::Words(words) => quoted(&words.join(" ")),
        Offer::Jobs => quoted(&format!("({JOBS})")),
        Offer::Users => "'(__fish_complete_users)'".to_owned(),
        Offer::Groups => "'(__fish_complete_groups)'".to_owned(),
        Offer::Files | Offer::Directories | Offer::Unknown => "''".to_owned(),
    }
}
