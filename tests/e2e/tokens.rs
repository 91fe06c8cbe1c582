//! Promise: a job shows a certificate whose key is on a token (PKCS #11), whoever speaks to the server;
//! what speaks to the token is what the administrator named, and a PIN is tried once.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;
use support::bus::No;
use support::certificates::{Pair, rsa, secrets, set};
use support::content::Content;
use support::credentials::holding;
use support::instance::{Instance, Setup};
use support::job::{CLIENT_CERTIFICATE, Job, NETWORK};
use support::memory::found;
use support::nginx::Nginx;
use support::processes::Process;
use support::server::Authority;
use support::tokens::{MODULE, PIN, Tokens};
use support::users::{User, needs_root};

const FILE: Content = Content::new(94, 200_000);

fn give(pair: &Pair, to: &User) {
    for file in [&pair.certificate, &pair.key] {
        std::os::unix::fs::chown(file, Some(to.uid), Some(to.gid)).unwrap();
    }
}

/// An instance that sees these tokens.
fn seeing(tokens: &Tokens, authority: &Authority) -> Instance {
    let wrapper = tokens.wrapper();
    let words: Vec<&str> = wrapper.iter().map(String::as_str).collect();
    let place = tokens.place();
    let policy = format!("pkcs11-module = {MODULE}\npkcs11-place = {}", place.display());
    Setup::new().trusting(authority).policy(&policy).under(&words).start()
}

fn set_on_token(job: &Job<'_>, at: &str, pin: Option<&str>) -> Result<(), No> {
    set(job, "pkcs11", Path::new(at), None, pin)
}

fn the_process(instance: &Instance, name: &str) -> Process {
    let mut found = instance.processes(name);
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0)
}

#[test]
fn a_key_on_roots_token_signs_for_an_ordinary_users_network_which_never_has_it() {
    if !needs_root("a client certificate on a token of another identity") {
        return;
    }
    let (authority, tokens) = (Authority::new(), Tokens::new());
    let instance = seeing(&tokens, &authority);
    let (root, alice) = (User::root(), User::alice());
    let mine = instance.directory_of(&root);
    let pair = rsa(&mine, "on-a-token");
    tokens.make(&root, "of root");
    tokens.put(&root, "of root", &pair, "it", "0a");
    let secrets = secrets(&pair.key);
    std::fs::remove_file(&pair.key).unwrap();
    let nginx = Nginx::start(&authority, &std::fs::read_to_string(&pair.certificate).unwrap());
    nginx.put("slow/f", FILE);
    nginx.put("f", FILE);
    let bus = instance.bus(&root);
    let at = "pkcs11:token=of%20root;id=%0A?module-name=softhsm2";
    let job = Job::create(&bus, "held open");
    set_on_token(&job, at, Some(PIN)).unwrap();
    job.lend(&instance, &alice, NETWORK);
    job.add(&nginx.url("slow/f"), &mine.join("slow"));
    job.resume();
    job.wait_for_bytes(1);
    let (net, sign) = (the_process(&instance, "ebb-net"), the_process(&instance, "ebb-sign"));
    assert_eq!((net.uids(), sign.uids()), (vec![alice.uid; 4], vec![0; 4]));
    let pin = vec![PIN.as_bytes().to_vec()];
    assert_eq!(found(net.pid, &secrets), [] as [usize; 0], "the key is in the network agent");
    assert_eq!(found(net.pid, &pin), [] as [usize; 0], "the PIN is in the network agent");
    let service = the_process(&instance, "ebb-service");
    assert_eq!(found(service.pid, &secrets), [] as [usize; 0], "the key is in the service");
    job.call("Cancel").unwrap();
    let quick = Job::create(&bus, "to its end");
    set_on_token(&quick, at, Some(PIN)).unwrap();
    quick.lend(&instance, &alice, NETWORK);
    quick.add(&nginx.url("f"), &mine.join("f"));
    quick.resume();
    quick.finish();
    FILE.check(&mine.join("f"));
    assert_eq!(nginx.log("f", 1), ["CN=on-a-token 200"]);
    assert_eq!(holding(instance.scratch(), PIN), [] as [std::path::PathBuf; 0]);
}

#[test]
fn the_helpers_token_is_spoken_to_by_the_helper_where_the_flag_says_so_and_by_nobody_else() {
    if !needs_root("a client certificate on the helper's token") {
        return;
    }
    let (authority, tokens) = (Authority::new(), Tokens::new());
    let instance = seeing(&tokens, &authority);
    let (alice, bob) = (User::alice(), User::bob());
    let theirs = instance.directory_of(&bob);
    let pair = rsa(&theirs, "the-helper");
    give(&pair, &bob);
    tokens.make(&bob, "of bob");
    tokens.put(&bob, "of bob", &pair, "it", "01");
    let nginx = Nginx::start(&authority, &std::fs::read_to_string(&pair.certificate).unwrap());
    nginx.put("f", FILE);
    let bus = instance.bus(&alice);
    let path = instance.directory_of(&alice).join("f");
    let job = Job::create(&bus, "lent");
    set_on_token(&job, "pkcs11:token=of%20bob;object=it", Some(PIN)).unwrap();
    job.add(&nginx.url("f"), &path);
    job.lend(&instance, &bob, NETWORK);
    job.resume();
    job.wait_for(&["transient-error"]);
    // What alice sees is her tokens, and that the network is bob's makes no difference.
    assert_eq!(job.error_name(), "client-certificate-token-absent");
    job.call("Suspend").unwrap();
    job.lend(&instance, &bob, CLIENT_CERTIFICATE);
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(std::fs::metadata(&path).unwrap().uid(), alice.uid);
    assert_eq!(nginx.log("f", 1), ["CN=the-helper 200"]);
}

#[test]
fn what_is_wrong_with_a_token_is_told_and_mended() {
    if !needs_root("a server that wants a client certificate") {
        return;
    }
    let (authority, tokens) = (Authority::new(), Tokens::new());
    let instance = seeing(&tokens, &authority);
    let owner = User::alice();
    let mine = instance.directory_of(&owner);
    let [one, other] = ["one", "other"].map(|name| rsa(&mine, name));
    give(&one, &owner);
    give(&other, &owner);
    let nginx = Nginx::start(&authority, &std::fs::read_to_string(&one.certificate).unwrap());
    nginx.put("f", FILE);
    let bus = instance.bus(&owner);
    let job = Job::create(&bus, "mended");
    job.add(&nginx.url("f"), &mine.join("f"));
    for at in ["pkcs11:token=t?pin-value=1", "pkcs11:token=t?pin-source=/pin", "pkcs11:colour=red"]
    {
        assert!(set_on_token(&job, at, None).is_err(), "{at}");
    }
    let attempt = |at: &str, pin, state: &str| {
        set_on_token(&job, at, pin).unwrap();
        job.resume();
        job.wait_for(&[state]);
        job.error_name()
    };
    // It is put in later.
    let said = attempt("pkcs11:token=t;object=one", Some(PIN), "transient-error");
    assert_eq!(said, "client-certificate-token-absent");
    job.call("Suspend").unwrap();
    tokens.make(&owner, "t");
    tokens.put(&owner, "t", &one, "one", "01");
    tokens.put(&owner, "t", &other, "other", "02");
    for (at, pin, name) in [
        ("pkcs11:token=t;object=two", Some(PIN), "client-certificate-not-found"),
        ("pkcs11:token=t", Some(PIN), "client-certificate-ambiguous"),
        ("pkcs11:token=t;object=one", None, "client-certificate-passphrase"),
        ("pkcs11:token=t;object=one", Some("31415926"), "client-certificate-passphrase"),
        ("pkcs11:?module-path=/usr/lib/other.so", None, "client-certificate-module-missing"),
    ] {
        assert_eq!(attempt(at, pin, "error"), name, "{at}");
    }
    set_on_token(&job, "pkcs11:token=t;object=one;type=private", Some(PIN)).unwrap();
    job.resume();
    job.finish();
    FILE.check(&mine.join("f"));
    assert_eq!(nginx.log("f", 1), ["CN=one 200"]);
    // What is another's token is none.
    let bob = User::bob();
    let bus = instance.bus(&bob);
    let theirs = Job::create(&bus, "of somebody else");
    theirs.add(&nginx.url("f"), &instance.directory_of(&bob).join("f"));
    set_on_token(&theirs, "pkcs11:token=t;object=one", Some(PIN)).unwrap();
    theirs.resume();
    theirs.wait_for(&["transient-error"]);
    assert_eq!(theirs.error_name(), "client-certificate-token-absent");
}

#[test]
fn without_a_library_that_may_be_loaded_no_token_is_spoken_to() {
    let authority = Authority::new();
    let instance = Setup::new().trusting(&authority).start();
    let owner = User::ordinary();
    let bus = instance.bus(&owner);
    let job = Job::create(&bus, "no library");
    job.add("https://127.0.0.1:1/f", &instance.directory_of(&owner).join("f"));
    set_on_token(&job, "pkcs11:token=t", Some(PIN)).unwrap();
    job.resume();
    job.wait_for(&["error"]);
    assert_eq!(job.error_name(), "client-certificate-module-missing");
}

#[test]
fn ebb_shows_a_certificate_on_a_token_whose_pin_comes_from_a_file() {
    if !needs_root("a server that wants a client certificate") {
        return;
    }
    let (authority, tokens) = (Authority::new(), Tokens::new());
    let instance = seeing(&tokens, &authority);
    let owner = User::alice();
    let mine = instance.directory_of(&owner);
    let pair = rsa(&mine, "by-hand");
    give(&pair, &owner);
    tokens.make(&owner, "card");
    tokens.put(&owner, "card", &pair, "it", "01");
    let (pin, path) = (mine.join("pin"), mine.join("f"));
    std::fs::write(&pin, format!("{PIN}\n")).unwrap();
    std::os::unix::fs::chown(&pin, Some(owner.uid), Some(owner.gid)).unwrap();
    std::fs::set_permissions(&pin, PermissionsExt::from_mode(0o600)).unwrap();
    let nginx = Nginx::start(&authority, &std::fs::read_to_string(&pair.certificate).unwrap());
    nginx.put("f", FILE);
    let at = "pkcs11:token=card;object=it";
    let shown = ["--cert", at, "--cert-passphrase-file", pin.to_str().unwrap()];
    let url = nginx.url("f");
    let get = ["get", &url, "-o", path.to_str().unwrap()];
    instance.must(&owner, &[&get[..], &shown].concat());
    FILE.check(&path);
    assert_eq!(nginx.log("f", 1), ["CN=by-hand 200"]);
    let id = instance.must(&owner, &["create", "kept"]);
    instance.must(&owner, &[&["cert", "set", &id][..], &shown].concat());
    let told = instance.must(&owner, &["cert", "show", &id]);
    assert_eq!(told, format!("pkcs11 {at} with a passphrase"));
    let with_pin = instance.run(&owner, &["cert", "set", &id, "--cert", "pkcs11:?pin-value=77"]);
    assert_ne!(with_pin.status.code(), Some(0));
}
