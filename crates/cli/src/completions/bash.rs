//! The script for bash.
//!
//! Bash breaks words at `=`, so `--priority=h` arrives as three; the script puts them together again.

use std::fmt::Write;

use super::{JOBS, Offer, names, operands, quoted, shown};
use crate::args::table::{COMMON, Opt, Takes};

/// The whole script.
pub(super) fn script() -> String {
    let commands: Vec<&str> = shown().flat_map(names).collect();
    let mut text = format!(
        r#"# Completion of ebb for bash, written by: ebb completions bash
_ebb() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}}
    local command='' word='' skip='' count=0 at
    if [[ $cur == = ]]; then cur=''
    elif [[ $prev == = ]]; then prev=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    for ((at = 1; at < COMP_CWORD; at++)); do
        word=${{COMP_WORDS[at]}}
        if [[ $word == = ]]; then skip=yes
        elif [[ $skip ]]; then skip=''
        elif [[ $word == -* ]]; then
            [[ ${{COMP_WORDS[at+1]}} != = ]] && _ebb_takes_value "$word" && skip=yes
        elif [[ -z $command ]]; then command=$word
        else count=$((count + 1)); fi
    done
    if [[ $prev == -* ]] && _ebb_value "$command" "$prev"; then return; fi
    if [[ $cur == -* ]]; then
        _ebb_words "$(_ebb_options "$command")"
    elif [[ -z $command ]]; then
        _ebb_words {commands}
    else
        _ebb_operand "$command" "$count"
    fi
}}
_ebb_words() {{
    mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur")
    [[ ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace
    return 0
}}
_ebb_jobs() {{
    local IFS=$'\n'
    mapfile -t COMPREPLY < <(compgen -W "$({JOBS})" -- "$cur")
}}
_ebb_files() {{ compopt -o filenames; mapfile -t COMPREPLY < <(compgen "$1" -- "$cur"); }}
_ebb_users() {{ mapfile -t COMPREPLY < <(compgen "$1" -- "$cur"); }}
"#,
        commands = quoted(&commands.join(" "))
    );
    takes_value(&mut text);
    values(&mut text);
    options(&mut text);
    operand(&mut text);
    text.push_str("complete -F _ebb ebb\n");
    text
}

fn switches(option: &Opt) -> Vec<String> {
    let short = option.short.map(|letter| format!("-{letter}"));
    short.into_iter().chain([format!("--{}", option.long)]).collect()
}

/// Which options are followed by a word that is no operand.
fn takes_value(text: &mut String) {
    let all = shown().flat_map(|command| command.all_options()).chain(COMMON.iter().copied());
    let taking = all.filter(|option| matches!(option.takes, Takes::Value(_)));
    let mut names: Vec<String> = taking.flat_map(switches).collect();
    names.sort();
    names.dedup();
    let _ = writeln!(
        text,
        "_ebb_takes_value() {{\n    case $1 in\n        {}) return 0 ;;\n        *) return 1 ;;\n    esac\n}}",
        names.join("|")
    );
}

fn values(text: &mut String) {
    text.push_str("_ebb_value() {\n    case $1:$2 in\n");
    let mut cases = Vec::new();
    for option in COMMON.iter().copied() {
        cases.extend(value_case(&["*".to_owned()], option));
    }
    for command in shown() {
        let names: Vec<String> = names(command).map(str::to_owned).collect();
        for option in command.all_options() {
            cases.extend(value_case(&names, option));
        }
    }
    text.push_str(&cases.concat());
    text.push_str("        *) return 1 ;;\n    esac\n    return 0\n}\n");
}

fn value_case(commands: &[String], option: &Opt) -> Option<String> {
    let offer = Offer::after(option)?;
    let mut switches = switches(option);
    if matches!(option.takes, Takes::Maybe(_)) {
        // Its value stands after an equals sign or not at all.
        switches.retain(|switch| switch.starts_with("--"));
    }
    let patterns: Vec<String> = commands
        .iter()
        .flat_map(|command| switches.iter().map(move |switch| format!("{command}:{switch}")))
        .collect();
    let unless_apart = match option.takes {
        Takes::Maybe(_) => {
            "[[ ${COMP_WORDS[COMP_CWORD-1]} == = || ${COMP_WORDS[COMP_CWORD]} == = ]] || return 1; "
        }
        Takes::Nothing | Takes::Value(_) => "",
    };
    Some(format!("        {}) {unless_apart}{} ;;\n", patterns.join("|"), action(&offer)))
}

fn options(text: &mut String) {
    let dashed = |options: &mut dyn Iterator<Item = &'static Opt>| {
        options.map(|option| format!("--{}", option.long)).collect::<Vec<_>>().join(" ")
    };
    let common = dashed(&mut COMMON.iter().copied());
    text.push_str("_ebb_options() {\n    case $1 in\n");
    for command in shown() {
        let own = dashed(&mut command.all_options());
        if !own.is_empty() {
            let names: Vec<&str> = names(command).collect();
            let _ = writeln!(text, "        {}) printf '%s ' {own} ;;", names.join("|"));
        }
    }
    let _ = writeln!(text, "    esac\n    printf '%s ' {common}\n}}");
}

fn operand(text: &mut String) {
    text.push_str("_ebb_operand() {\n    case $1:$2 in\n");
    for command in shown() {
        let offers = operands(command);
        for (at, offer) in offers.iter().enumerate() {
            let which = if at + 1 == offers.len() { "*".to_owned() } else { at.to_string() };
            let patterns: Vec<String> =
                names(command).map(|name| format!("{name}:{which}")).collect();
            let _ = writeln!(text, "        {}) {} ;;", patterns.join("|"), action(offer));
        }
    }
    text.push_str("    esac\n}\n");
}

fn action(offer: &Offer) -> String {
    match offer {
        Offer::Words(words) => format!("_ebb_words {}", quoted(&words.join(" "))),
        Offer::Jobs => "_ebb_jobs".to_owned(),
        Offer::Files => "_ebb_files -f".to_owned(),
        Offer::Directories => "_ebb_files -d".to_owned(),
        Offer::Users => "_ebb_users -u".to_owned(),
        Offer::Groups => "_ebb_users -g".to_owned(),
        Offer::Unknown => ":".to_owned(),
    }
}
