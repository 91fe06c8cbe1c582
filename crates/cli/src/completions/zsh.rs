//! The script for zsh: a call of `_arguments` for each command.

use std::fmt::Write;

use super::{JOBS, Offer, names, operands, quoted, shown};
use crate::args::table::{COMMON, Command, Opt, Takes};

/// The whole script.
pub(super) fn script() -> String {
    let mut text = format!(
        r#"#compdef ebb
# Completion of ebb for zsh, written by: ebb completions zsh
_ebb_jobs() {{
    local -a jobs=("${{(@f)$({JOBS})}}")
    compadd -a jobs
}}
_ebb_commands() {{
    local -a commands=({commands}
    )
    _describe command commands
}}
_ebb() {{
    local curcontext=$curcontext state line
    local -a common=({common}
    )
    _arguments -C -s $common '(-)1: :_ebb_commands' '(-)*:: :->operands'
    [[ $state == operands ]] || return 0
    case $line[1] in
"#,
        commands = shown().map(described).collect::<String>(),
        common = COMMON.iter().map(|option| argument(option)).collect::<String>()
    );
    for command in shown() {
        let names: Vec<&str> = names(command).collect();
        let own: String = command.all_options().map(argument).collect();
        let _ = writeln!(
            text,
            "        {}) _arguments -s $common{own}{} ;;",
            names.join("|"),
            places(command)
        );
    }
    text.push_str("    esac\n}\n_ebb \"$@\"\n");
    text
}

fn described(command: &Command) -> String {
    names(command)
        .map(|name| {
            format!("\n        {}", quoted(&format!("{name}:{}", escaped(command.summary))))
        })
        .collect()
}

/// One option as `_arguments` wants it; both its names exclude each other.
fn argument(option: &Opt) -> String {
    let help = format!("[{}]", escaped(option.help));
    let (after_long, after_short) = match option.takes {
        Takes::Nothing => ("", ""),
        Takes::Value(_) => ("=", "+"),
        Takes::Maybe(_) => ("=-", ""),
    };
    let value = Offer::after(option).map(|offer| match option.takes {
        Takes::Maybe(_) => format!("::value:{}", action(&offer)),
        Takes::Nothing | Takes::Value(_) => format!(":value:{}", action(&offer)),
    });
    let value = value.unwrap_or_default();
    let long = format!("--{}{after_long}{help}{value}", option.long);
    let mut text = format!(" \\\n        {}", quoted(&long));
    if let Some(letter) = option.short {
        let value = if matches!(option.takes, Takes::Value(_)) { value.as_str() } else { "" };
        let short = format!("-{letter}{after_short}{help}{value}");
        let _ = write!(text, " \\\n        {}", quoted(&short));
    }
    text
}

fn places(command: &Command) -> String {
    let offers = operands(command);
    let mut text = String::new();
    for (at, offer) in offers.iter().enumerate() {
        let place = if at + 1 == offers.len() { "*".to_owned() } else { (at + 1).to_string() };
        let _ = write!(text, " \\\n        {}", quoted(&format!("{place}: :{}", action(offer))));
    }
    text
}

fn action(offer: &Offer) -> String {
    match offer {
        Offer::Words(words) if words.iter().any(|word| word.ends_with('=')) => {
            format!("{{compadd -S \"\" -- {}}}", words.join(" "))
        }
        Offer::Words(words) => format!("({})", words.join(" ")),
        Offer::Jobs => "_ebb_jobs".to_owned(),
        Offer::Files => "_files".to_owned(),
        Offer::Directories => "_files -/".to_owned(),
        Offer::Users => "_users".to_owned(),
        Offer::Groups => "_groups".to_owned(),
        // Nothing is said, so that an option with a single match is still filled in.
        Offer::Unknown => "{true}".to_owned(),
    }
}

/// Text in a place where brackets and colons end it.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace(':', "\\:").replace('[', "\\[").replace(']', "\\]")
}
