//! A real Apache, started by a test in a directory of its own, that wants to know who asks.
//!
//! | path      | what it takes                                              |
//! |-----------|------------------------------------------------------------|
//! | `/basic`  | Basic                                                      |
//! | `/digest` | Digest                                                     |
//! | `/ticket` | Negotiate, if it was given keys                            |
//! | `/open`   | whoever asks, over TLS                                     |
//!
//! Each of them has the files that were [put](Apache::put) there. It is a [proxy](Apache::proxy), too,
//! one for each of the ways, and over TLS the same server if it was given a certificate; there it speaks
//! HTTP/2 as well. Needs root, for its own user.

use crate::content::Content;
use crate::realm::{Realm, own_address};
use crate::scratch::{scratch_directory, wait_for_event, watch};
use crate::server::{Authority, PATIENCE};
use crate::users::User;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Who it runs as.
const SERVER_USER: &str = "www-data";
const PORT: u16 = 8080;
const TLS_PORT: u16 = 8443;
/// Where the proxy is that wants to know it by the first of [`PATHS`]; the others follow.
const FIRST_PROXY: u16 = 3128;
const MODULES: &str = "/usr/lib/apache2/modules";
const PATHS: [&str; 3] = ["basic", "digest", "ticket"];
/// What anybody may have.
const OPEN: &str = "open";

/// A running Apache.
#[derive(Debug)]
pub struct Apache {
    directory: PathBuf,
    address: String,
    child: Child,
}

impl Apache {
    /// Starts one that knows this user by this password.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn start(user: &str, password: &str) -> Self {
        Self::launch(user, password, None, None)
    }

    /// The same, and it takes tickets of this realm.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn start_in(realm: &Realm) -> Self {
        Self::launch("nobody", "nothing", Some(realm), None)
    }

    /// The same over TLS, too, with this authority's leaf, which has to be for the realm's address.
    ///
    /// # Panics
    ///
    /// When it cannot be started, with what it wrote.
    #[must_use]
    pub fn start_with_tls(realm: &Realm, authority: &Authority) -> Self {
        Self::launch("nobody", "nothing", Some(realm), Some(authority))
    }

    fn launch(
        user: &str,
        password: &str,
        realm: Option<&Realm>,
        authority: Option<&Authority>,
    ) -> Self {
        let directory = scratch_directory();
        let address = realm.map_or_else(own_address, |realm| realm.address.clone());
        let keys = realm.map(|realm| realm.add_service(&User::named(SERVER_USER)));
        for path in PATHS.iter().chain([&OPEN]) {
            fs::create_dir(directory.join(path)).expect("our own directory");
        }
        passwords(&directory, user, password);
        if let Some(authority) = authority {
            let pair = format!("{}{}", authority.leaf.0, authority.leaf.1);
            fs::write(directory.join("leaf.pem"), pair).expect("our own directory");
        }
        let configuration =
            configuration(&directory, &address, keys.as_deref(), authority.is_some());
        let file = directory.join("apache.conf");
        fs::write(&file, configuration).expect("our own directory");
        let events = watch(&directory);
        let mut command = Command::new("/usr/sbin/apache2");
        command.arg("-f").arg(&file).arg("-DFOREGROUND").env_clear().env("PATH", "/usr/bin:/bin");
        command.envs(realm.iter().flat_map(|realm| realm.environment()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("apache2 can be started");
        let mut this = Self { directory, address, child };
        let end = Instant::now() + PATIENCE;
        while std::net::TcpStream::connect((this.address.as_str(), PORT)).is_err() {
            let ended = this.child.try_wait().expect("our own child");
            assert!(ended.is_none(), "it ended at once ({ended:?}):\n{}", this.errors());
            assert!(Instant::now() < end, "it does not listen:\n{}", this.errors());
            wait_for_event(&events);
        }
        this
    }

    /// Puts a file in all places.
    ///
    /// # Panics
    ///
    /// When there is no room for it.
    pub fn put(&self, name: &str, content: Content) {
        let bytes = content.bytes();
        for path in PATHS.iter().chain([&OPEN]) {
            fs::write(self.directory.join(path).join(name), &bytes).expect("our own directory");
        }
    }

    /// The address of a file.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}:{PORT}/{path}", self.address)
    }

    /// The address of a file over TLS.
    #[must_use]
    pub fn url_over_tls(&self, path: &str) -> String {
        format!("https://{}:{TLS_PORT}/{path}", self.address)
    }

    /// Where it is a proxy that wants to know who asks, as it does below this path.
    ///
    /// # Panics
    ///
    /// When there is no such path.
    #[must_use]
    pub fn proxy(&self, path: &str) -> String {
        let at = PATHS.iter().position(|known| *known == path).expect("one of the paths");
        let port = FIRST_PROXY + u16::try_from(at).expect("a few");
        format!("http://{}:{port}", self.address)
    }

    /// Waits until it has logged so many requests for a path, and says for each who asked and what
    /// was answered: it writes its log after it has answered.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn log(&self, path: &str, at_least: usize) -> Vec<String> {
        self.logged("access.log", path, at_least)
    }

    /// The same for what it was asked over TLS.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn log_over_tls(&self, path: &str, at_least: usize) -> Vec<String> {
        self.logged("tls.log", path, at_least)
    }

    /// In which versions of HTTP, and to whom, it gave what is at a path over TLS.
    ///
    /// # Panics
    ///
    /// When it did not give it.
    #[must_use]
    pub fn spoken(&self, path: &str) -> Vec<String> {
        self.logged("spoken.log", path, 1)
    }

    /// What it logged as a proxy: who asked, and what was answered.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[must_use]
    pub fn proxy_log(&self, path: &str, at_least: usize) -> Vec<String> {
        self.logged("proxy.log", path, at_least)
    }

    fn logged(&self, name: &str, path: &str, at_least: usize) -> Vec<String> {
        let end = Instant::now() + PATIENCE;
        let events = watch(&self.directory);
        let path = format!(" /{path}");
        loop {
            let log = fs::read_to_string(self.directory.join(name)).unwrap_or_default();
            let lines = log.lines().filter_map(|line| line.strip_suffix(path.as_str()));
            let lines: Vec<String> = lines.map(str::to_owned).collect();
            if lines.len() >= at_least {
                return lines;
            }
            assert!(Instant::now() < end, "it logged {log}\n{}", self.errors());
            wait_for_event(&events);
        }
    }

    fn errors(&self) -> String {
        fs::read_to_string(self.directory.join("error.log")).unwrap_or_default()
    }
}

impl Drop for Apache {
    fn drop(&mut self) {
        // Its children end with it only if it is asked to.
        if let Some(pid) = rustix::process::Pid::from_raw(self.child.id().cast_signed()) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- apache wrote:\n{}---", self.errors());
        }
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// The files of passwords, as its own tools write them.
pub(crate) fn passwords(directory: &Path, user: &str, password: &str) {
    let digest = Command::new("openssl").args(["passwd", "-apr1", password]).output();
    let digest = String::from_utf8(digest.expect("openssl can be run").stdout).expect("ASCII");
    fs::write(directory.join("users.basic"), format!("{user}:{digest}"))
        .expect("our own directory");
    let mut md5 = Command::new("openssl");
    md5.args(["dgst", "-md5", "-r"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = md5.spawn().expect("openssl can be run");
    let text = format!("{user}:realm:{password}");
    let mut input = child.stdin.take().expect("it was asked for");
    std::io::Write::write_all(&mut input, text.as_bytes()).expect("openssl reads");
    drop(input);
    let output = child.wait_with_output().expect("our own child").stdout;
    let output = String::from_utf8(output).expect("ASCII");
    let hash = output.split_whitespace().next().expect("a hash");
    fs::write(directory.join("users.digest"), format!("{user}:realm:{hash}\n")).expect("ours");
}

fn configuration(directory: &Path, address: &str, keys: Option<&Path>, over_tls: bool) -> String {
    let top = directory.display();
    let modules = [
        "mpm_event",
        "authn_core",
        "authn_file",
        "authz_core",
        "authz_user",
        "auth_basic",
        "auth_digest",
        "proxy",
        "proxy_http",
        "proxy_connect",
    ];
    let load = |name: &str| format!("LoadModule {name}_module {MODULES}/mod_{name}.so\n");
    let mut text: String = modules.into_iter().map(load).collect();
    let basic = format!(
        "AuthType Basic\nAuthBasicProvider file\nAuthName realm\nAuthUserFile {top}/users.basic\n\
         Require valid-user\n"
    );
    let digest = format!(
        "AuthType Digest\nAuthDigestProvider file\nAuthName realm\nAuthUserFile \
         {top}/users.digest\nRequire valid-user\n"
    );
    let ticket = keys.map(|keys| {
        format!(
            "AuthType GSSAPI\nAuthName realm\nGssapiAllowedMech krb5\nGssapiCredStore keytab:{}\n\
             Require valid-user\n",
            keys.display()
        )
    });
    text += &format!(
        "ServerName {address}\nServerRoot {top}\nPidFile {top}/pid\n\
         Mutex file:{top}\nUser {SERVER_USER}\nGroup {SERVER_USER}\nErrorLog {top}/error.log\n\
         StartServers 1\nThreadsPerChild 16\nMinSpareThreads 16\nMaxSpareThreads 32\n\
         MaxRequestWorkers 32\nKeepAlive On\nDocumentRoot {top}\n\
         LogFormat \"%u %>s %U\" short\n<Directory />\nRequire all denied\n</Directory>\n"
    );
    if ticket.is_some() {
        text += &load("auth_gssapi");
    }
    let ways = [("basic", Some(basic)), ("digest", Some(digest)), ("ticket", ticket)];
    let ways = ways.iter().filter_map(|(path, way)| Some((path, way.as_ref()?)));
    let location = |(path, way)| format!("<Location /{path}>\n{way}</Location>\n");
    let locations: String = ways.clone().map(location).collect();
    text += &format!(
        "Listen {address}:{PORT}\n<VirtualHost {address}:{PORT}>\nServerName {address}\nCustomLog {top}/access.log short\n\
         {locations}</VirtualHost>\n"
    );
    if over_tls {
        text += &load("ssl");
        text += &load("http2");
        text += &format!(
            "Listen {address}:{TLS_PORT}\n<VirtualHost {address}:{TLS_PORT}>\nServerName {address}\n\
             Protocols h2 http/1.1\nSSLEngine on\nSSLCertificateFile {top}/leaf.pem\n\
             CustomLog {top}/tls.log short\nCustomLog {top}/spoken.log \"%H %u %U\" \
             \"expr=%{{REQUEST_METHOD}} == 'GET' && %{{REQUEST_STATUS}} == 200\"\n\
             <Location /{OPEN}>\nRequire all granted\n</Location>\n{locations}</VirtualHost>\n"
        );
    }
    for (port, (path, way)) in (FIRST_PROXY..).zip(ways) {
        text += &format!(
            "Listen {address}:{port}\n<VirtualHost {address}:{port}>\nServerName {address}\nProxyRequests On\n\
             AllowCONNECT 1-65535\nCustomLog {top}/proxy.log \"%u %>s /{path}\"\n\
             <Proxy *>\n{way}</Proxy>\n</VirtualHost>\n"
        );
    }
    text
}
