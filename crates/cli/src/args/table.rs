//! Every command and every option, once.
//!
//! The parser, the help texts and the closest match read these tables; a command or an option
//! that is not here does not exist. What an option *does* is in the command's own file.

mod common;

pub(crate) use common::COMMON;

/// Whether an option takes a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    /// It takes none.
    Nothing,
    /// It needs one; this is what help calls it.
    Value(&'static str),
    /// It may have one, after an equals sign.
    Maybe(&'static str),
}

/// One option.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Opt {
    /// Its name, after two dashes.
    pub(crate) long: &'static str,
    /// Its letter, after one dash.
    pub(crate) short: Option<char>,
    /// Whether it takes a value.
    pub(crate) takes: Takes,
    /// What it does, in a line.
    pub(crate) help: &'static str,
}

/// One command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Command {
    /// Its name.
    pub(crate) name: &'static str,
    /// Other names.
    pub(crate) aliases: &'static [&'static str],
    /// What it works on, as help writes it.
    pub(crate) operands: &'static str,
    /// What it does, in a line.
    pub(crate) summary: &'static str,
    /// What else there is to know.
    pub(crate) about: &'static str,
    /// Its own options.
    pub(crate) options: &'static [&'static Opt],
    /// Those it shares with other commands.
    pub(crate) shared: &'static [&'static [&'static Opt]],
    /// Not for people.
    pub(crate) hidden: bool,
}

impl Command {
    /// Its own options, then those it shares.
    pub(crate) fn all_options(&self) -> impl Iterator<Item = &'static Opt> + use<> {
        self.options.iter().chain(self.shared.iter().copied().flatten()).copied()
    }
}

const fn flag(long: &'static str, short: Option<char>, help: &'static str) -> Opt {
    Opt { long, short, takes: Takes::Nothing, help }
}

const fn value(
    long: &'static str,
    short: Option<char>,
    name: &'static str,
    help: &'static str,
) -> Opt {
    Opt { long, short, takes: Takes::Value(name), help }
}

const fn maybe(
    long: &'static str,
    short: Option<char>,
    name: &'static str,
    help: &'static str,
) -> Opt {
    Opt { long, short, takes: Takes::Maybe(name), help }
}

const OUTPUT: Opt = value("output", Some('o'), "PATH", "where the file goes (one URL only)");
const DIRECTORY: Opt =
    value("directory", Some('d'), "DIR", "where the files go; names come from the URLs");
const INPUT: Opt = value(
    "input",
    Some('i'),
    "LIST",
    "a file with a URL, or a URL and a path, a line; \"-\" reads standard input",
);
const RANGE: Opt = value(
    "range",
    None,
    "OFFSET:LENGTH,...",
    "only these bytes, one after the other (one URL only); LENGTH may be eof",
);
const DIGEST: Opt = value(
    "digest",
    None,
    "ALGORITHM=HEX",
    "what the file must hash to, by sha-256 or sha-512 (one URL only)",
);
const HEADERS: Opt = flag("headers", None, "what the server said of each file");
const NAME: Opt = value("name", None, "NAME", "what to call the job");
const DESCRIPTION: Opt = value("description", None, "TEXT", "what to say about it");
const PRIORITY: Opt = value("priority", None, "foreground|high|normal|low", "how much it matters");
const RETRY_DELAY: Opt =
    value("retry-delay", None, "DURATION", "least time before it is tried again (5s or more)");
const NO_PROGRESS: Opt = value(
    "no-progress-timeout",
    None,
    "DURATION",
    "give up after so long without progress; 0: at the first error",
);
const MAX_DOWNLOAD_TIME: Opt = value(
    "max-download-time",
    None,
    "DURATION",
    "stop with an error after it has run for so long since it was resumed",
);
const MAX_DOWNLOAD_SIZE: Opt =
    value("max-download-size", None, "SIZE", "stop with an error if there is more, such as 20M");
const LIMIT_RATE: Opt =
    value("limit-rate", None, "SIZE", "fetch no more than so many bytes a second, such as 2M");
const FILE_MODE: Opt = value("file-mode", None, "MODE", "permissions of the files, such as 640");
const FILE_GROUP: Opt = value("file-group", None, "GROUP", "a group of yours to give the files to");
const PROXY: Opt = value(
    "proxy",
    None,
    "none|preconfig|PROXIES[,HOSTS]",
    "proxies, such as \"http://p:3128 socks5://q\", and the hosts to reach without",
);
const COST: Opt = value("cost", None, "NAME", "which networks may be used: always, standard, ...");
const ON_COMPLETE: Opt = value(
    "on-complete",
    None,
    "'PROGRAM WORD...'",
    "run this as you when the job is done, where the machine allows it; no shell",
);
const ON_ERROR: Opt =
    value("on-error", None, "'PROGRAM WORD...'", "the same when it stops with an error");
const HEADER: Opt = value(
    "header",
    None,
    "'NAME: VALUE'",
    "send this with every request to the files' own servers; VALUE may be @FILE",
);
const HEADERS_FILE: Opt =
    value("headers-file", None, "FILE", "the same for each line of a file; \"-\": standard input");
const LOGIN_USER: Opt = value("user", None, "NAME", "log on to the files' own server as this user");
const AUTH: Opt = value(
    "auth",
    None,
    "SCHEMES",
    "by basic, digest, ntlm, negotiate; without --user: as whom the network sees you anyway",
);
const PASSWORD_FILE: Opt =
    value("password-file", None, "FILE", "whose first line is the password; yours alone to read");
const PASSWORD_FD: Opt = value("password-fd", None, "N", "read the password from this descriptor");
const PROXY_USER: Opt = value("proxy-user", None, "NAME", "log on to the proxy as this user");
const PROXY_AUTH: Opt = value("proxy-auth", None, "SCHEMES", "as --auth, for the proxy");
const PROXY_PASSWORD_FILE: Opt =
    value("proxy-password-file", None, "FILE", "as --password-file, for the proxy");
const CERT: Opt = value(
    "cert",
    None,
    "FILE|pkcs11:…",
    "show this certificate to servers that want one: PEM, .p12 and .pfx, or one on a token",
);
const KEY: Opt = value("key", None, "FILE", "its key, if it is not in the same file");
const CERT_PASSPHRASE: Opt =
    value("cert-passphrase-file", None, "FILE", "whose first line opens the key, or is the PIN");
const CACERT: Opt = value(
    "cacert",
    None,
    "FILE",
    "trust servers whose certificates are signed by these authorities (PEM), and no others",
);
const ADD_CACERT: Opt =
    value("add-cacert", None, "FILE", "the same beside the authorities that this machine trusts");
const REMOVE: Opt = flag("remove", None, "take back what --auth and --proxy-auth name");
const HTTP_METHOD: Opt = value("http-method", None, "NAME", "another method than GET");
const NO_AUTO_COMPLETE: Opt =
    flag("no-auto-complete", None, "keep the finished files aside until: ebb complete");
const NO_CLOBBER: Opt = flag("no-clobber", None, "do not replace a file that is there");
const SUSPENDED: Opt = flag("suspended", None, "do not start it yet");
const CANCEL_ON_INTERRUPT: Opt =
    flag("cancel-on-interrupt", None, "the first Ctrl+C cancels the job");
const DETACH_ON_INTERRUPT: Opt = flag("detach-on-interrupt", None, "no Ctrl+C cancels the job");
const PROGRESS: Opt =
    value("progress", None, "auto|never|json", "how progress is shown on standard error");
const POLITE: Opt =
    flag("polite", None, "give way to other traffic, as with --priority=normal, while you wait");
const WATCH: Opt =
    flag("watch", None, "how it gives way on the network, a line a second, until it is over");
const ALL: Opt = flag("all", None, "all jobs");
const ALL_USERS: Opt =
    flag("all-users", None, "jobs of all users (administrators; polkit may ask for a password)");
const SINCE: Opt = value("since", None, "N", "begin with what came after event N");
const MATCH: Opt = value("match", None, "GLOB", "jobs whose name fits, with * and ?");
const STATE: Opt = value("state", None, "STATE", "jobs in this state");
const FINISHED: Opt = flag("finished", None, "also jobs that are over and still remembered");
const FOR_OUTCOME: Opt = value(
    "for",
    None,
    "transferred|done|any-change",
    "what to wait for; done where the service completes the job, else transferred",
);
const ANY: Opt = flag("any", None, "until the first of the jobs is there, not all");
const FOR_USE: Opt =
    value("for", None, "local,network,certificate", "what the helper's identity is used for");
const USER: Opt = value("user", None, "NAME", "whose identity (root only)");

/// Which files, and where they go.
const FILES: &[&Opt] = &[&OUTPUT, &DIRECTORY, &INPUT, &RANGE, &DIGEST];
/// The terms of a new job.
const TERMS: &[&Opt] = &[
    &DESCRIPTION,
    &PRIORITY,
    &RETRY_DELAY,
    &NO_PROGRESS,
    &MAX_DOWNLOAD_TIME,
    &MAX_DOWNLOAD_SIZE,
    &LIMIT_RATE,
    &FILE_MODE,
    &FILE_GROUP,
    &PROXY,
    &COST,
    &HTTP_METHOD,
    &HEADER,
    &HEADERS_FILE,
    &LOGIN_USER,
    &AUTH,
    &PASSWORD_FILE,
    &PASSWORD_FD,
    &PROXY_USER,
    &PROXY_AUTH,
    &PROXY_PASSWORD_FILE,
    &CERT,
    &KEY,
    &CERT_PASSPHRASE,
    &CACERT,
    &ADD_CACERT,
    &ON_COMPLETE,
    &ON_ERROR,
    &NO_AUTO_COMPLETE,
];
const PICK: &[&Opt] = &[&ALL, &ALL_USERS, &MATCH, &STATE];

const fn command(
    name: &'static str,
    operands: &'static str,
    summary: &'static str,
    about: &'static str,
    options: &'static [&'static Opt],
) -> Command {
    Command { name, aliases: &[], operands, summary, about, options, shared: &[], hidden: false }
}

/// What `ebb` does when nothing is said.
pub(crate) const LIST: Command = command(
    "list",
    "[JOB...]",
    "list your jobs",
    "The table is for reading; scripts use --json, -f or -g.",
    &[&ALL_USERS, &MATCH, &STATE, &FINISHED],
);

/// All commands, in the order help lists them.
pub(crate) const COMMANDS: &[&Command] = &[
    &Command {
        shared: &[FILES, TERMS],
        ..command(
            "get",
            "URL... [-o PATH | -d DIR]",
            "fetch now, show progress, wait",
            "A foreground job: it gives way to nobody unless told --polite, gives up after two minutes without progress, and \
         its files are moved into place when all are there. Ctrl+C leaves it running in the \
         background; a second Ctrl+C within two seconds cancels it.",
            &[&POLITE, &NAME, &NO_CLOBBER, &CANCEL_ON_INTERRUPT, &DETACH_ON_INTERRUPT, &PROGRESS],
        )
    },
    &Command {
        shared: &[FILES, TERMS],
        ..command(
            "submit",
            "URL... [-o PATH | -d DIR]",
            "fetch in the background; prints the job's id",
            "The job survives logout, crash and reboot, and gives way to other traffic.",
            &[&NAME, &NO_CLOBBER, &SUSPENDED],
        )
    },
    &LIST,
    &command(
        "show",
        "JOB...",
        "everything about a job: fields, files, last error",
        "One field for a script: ebb show -g state JOB",
        &[&ALL_USERS],
    ),
    &command(
        "explain",
        "JOB...",
        "why a job does what it does, and what would change that",
        "Tells what stands in its way: no network, a network that costs too much, the hour, the \
         battery, no slot, a retry, a missing helper. With --verbose also what does not. With --watch \
         and --json an object a line: time, job, state, bytes_transferred, and path (null while it \
         gives way to nobody): course, connections, window, rate, target_ms, base_ms, queue_ms, \
         remembered_ms, share, signals (round-trips or echoes, card).",
        &[&WATCH, &ALL_USERS],
    ),
    &command(
        "log",
        "JOB...",
        "what was done to a job, by whom, and what became of it",
        "The newest 200 entries, as long as the job is known. Fields for -f and -g: job, number, time, \
         uid, user, deed, detail, state. Without a uid, the service did it by itself.",
        &[&ALL_USERS],
    ),
    &command("files", "JOB...", "the files of a job", "", &[&HEADERS, &ALL_USERS]),
    &command(
        "wait",
        "JOB... [--for transferred|done|any-change]",
        "wait for jobs; the exit code is the outcome",
        "--timeout 0 asks without waiting (exit code 8: not finished).",
        &[&FOR_OUTCOME, &ANY, &ALL, &ALL_USERS, &MATCH, &STATE],
    ),
    &command(
        "watch",
        "[JOB...]",
        "show what happens, as it happens",
        "Starts with how things stand, or with --since, with what happened after the event of that \
         number. With --json, one object per event; `number` is what --since takes. When the \
         service starts anew, it goes on where it was. Without a JOB it goes on until interrupted; \
         with, until they are over.",
        &[&ALL_USERS, &SINCE],
    ),
    &command("pause", "JOB...", "hold jobs", "", PICK),
    &Command {
        aliases: &["start", "retry"],
        ..command("resume", "JOB...", "start jobs, or let them go on", "", PICK)
    },
    &command(
        "cancel",
        "JOB...",
        "give jobs up; what is not complete is deleted",
        "Asks first when there are several; elsewhere than on a terminal it needs --yes for that.",
        PICK,
    ),
    &command(
        "complete",
        "JOB...",
        "move the finished files into place and end the job",
        "Needed only for jobs made with --no-auto-complete, and for jobs that should end with what \
         they have.",
        PICK,
    ),
    &Command {
        shared: &[TERMS],
        ..command(
            "create",
            "[NAME]",
            "make an empty, suspended job; prints its id",
            "Then: ebb add JOB URL, ebb resume JOB.",
            &[],
        )
    },
    &Command {
        shared: &[FILES],
        ..command(
            "add",
            "JOB URL... [-o PATH | -d DIR]",
            "add files to a job",
            "",
            &[&NO_CLOBBER, &ALL_USERS],
        )
    },
    &command(
        "set",
        "JOB KEY=VALUE...",
        "change a job",
        "Keys: name, description, priority, retry-delay, no-progress-timeout, max-download-time, \
         auto-complete (yes or no), max-download-size, limit-rate, file-mode, file-group, proxy, cost, \
         http-method, dynamic-content, high-performance, on-demand, stored-credentials, \
         security-flags, notify-flags, notify-command, notification-interval. proxy=none goes straight to \
         the server, proxy=preconfig as the machine is set up, and proxy=\"PROXIES,HOSTS\" through the \
         proxies, tried in their order, but for the hosts (names, *.ends, addresses, networks, <local>). \
         headers=@FILE sets what is sent with every \
         request (lines \"Name: value\"), headers=none removes it, headers-write-only=yes has nobody \
         read it back. cacert=FILE has servers judged by these authorities (PEM) and no others, \
         add-cacert=FILE by them and the machine's, cacert=none by the machine's alone. What this version cannot do yet is refused. ebb show -f help lists them as \
         fields.",
        &[&ALL_USERS],
    ),
    &command(
        "login",
        "JOB [--user NAME] [--auth SCHEMES]",
        "log a job on where a server or a proxy wants to know who asks",
        "The password is asked for, or comes from a file or a descriptor; never from the command \
         line. Without --user the schemes negotiate and ntlm use what the network identity has, such \
         as its Kerberos ticket. Nobody reads credentials back.",
        &[
            &LOGIN_USER,
            &AUTH,
            &PASSWORD_FILE,
            &PASSWORD_FD,
            &PROXY_USER,
            &PROXY_AUTH,
            &PROXY_PASSWORD_FILE,
            &REMOVE,
        ],
    ),
    &command(
        "cert",
        "set|clear|show JOB",
        "the certificate a job shows where a server wants one",
        "It is read as you, or as the job's helper if that is for certificates, and by nobody who \
         speaks to the server. The passphrase is not shown to anybody.",
        &[&CERT, &KEY, &CERT_PASSPHRASE],
    ),
    &command(
        "verify",
        "JOB#N valid|invalid",
        "say whether a file that is here is what it should be",
        "A file is named by its number (JOB#0), or by the end of its path (JOB:f.iso). A file that is \
         invalid stops its job; ebb resume fetches it again. Jobs made with --no-auto-complete wait \
         for such a word.",
        &[&ALL_USERS],
    ),
    &command(
        "rebase",
        "JOB OLD NEW",
        "fetch a job's files from another place",
        "Every address that begins with OLD begins with NEW from now on. What is here already is \
         kept where the new server proves that it has the same file.",
        &[&ALL_USERS],
    ),
    &command(
        "take",
        "JOB...",
        "become the owner of jobs (administrators)",
        "From then on they run under your identity. A helper's identity was lent to the old owner \
         and goes. A job that holds files you cannot reach is left as it is.",
        PICK,
    ),
    &command(
        "helper",
        "set|flags|show|clear|invite JOB",
        "a second identity for a job's files or network",
        "helper set JOB [--for USES]              whoever runs this becomes the helper\n\
         helper set JOB --user NAME [--for ...]   root makes NAME the helper\n\
         helper set -                             takes an invitation from standard input\n\
         helper invite JOB [--for ...]            prints an invitation and waits until it is used\n\
         helper flags JOB local|network|both|none what the helper is used for\n\
         helper show JOB                          who it is, and what for\n\
         helper clear JOB                         forgets it; the flags stay\n\
         USES are local, network and certificate, with commas between them; if not said, as before.\n\
         An invitation lets whoever holds it become the helper: hand it over in private.",
        &[&FOR_USE, &USER, &ALL_USERS],
    ),
    &command(
        "check-config",
        "[FILE]",
        "whether the service would start with its configuration",
        "Prints the files that make it up, in the order they count: the last one wins. FILE is \
         /etc/ebb/ebb.toml if none is named; the files in FILE.d are read after it.",
        &[],
    ),
    &command(
        "policy",
        "[POLICY=VALUE...]",
        "what transfers may do on this machine; change it (administrators)",
        "Prints what was set, and where: in a file, or by ebb policy. POLICY is a key of ebb.toml(5) that \
         says how much or when; VALUE counts from now on, and after restarts, whatever files say. \
         POLICY= takes it back. Who may do what is said in the files only.",
        &[],
    ),
    &command("status", "", "how the service is, and what it allows", "", &[]),
    &command(
        "help",
        "[COMMAND | exit-codes | job-references | json]",
        "help on a command or a topic",
        "",
        &[],
    ),
    &command("version", "", "the version of ebb", "", &[]),
    &command(
        "completions",
        "bash|zsh|fish",
        "what makes the shell complete words of ebb",
        "For bash in this session: source <(ebb completions bash). The packages bring all three.",
        &[],
    ),
    &Command { hidden: true, ..command("manual", "", "", "", &[]) },
    &Command { hidden: true, ..command("start-private", "PROGRAM LOG STATE", "", "", &[]) },
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_name_and_no_letter_is_used_twice() {
        let mut names = HashSet::new();
        for command in COMMANDS {
            for name in command.aliases.iter().chain([&command.name]) {
                assert!(names.insert(*name), "{name}");
            }
            let (mut longs, mut shorts) = (HashSet::new(), HashSet::new());
            for option in COMMON.iter().copied().chain(command.all_options()) {
                assert!(longs.insert(option.long), "{} {}", command.name, option.long);
                assert!(option.short.is_none_or(|short| shorts.insert(short)), "{}", option.long);
            }
        }
    }
}
