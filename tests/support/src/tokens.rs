//! Tokens of a test's own (PKCS #11): SoftHSM, which keeps them in files of their user.
//!
//! The machine's own configuration of SoftHSM is left alone: who is to see our tokens is started under
//! [`Tokens::wrapper`], which puts ours in its place for that program only. Needs root.

use crate::certificates::{Pair, openssl};
use crate::scratch::scratch_directory;
use crate::users::User;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The library that speaks to them.
pub const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// The PIN of every token.
pub const PIN: &str = "5772156";

/// Where tokens are.
#[derive(Debug)]
pub struct Tokens(PathBuf);

impl Default for Tokens {
    fn default() -> Self {
        Self::new()
    }
}

impl Tokens {
    /// A place for them, where each user makes their own.
    ///
    /// # Panics
    ///
    /// When it cannot be made.
    #[must_use]
    pub fn new() -> Self {
        let this = Self(scratch_directory());
        let at = this.place();
        fs::create_dir(&at).expect("our own directory");
        fs::set_permissions(&at, fs::Permissions::from_mode(0o1777)).expect("ours");
        fs::create_dir(this.0.join("etc")).expect("our own directory");
        let text = format!("directories.tokendir = {}\nlog.level = ERROR\n", at.display());
        fs::write(this.configuration(), text).expect("our own directory");
        this
    }

    /// Where its library writes.
    #[must_use]
    pub fn place(&self) -> PathBuf {
        self.0.join("tokens")
    }

    fn configuration(&self) -> PathBuf {
        self.0.join("etc/softhsm2.conf")
    }

    /// The words that start a program which sees these tokens.
    #[must_use]
    pub fn wrapper(&self) -> Vec<String> {
        let ours = self.0.join("etc");
        let ours = format!("mount --bind '{}' /etc/softhsm && exec \"$0\" \"$@\"", ours.display());
        ["unshare", "--mount", "sh", "-c", &ours].map(str::to_owned).to_vec()
    }

    /// This user makes a token.
    pub fn make(&self, owner: &User, label: &str) {
        let words =
            ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "161803"];
        self.run(owner, "softhsm2-util", &words);
    }

    /// This user, who may read them, puts a certificate and its key on it.
    ///
    /// # Panics
    ///
    /// When it cannot be done.
    pub fn put(&self, owner: &User, token: &str, pair: &Pair, object: &str, id: &str) {
        let text = |path: &Path| path.to_str().expect("names of ours are ASCII").to_owned();
        let (key, der) = (text(&pair.key), text(&self.0.join(format!("{token}-{object}.der"))));
        openssl(&["x509", "-in", &text(&pair.certificate), "-outform", "DER", "-out", &der]);
        let import = ["--import", &key, "--token", token, "--label", object, "--id", id];
        self.run(owner, "softhsm2-util", &[&import[..], &["--pin", PIN]].concat());
        let write = ["--module", MODULE, "--token-label", token, "--login", "--pin", PIN];
        let what = ["--write-object", &der, "--type", "cert", "--label", object, "--id", id];
        self.run(owner, "pkcs11-tool", &[&write[..], &what].concat());
    }

    fn run(&self, owner: &User, program: &str, words: &[&str]) {
        let mut command = owner.command(&Path::new("/usr/bin").join(program));
        let output = command.args(words).env("SOFTHSM2_CONF", self.configuration()).output();
        let output = output.unwrap_or_else(|error| panic!("{program}: {error}"));
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{program} {words:?}: {said}");
    }
}

impl Drop for Tokens {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
