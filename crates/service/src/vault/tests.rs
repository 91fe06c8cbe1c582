//! Sealed and opened; keys that are there, missing, made and wrong.

use std::os::unix::fs::PermissionsExt;

use super::*;
use ebb_core::job::{Event, Job, Terms};
use ebb_core::time::WallTime;
use ebb_core::token::{BootId, Token};
use ebb_store::{Batch, Store};

const SECRET: &str = "hunter2-and-then-some";

/// A directory of its own, gone with the test.
struct Place(PathBuf);

impl Place {
    fn new() -> Self {
        let path = std::env::temp_dir().join(format!("ebb-vault-{}", clock::unguessable()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn vault(&self) -> Vault {
        Vault::with(None, &self.0).unwrap()
    }

    fn key(&self) -> PathBuf {
        self.0.join(KEY_FILE)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn headers() -> Headers {
    Headers::parse([format!("X-Key: {SECRET}").as_str()]).unwrap()
}

fn job(byte: u8) -> JobId {
    JobId::from_bytes([byte; 16])
}

#[test]
fn what_is_sealed_opens_for_its_job_and_no_other_and_not_if_a_bit_is_changed() {
    let place = Place::new();
    let vault = place.vault();
    let sealed = vault.seal(job(1), &headers()).unwrap();
    assert_eq!(vault.open(job(1), &sealed).unwrap(), headers());
    assert_eq!(place.vault().open(job(1), &sealed).unwrap(), headers(), "in another life");
    assert!(matches!(vault.open(job(2), &sealed), Err(VaultError::Closed)));
    for at in 0..sealed.bytes.len() {
        let mut changed = sealed.clone();
        changed.bytes[at] ^= 1;
        assert!(matches!(vault.open(job(1), &changed), Err(VaultError::Closed)), "byte {at}");
    }
    let other = Sealed { nonce: [0; 12], ..sealed.clone() };
    assert!(matches!(vault.open(job(1), &other), Err(VaultError::Closed)));
    let short = Sealed { bytes: vec![1], ..sealed.clone() };
    assert!(matches!(vault.open(job(1), &short), Err(VaultError::Closed)));
    let again = vault.seal(job(1), &headers()).unwrap();
    assert!(again.nonce != sealed.nonce && again.bytes != sealed.bytes);
}

#[test]
fn credentials_open_for_their_job_and_pair_and_no_other() {
    let place = Place::new();
    let vault = place.vault();
    let pair = |target, scheme| AuthPair::parse(target, scheme).unwrap();
    let ours = pair("server", "basic");
    let set = Credentials::new(ours.scheme, Some("alice"), Some(SECRET.into())).unwrap();
    let sealed = vault.seal_credentials(job(1), ours, &set).unwrap();
    assert!(!sealed.bytes.windows(5).any(|part| part == b"alice"), "the name is sealed, too");
    assert_eq!(vault.open_credentials(job(1), ours, &sealed).unwrap(), set);
    for (job, other) in
        [(job(2), ours), (job(1), pair("proxy", "basic")), (job(1), pair("server", "digest"))]
    {
        let opened = vault.open_credentials(job, other, &sealed);
        assert!(matches!(opened, Err(VaultError::Closed)), "{other:?}");
    }
    assert!(matches!(vault.open(job(1), &sealed), Err(VaultError::Closed)), "nor as headers");
}

#[test]
fn the_clear_text_is_in_no_file_of_the_state_directory() {
    let place = Place::new();
    let now = clock::now();
    let owner = Token {
        uid: 1,
        gid: 1,
        groups: vec![],
        session: None,
        label: None,
        boot: BootId(String::new()),
        captured: WallTime(0),
    };
    let mut job = Job::new(job(1), owner, Terms::named("visible").unwrap(), now);
    let sealed = place.vault().seal(job.id, &headers()).unwrap();
    let _ = job.decide(Event::SetHeaders(Some(sealed)), now).unwrap();
    let mut store = Store::open(&place.0.join("jobs.sqlite")).unwrap();
    let mut batch = Batch::new();
    batch.put_job(&job);
    batch.put_headers(&job);
    store.commit(batch).unwrap();
    let holds = |text: &str| {
        let files = fs::read_dir(&place.0).unwrap().map(|entry| fs::read(entry.unwrap().path()));
        let holds = |file: &[u8]| file.windows(text.len()).any(|part| part == text.as_bytes());
        files.filter(|file| holds(file.as_ref().unwrap())).count()
    };
    assert!(holds("visible") > 0, "the search finds what is there");
    for secret in [SECRET, "hunter2", "X-Key"] {
        assert_eq!(holds(secret), 0, "{secret}");
    }
    let jobs = store.load().unwrap();
    let sealed = jobs[0].headers.sealed.as_ref().unwrap();
    assert_eq!(place.vault().open(job.id, sealed).unwrap(), headers());
}

#[test]
fn the_key_is_made_when_it_is_first_needed_for_the_service_alone() {
    let place = Place::new();
    let vault = place.vault();
    let sealed = Sealed { nonce: [0; 12], bytes: vec![0; 40] };
    assert!(matches!(vault.open(job(1), &sealed), Err(VaultError::Key { .. })));
    assert!(!place.key().exists(), "nothing can have been sealed with a key that is missing");
    fs::write(place.key().with_extension("new"), b"half a").unwrap();
    vault.seal(job(1), &headers()).unwrap();
    let found = fs::metadata(place.key()).unwrap();
    assert_eq!((found.mode() & 0o7777, found.len()), (0o600, 32));
    assert!(!place.key().with_extension("new").exists());
    let key = fs::read(place.key()).unwrap();
    vault.seal(job(1), &headers()).unwrap();
    assert_eq!(fs::read(place.key()).unwrap(), key, "it stays");
}

#[test]
fn a_key_that_others_may_read_or_that_is_none_is_not_used_and_not_replaced() {
    let place = Place::new();
    let vault = place.vault();
    vault.seal(job(1), &headers()).unwrap();
    fs::set_permissions(place.key(), fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(vault.seal(job(1), &headers()), Err(VaultError::Key { .. })));
    fs::set_permissions(place.key(), fs::Permissions::from_mode(0o600)).unwrap();
    for wrong in [31, 33] {
        fs::write(place.key(), vec![0; wrong]).unwrap();
        assert!(matches!(vault.seal(job(1), &headers()), Err(VaultError::Key { .. })));
    }
    fs::remove_file(place.key()).unwrap();
    std::os::unix::fs::symlink("/dev/zero", place.key()).unwrap();
    assert!(matches!(vault.seal(job(1), &headers()), Err(VaultError::Key { .. })));
}

#[test]
fn the_credential_is_used_in_place_of_a_file_of_our_own() {
    let (place, given) = (Place::new(), Place::new());
    let path = given.0.join("ebb-vault-key");
    let open = || Vault::with(File::open(&path).ok(), &place.0);
    fs::write(&path, [7; 32]).unwrap();
    let sealed = open().unwrap().seal(job(1), &headers()).unwrap();
    assert_eq!(open().unwrap().open(job(1), &sealed).unwrap(), headers());
    assert!(!place.key().exists());
    assert!(place.vault().open(job(1), &sealed).is_err());
    fs::write(&path, [7; 16]).unwrap();
    assert!(open().is_err(), "no key, and nobody guesses why");
    fs::remove_file(&path).unwrap();
    open().unwrap().seal(job(1), &headers()).unwrap();
    assert!(place.key().exists(), "without it our own is used");
}
