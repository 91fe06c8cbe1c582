//! The options that every command has, once. What one *does* is in the files of those who look at it.

use super::{Opt, flag, maybe, value};

/// The options all commands share.
pub(crate) const COMMON: &[&Opt] = &[
    &flag("quiet", Some('q'), "no progress and no remarks; errors still show"),
    &flag("verbose", Some('v'), "say where the service was found"),
    &maybe("json", Some('j'), "short|pretty|lines", "JSON; pretty on a terminal, short otherwise"),
    &value(
        "fields",
        Some('f'),
        "A,B",
        "only these fields, in tables and JSON; \"help\" lists them",
    ),
    &value("get", Some('g'), "FIELD", "the bare value of one field, one job a line"),
    &flag("no-legend", None, "tables without heading and summary"),
    &value("color", None, "auto|always|never", "whether to use colour"),
    &flag("yes", Some('y'), "do not ask"),
    &flag("no-ask-password", None, "with --all-users: have nobody asked for a password"),
    &flag("system", None, "the system service only"),
    &flag("session", None, "your private instance only"),
    &value("timeout", None, "DURATION", "stop waiting after this; the job goes on"),
    &value("bus", None, "ADDRESS", "where the service is: unix:path=/PATH, bus: or bus:ADDRESS"),
    &flag("help", Some('h'), "help on the command"),
];
