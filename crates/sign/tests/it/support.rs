//! The agent as the service sees it, and certificates made for one test.

use ebb_wire::channel::{Received, pair, receive, send};
use ebb_wire::net::Secret;
use ebb_wire::sign::{
    ClientIdentity, Form, FromSign, FromSigner, KeyId, SignTrouble, ToSign, ToSigner,
};
use rcgen::{CertificateParams, DnType, KeyPair};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::atomic::{AtomicU64, Ordering};

/// Who the agent runs as, where the test may choose.
pub(crate) const NOBODY: u32 = 65534;

/// The program, running.
pub(crate) struct Agent {
    channel: Option<OwnedFd>,
    process: Child,
}

/// A key that was opened.
pub(crate) struct Opened {
    pub(crate) identity: ClientIdentity,
    pub(crate) channel: OwnedFd,
}

impl Agent {
    /// Starts it and hears its greeting.
    pub(crate) fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// The same with these arguments more, and this environment.
    pub(crate) fn start_with(arguments: &[&str], environment: &[(&str, &Path)]) -> Self {
        let (ours, theirs) = pair().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_ebb-sign"));
        command.arg("--sandbox=required").args(arguments).stdin(theirs).env_clear();
        command.envs(environment.iter().copied());
        if rustix::process::geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        let agent = Self { channel: Some(ours), process: command.spawn().unwrap() };
        let FromSign::Hello { sandbox } = agent.hear() else { panic!("no greeting") };
        assert!(sandbox.seccomp && sandbox.landlock_abi > 0);
        agent
    }

    pub(crate) fn id(&self) -> u32 {
        self.process.id()
    }

    pub(crate) fn hear(&self) -> FromSign {
        match receive(self.channel.as_ref().unwrap()).unwrap() {
            Received::Message(message, None) => message,
            other => panic!("{other:?}"),
        }
    }

    /// Has a key opened.
    pub(crate) fn open(
        &self,
        form: Form,
        certificate: &Path,
        key: Option<&Path>,
        passphrase: Option<&str>,
    ) -> Result<Opened, (SignTrouble, String)> {
        let bytes = |path: &Path| path.to_str().unwrap().as_bytes().to_vec();
        let open = ToSign::Open {
            key: KeyId(7),
            form,
            certificate: bytes(certificate),
            private_key: key.map(bytes).unwrap_or_default(),
            passphrase: passphrase.map(|text| Secret(text.as_bytes().to_vec())),
        };
        self.ask(&open)
    }

    /// Says something that has no answer.
    pub(crate) fn tell(&self, open: &ToSign) {
        let (_, theirs) = pair().unwrap();
        send(self.channel.as_ref().unwrap(), open, Some(theirs.as_fd())).unwrap();
    }

    /// Has something opened.
    pub(crate) fn ask(&self, open: &ToSign) -> Result<Opened, (SignTrouble, String)> {
        let (ours, theirs) = pair().unwrap();
        send(self.channel.as_ref().unwrap(), open, Some(theirs.as_fd())).unwrap();
        drop(theirs);
        match self.hear() {
            FromSign::Opened { key, identity } => {
                assert_eq!(key, KeyId(7));
                Ok(Opened { identity, channel: ours })
            }
            FromSign::Failed { trouble, detail, .. } => Err((trouble, detail)),
            FromSign::Hello { .. } => panic!("a second greeting"),
        }
    }

    /// Closes the channel, and waits for the end.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.channel = None;
        self.process.wait().unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Opened {
    /// Has something signed; nothing where it is refused.
    pub(crate) fn sign(&self, scheme: u16, message: &[u8]) -> Option<Vec<u8>> {
        send(&self.channel, &ToSigner::Sign { scheme, message: message.to_vec() }, None).unwrap();
        match receive(&self.channel).unwrap() {
            Received::Message(FromSigner::Signed { signature }, None) => Some(signature),
            Received::Message(FromSigner::Refused, None) => None,
            other => panic!("{other:?}"),
        }
    }
}

/// What a client of TLS 1.3 signs.
pub(crate) fn proof() -> Vec<u8> {
    [&[b' '; 64][..], b"TLS 1.3, client CertificateVerify\0", &[7; 32]].concat()
}

/// A directory that everybody can read, for as long as a test.
pub(crate) struct Ground(pub(crate) PathBuf);

impl Ground {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("ebb-sign-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, bytes).unwrap();
        path
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

/// A certificate by nobody but itself, and its key.
pub(crate) fn certificate() -> (rcgen::Certificate, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, "somebody");
    (params.self_signed(&key).unwrap(), key)
}
