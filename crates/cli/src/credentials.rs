//! What a job logs on with, as people say it.
//!
//! Answers one question: *which credentials go to the service?* A password is never taken from the
//! command line or the environment, which others can read: it comes from a file that only its owner
//! may read, from a descriptor, or from the terminal, where it is not shown. Without a user name,
//! schemes are allowed to use what the network identity has anyway. Nothing here prints a password.

use std::ffi::OsStr;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};

use ebb_api::client::{Job, Login, NewFile};
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};

use crate::args::Invocation;
use crate::escape::shown;
use crate::failure::{Failure, cannot};

/// A password has up to 65,536 characters; more than this is none.
const LIMIT: usize = 4 * 65_536;
/// What Ctrl+C is on a terminal that sends no signal.
const INTERRUPT: char = '\u{3}';

/// What is to be said for one target.
struct Side {
    target: &'static str,
    user: &'static str,
    auth: &'static str,
    file: &'static str,
    descriptor: Option<&'static str>,
}

const SIDES: [Side; 2] = [
    Side {
        target: "server",
        user: "user",
        auth: "auth",
        file: "password-file",
        descriptor: Some("password-fd"),
    },
    Side {
        target: "proxy",
        user: "proxy-user",
        auth: "proxy-auth",
        file: "proxy-password-file",
        descriptor: None,
    },
];

/// Sets of credentials.
#[derive(Default)]
pub(crate) struct Credentials(Vec<Set>);

struct Set {
    target: &'static str,
    schemes: Vec<String>,
    login: Option<(String, Password)>,
}

/// Wiped when it is given back.
pub(crate) struct Password(pub(crate) Vec<u8>);

impl Drop for Password {
    fn drop(&mut self) {
        self.0.fill(0);
        // Somebody might look: so that the line above is not left out.
        black_box(&self.0);
    }
}

/// Those on the command line, for a job with these files.
///
/// # Errors
/// A usage failure where what is said makes no sense, or a password cannot be had.
pub(crate) fn of(call: &Invocation, files: &[NewFile]) -> Result<Credentials, Failure> {
    let sets = SIDES.iter().filter_map(|side| side.read(call, files).transpose());
    sets.collect::<Result<_, _>>().map(Credentials)
}

/// Gives them to a job.
///
/// # Errors
/// As the service says.
pub(crate) async fn give(job: &Job<'_>, credentials: &Credentials) -> Result<(), Failure> {
    for Set { target, schemes, login } in &credentials.0 {
        let login = match login {
            Some((user, password)) => Login::Explicit { user, password: &password.0 },
            None => Login::Implicit,
        };
        for scheme in schemes {
            let set = job.set_credentials(target, scheme, login).await;
            set.map_err(cannot(&format!("set the {target}'s credentials for {}", shown(scheme))))?;
        }
    }
    Ok(())
}

impl Credentials {
    /// Whether there is none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Which pairs they are for.
    pub(crate) fn pairs(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.iter().flat_map(|set| set.schemes.iter().map(|it| (set.target, it.as_str())))
    }
}

impl Side {
    fn read(&self, call: &Invocation, files: &[NewFile]) -> Result<Option<Set>, Failure> {
        let (user, schemes) = (call.text(self.user)?, call.text(self.auth)?);
        let password = call.value(self.file).is_some()
            || self.descriptor.is_some_and(|name| call.value(name).is_some());
        let Some(user) = user else {
            if password {
                return Err(Failure::usage(format!("a password, and no --{}", self.user)));
            }
            let Some(schemes) = schemes else { return Ok(None) };
            return Ok(Some(Set { target: self.target, schemes: split(schemes), login: None }));
        };
        let schemes = match schemes {
            Some(schemes) => split(schemes),
            None => usual(files),
        };
        let password = self.password(call, user)?;
        let login = Some((user.to_owned(), password));
        Ok(Some(Set { target: self.target, schemes, login }))
    }

    fn password(&self, call: &Invocation, user: &str) -> Result<Password, Failure> {
        let descriptor = self.descriptor.map(|name| call.text(name)).transpose()?.flatten();
        match (call.value(self.file), descriptor) {
            (Some(_), Some(_)) => {
                Err(Failure::usage("a password comes from a file or from a descriptor, not both"))
            }
            (Some(file), None) => from_file(file),
            (None, Some(number)) => from_descriptor(number),
            (None, None) => asked(self.target, user),
        }
    }
}

fn split(schemes: &str) -> Vec<String> {
    schemes.split(',').map(|scheme| scheme.trim().to_ascii_lowercase()).collect()
}

/// A password that nobody on the way can read: by its hash, and itself only under TLS.
fn usual(files: &[NewFile]) -> Vec<String> {
    let secure = |file: &NewFile| {
        file.url.get(..8).is_some_and(|start| start.eq_ignore_ascii_case("https://"))
    };
    let basic = !files.is_empty() && files.iter().all(secure);
    let schemes = ["digest", "basic"].into_iter().take(if basic { 2 } else { 1 });
    schemes.map(str::to_owned).collect()
}

/// The first line of a file that is its owner's alone.
pub(crate) fn from_file(path: &OsStr) -> Result<Password, Failure> {
    let cannot = |why: &str| Failure::usage(format!("cannot read {}: {why}", path.display()));
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = File::options().read(true).custom_flags(flags).open(path);
    let file = file.map_err(|error| cannot(&error.to_string()))?;
    let found = file.metadata().map_err(|error| cannot(&error.to_string()))?;
    if !found.is_file() {
        return Err(cannot("it is no file"));
    }
    let others = found.mode() & 0o077 != 0;
    if others || found.uid() != rustix::process::geteuid().as_raw() {
        return Err(cannot("others may read or change it")
            .hint(format!("chmod 600 {}", shown(&path.to_string_lossy()))));
    }
    first_line(file).map_err(|why| cannot(&why))
}

/// The first line of what a descriptor of ours reads.
fn from_descriptor(number: &str) -> Result<Password, Failure> {
    let known = number.parse::<u32>().is_ok();
    let cannot = |why: &str| {
        Failure::usage(format!("cannot read a password from descriptor {}: {why}", shown(number)))
    };
    if !known {
        return Err(cannot("it is no number"));
    }
    let file = File::open(format!("/proc/self/fd/{number}"));
    first_line(file.map_err(|error| cannot(&error.to_string()))?).map_err(|why| cannot(&why))
}

fn first_line(from: impl Read) -> Result<Password, String> {
    // All the room at once: a buffer that grows leaves copies behind.
    let mut bytes = Password(Vec::with_capacity(LIMIT + 2));
    let read = from.take(LIMIT as u64 + 2).read_to_end(&mut bytes.0);
    read.map_err(|error| error.to_string())?;
    let end = bytes.0.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.0.len());
    if end > LIMIT {
        return Err("it is too long".to_owned());
    }
    bytes.0.truncate(end);
    if bytes.0.last() == Some(&b'\r') {
        let _ = bytes.0.pop();
    }
    Ok(bytes)
}

/// What somebody types at the terminal, which does not show it.
fn asked(target: &str, user: &str) -> Result<Password, Failure> {
    let none = || {
        Failure::usage(format!("no password for {}, and no terminal to ask at", shown(user)))
            .hint("--password-file FILE, or --password-fd N")
    };
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.map_err(|_| none())?;
    let before = tcgetattr(&terminal).map_err(|_| none())?;
    let mut silent = before.clone();
    // Without signals, too: nobody would turn the echo on again.
    silent.local_modes -= LocalModes::ECHO | LocalModes::ISIG;
    tcsetattr(&terminal, OptionalActions::Flush, &silent).map_err(|_| none())?;
    let prompt = format!("Password of {} for the {target}: ", shown(user));
    let said = terminal.write_all(prompt.as_bytes());
    let mut line = Vec::with_capacity(4096);
    let read = BufReader::new(&terminal).take(LIMIT as u64).read_until(b'\n', &mut line);
    let line = Password(line);
    let back = tcsetattr(&terminal, OptionalActions::Flush, &before);
    let _ = terminal.write_all(b"\n");
    if said.is_err() || read.is_err() || back.is_err() || line.0.contains(&(INTERRUPT as u8)) {
        return Err(Failure::silent(crate::exit::Exit::Interrupted));
    }
    first_line(line.0.as_slice()).map_err(Failure::usage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn file(name: &str, text: &str, mode: u32) -> std::path::PathBuf {
        let name = format!("ebb-cli-password-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn a_password_is_the_first_line_of_a_file_that_is_its_owners_alone() {
        let good = file("good", "hunter2\r\nnot this\n", 0o600);
        assert_eq!(from_file(good.as_os_str()).unwrap_or_else(|_| panic!("refused")).0, b"hunter2");
        for mode in [0o640, 0o604, 0o660, 0o644] {
            let path = file("open", "hunter2", mode);
            let Err(failure) = from_file(path.as_os_str()) else { panic!("{mode:o}") };
            assert!(failure.text.contains("others may read") && !failure.text.contains("hunter2"));
        }
        assert!(from_file(OsStr::new("/dev/null")).is_err());
        for path in [good, file("open", "", 0o600)] {
            std::fs::remove_file(path).unwrap();
        }
    }

    #[test]
    fn a_password_goes_in_the_clear_only_under_tls_unless_somebody_says_so() {
        let files = |urls: &[&str]| -> Vec<NewFile> {
            urls.iter().map(|url| NewFile::new(*url, "/f")).collect()
        };
        assert_eq!(usual(&files(&["https://h/a", "HTTPS://h/b"])), ["digest", "basic"]);
        assert_eq!(usual(&files(&["https://h/a", "http://h/b"])), ["digest"]);
        assert_eq!(usual(&[]), ["digest"]);
        assert_eq!(split("Negotiate, ntlm"), ["negotiate", "ntlm"]);
    }

    #[test]
    fn what_is_too_long_or_no_descriptor_is_no_password() {
        assert!(first_line(vec![b'x'; LIMIT + 1].as_slice()).is_err());
        assert!(from_descriptor("x").is_err() && from_descriptor("-1").is_err());
        assert!(from_descriptor("987654").is_err());
    }
}
