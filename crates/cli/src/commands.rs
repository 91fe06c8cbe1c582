//! The commands, one file each.
//!
//! A command acts or reports; it never shows decoration on standard output, and waits only where
//! its name says so. What it may do is the service's to decide.

mod add;
mod cert;
mod check_config;
mod create;
mod explain;
mod explain_path;
mod files;
mod get;
pub(crate) mod help;
mod helper;
mod list;
mod log;
mod login;
mod policy;
mod rebase;
pub(crate) mod set;
mod show;
mod status;
mod steer;
mod submit;
mod verify;
mod wait;
mod watch;

use crate::args::Invocation;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::{completions, manual, output, private};

/// Does what the command line asks.
///
/// # Errors
/// The failure to be told, with its code.
pub(crate) async fn run(call: &Invocation) -> Result<Exit, Failure> {
    if call.has("help") {
        return help::command(call.command.name);
    }
    match call.command.name {
        "get" => get::run(call).await,
        "submit" => submit::run(call).await,
        "create" => create::run(call).await,
        "add" => add::run(call).await,
        "show" => show::run(call).await,
        "explain" => explain::run(call).await,
        "files" => files::run(call).await,
        "wait" => wait::run(call).await,
        "watch" => watch::run(call).await,
        "pause" | "resume" | "cancel" | "complete" | "take" => steer::run(call).await,
        "set" => set::run(call).await,
        "log" => log::run(call).await,
        "login" => login::run(call).await,
        "cert" => cert::run(call).await,
        "verify" => verify::run(call).await,
        "rebase" => rebase::run(call).await,
        "helper" => helper::run(call).await,
        "check-config" => check_config::run(call).await,
        "policy" => policy::run(call).await,
        "status" => status::run(call).await,
        "help" => help::run(call),
        "completions" => completions::run(call),
        "manual" => {
            output::line(manual::page().trim_end())?;
            Ok(Exit::Success)
        }
        "version" => {
            output::line(concat!("ebb ", env!("CARGO_PKG_VERSION")))?;
            Ok(Exit::Success)
        }
        "start-private" => match call.operands.split_first() {
            Some((daemon, arguments)) => Err(private::become_daemon(daemon, arguments)),
            None => Err(call.misused("which program?")),
        },
        _ => list::run(call).await,
    }
}
