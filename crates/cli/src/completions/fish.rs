//! The script for fish: a line for each thing that may stand somewhere.

use std::collections::BTreeSet;
use std::fmt::Write;

use super::{JOBS, Offer, names, operands, quoted, shown};
use crate::args::table::{COMMON, Command, Opt, Takes};

/// The whole script.
pub(super) fn script() -> String {
    let all: Vec<&str> = shown().flat_map(names).collect();
    let mut text = format!(
        "# Completion of ebb for fish, written by: ebb completions fish\n\
         function __ebb_operands --description 'how many operands stand before this one'\n\
         \x20   set --local words (commandline --tokens-expanded --cut-at-cursor --current-process 2>/dev/null\n\
         \x20       or commandline -opc)\n\
         \x20   set --local operands 0\n\
         \x20   set --local is_value no\n\
         \x20   for word in $words\n\
         \x20       if test $is_value = yes\n\
         \x20           set is_value no\n\
         \x20       else if contains -- $word {}\n\
         \x20           set is_value yes\n\
         \x20       else if not string match --quiet -- '-*' $word\n\
         \x20           set operands (math $operands + 1)\n\
         \x20       end\n\
         \x20   end\n\
         \x20   math $operands - 2\n\
         end\n\
         complete -c ebb -f\n\
         set -l commands {}\n",
        valued().join(" "),
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

/// All options after which a word is theirs.
fn valued() -> Vec<String> {
    let all = shown().flat_map(Command::all_options).chain(COMMON.iter().copied());
    let with_value = all.filter(|option| matches!(option.takes, Takes::Value(_)));
    let names = with_value.flat_map(|option| {
        let short = option.short.map(|letter| format!("-{letter}"));
        [Some(format!("--{}", option.long)), short].into_iter().flatten()
    });
    let names: BTreeSet<_> = names.collect();
    names.into_iter().collect()
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
