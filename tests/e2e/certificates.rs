//! Promise: a job shows the certificate its owner entrusted to it, whoever speaks to the server, and
//! the key stays with whoever may read it (`helper-tokens.md` R12).

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::bus::{JOB, No};
use support::certificates::{Pair, openssl, rsa, secrets, set, set_pem};
use support::content::Content;
use support::credentials::holding;
use support::instance::{Instance, Setup};
use support::job::{CLIENT_CERTIFICATE, Job, NETWORK};
use support::memory::found;
use support::nginx::Nginx;
use support::server::{Authority, Lie, Resource, Server};
use support::users::{User, needs_root};

const FILE: Content = Content::new(93, 200_000);

fn get(job: &Job<'_>) -> Result<(String, Vec<u8>, Vec<u8>, bool), No> {
    job.bus.ask(&job.path, JOB, "GetClientCertificate", &())
}

fn give(pair: &Pair, to: &User) {
    for file in [&pair.certificate, &pair.key] {
        std::os::unix::fs::chown(file, Some(to.uid), Some(to.gid)).unwrap();
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap()
}

fn the_process(instance: &Instance, name: &str) -> support::processes::Process {
    let mut found = instance.processes(name);
    assert_eq!(found.len(), 1, "{name}");
    found.remove(0)
}

#[test]
fn roots_certificate_is_shown_by_an_ordinary_users_network_which_never_has_the_key() {
    if !needs_root("a client certificate of another identity") {
        return;
    }
    let authority = Authority::new();
    let instance = Setup::new().trusting(&authority).start();
    let (root, alice) = (User::root(), User::alice());
    let mine = instance.directory_of(&root);
    let pair = rsa(&mine, "the-owner");
    give(&pair, &root);
    let nginx = Nginx::start(&authority, &read(&pair.certificate));
    nginx.put("slow/f", FILE);
    nginx.put("f", FILE);
    let bus = instance.bus(&root);
    let job = Job::create(&bus, "held open");
    set_pem(&job, &pair).unwrap();
    job.lend(&instance, &alice, NETWORK);
    job.add(&nginx.url("slow/f"), &mine.join("slow"));
    job.resume();
    job.wait_for_bytes(1);
    let (net, sign) = (the_process(&instance, "ebb-net"), the_process(&instance, "ebb-sign"));
    assert_eq!((net.uids(), sign.uids()), (vec![alice.uid; 4], vec![0; 4]));
    let secrets = secrets(&pair.key);
    assert_eq!(found(net.pid, &secrets), [] as [usize; 0], "the key is in the network agent");
    assert_ne!(found(sign.pid, &secrets), [] as [usize; 0], "the search finds keys");
    let service = the_process(&instance, "ebb-service");
    assert_eq!(found(service.pid, &secrets), [] as [usize; 0], "the key is in the service");
    job.call("Cancel").unwrap();
    let quick = Job::create(&bus, "to its end");
    set_pem(&quick, &pair).unwrap();
    quick.lend(&instance, &alice, NETWORK);
    quick.add(&nginx.url("f"), &mine.join("f"));
    quick.resume();
    quick.finish();
    FILE.check(&mine.join("f"));
    assert_eq!(nginx.log("f", 1), ["CN=the-owner 200"]);
    let log = instance.log();
    assert!(log.contains(&format!("audit: certificate set job={} by=0 outcome=done", job.id)));
    assert!(!log.contains("the-owner"), "{log}");
}

#[test]
fn the_helpers_certificate_is_opened_by_the_helper_where_the_flag_says_so_and_by_nobody_else() {
    if !needs_root("a client certificate of the helper") {
        return;
    }
    let authority = Authority::new();
    let instance = Setup::new().trusting(&authority).start();
    let (alice, bob) = (User::alice(), User::bob());
    let theirs = instance.directory_of(&bob);
    let pair = rsa(&theirs, "the-helper");
    give(&pair, &bob);
    let nginx = Nginx::start(&authority, &read(&pair.certificate));
    nginx.put("f", FILE);
    let bus = instance.bus(&alice);
    let path = instance.directory_of(&alice).join("f");
    let job = Job::create(&bus, "lent");
    set_pem(&job, &pair).unwrap();
    job.add(&nginx.url("f"), &path);
    job.lend(&instance, &bob, NETWORK);
    job.resume();
    job.wait_for(&["error"]);
    // Alice may not read it, and that the network is bob's makes no difference.
    assert_eq!(job.error_name(), "client-certificate-unreadable");
    job.lend(&instance, &bob, CLIENT_CERTIFICATE);
    job.resume();
    job.finish();
    FILE.check(&path);
    assert_eq!(nginx.log("f", 1), ["CN=the-helper 200"]);
}

#[test]
fn a_certificate_is_its_owners_alone_and_goes_with_the_job() {
    let (instance, owner) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&owner);
    let job = Job::create(&bus, "entrusted");
    assert_eq!(get(&job).unwrap_err().name, "NoClientCertificate");
    let (at, key) = (Path::new("/home/certificate-of-somebody.pem"), Path::new("/home/k"));
    set(&job, "pem", at, Some(key), Some("hunter2-and-more")).unwrap();
    let told = (
        "pem".to_owned(),
        b"/home/certificate-of-somebody.pem".to_vec(),
        b"/home/k".to_vec(),
        true,
    );
    assert_eq!(get(&job).unwrap(), told);
    set(&job, "pem", at, None, None).unwrap();
    assert_eq!(get(&job).unwrap(), (told.0, told.1, Vec::new(), false));
    for (form, at) in [("der", "/c"), ("pem", "c"), ("pem", "")] {
        assert!(set(&job, form, Path::new(at), None, None).is_err(), "{form} {at}");
    }
    // Neither where it is nor what opens it is anywhere to be read.
    for text in ["certificate-of-somebody", "hunter2-and-more"] {
        assert_eq!(holding(instance.scratch(), text), [] as [std::path::PathBuf; 0]);
    }
    if rustix::process::getuid().is_root() {
        let [bob, root] = [User::bob(), User::root()].map(|user| instance.bus(&user));
        for (stranger, no) in [(&bob, "NotFound"), (&root, "AccessDenied")] {
            let theirs = job.over(stranger);
            assert_eq!(set(&theirs, "pem", at, None, None).unwrap_err().name, no);
            assert_eq!(get(&theirs).unwrap_err().name, no);
            let remove = stranger.call(&job.path, JOB, "RemoveClientCertificate", &());
            assert_eq!(remove.unwrap_err().name, no);
        }
    }
    let remove = || job.bus.ask::<_, bool>(&job.path, JOB, "RemoveClientCertificate", &());
    assert!(remove().unwrap() && !remove().unwrap());
    set(&job, "pem", at, None, None).unwrap();
    job.call("Cancel").unwrap();
    assert_eq!(get(&job).unwrap_err().name, "InvalidState");
}

#[test]
fn what_is_wrong_with_a_certificate_is_told_and_mended_and_it_stays_at_home() {
    if !needs_root("a server that wants a client certificate") {
        return;
    }
    let authority = Authority::new();
    let instance = Setup::new().trusting(&authority).start();
    let owner = User::alice();
    let mine = instance.directory_of(&owner);
    let (pair, other) = (rsa(&mine, "right"), rsa(&mine, "other"));
    give(&pair, &owner);
    give(&other, &owner);
    let nginx = Nginx::start(&authority, &read(&pair.certificate));
    nginx.put("f", FILE);
    let bus = instance.bus(&owner);
    let job = Job::create(&bus, "mended");
    job.add(&nginx.url("f"), &mine.join("f"));
    let missing = Pair { key: mine.join("missing"), ..pair.clone() };
    let crossed = Pair { key: other.key.clone(), ..pair.clone() };
    for (set_to, said) in [
        (&missing, "client-certificate-unreadable"),
        (&crossed, "client-certificate-invalid"),
        // Its own way of saying so, where others break the handshake off.
        (&other, "http-400"),
    ] {
        set_pem(&job, set_to).unwrap();
        job.resume();
        job.wait_for(&["error"]);
        assert_eq!(job.error_name(), said);
    }
    set_pem(&job, &pair).unwrap();
    job.resume();
    job.finish();
    FILE.check(&mine.join("f"));
    assert_eq!(nginx.log("f", 2), ["CN=other 400", "CN=right 200"]);
    // Sent elsewhere, it is not shown there, though it is wanted.
    let away = Server::https(&authority);
    away.put("/f", Resource::new(FILE).always(Lie::redirect(302, &nginx.url("f"))));
    let sent = Job::create(&bus, "sent away");
    set_pem(&sent, &pair).unwrap();
    sent.add(&away.url("/f"), &mine.join("g"));
    sent.resume();
    sent.wait_for(&["error"]);
    assert_eq!(sent.error_name(), "http-400");
    assert_eq!(nginx.log("f", 3)[2], "- 400");
}

#[test]
fn ebb_shows_a_certificate_whose_passphrase_comes_from_a_file() {
    if !needs_root("a server that wants a client certificate") {
        return;
    }
    let authority = Authority::new();
    let instance = Setup::new().trusting(&authority).start();
    let owner = User::alice();
    let mine = instance.directory_of(&owner);
    let pair = rsa(&mine, "by-hand");
    let [p12, word, path] = ["c.p12", "word", "f"].map(|name| mine.join(name));
    let [p12_text, word_text, path_text] = [&p12, &word, &path].map(|it| it.to_str().unwrap());
    let (certificate, key) = (pair.certificate.to_str().unwrap(), pair.key.to_str().unwrap());
    let export = ["pkcs12", "-export", "-passout", "pass:open-sesame-2", "-inkey", key];
    openssl(&[&export[..], &["-in", certificate, "-out", p12_text]].concat());
    std::fs::write(&word, "open-sesame-2\n").unwrap();
    for file in [&p12, &word] {
        std::os::unix::fs::chown(file, Some(owner.uid), Some(owner.gid)).unwrap();
        std::fs::set_permissions(file, PermissionsExt::from_mode(0o600)).unwrap();
    }
    let nginx = Nginx::start(&authority, &read(&pair.certificate));
    nginx.put("f", FILE);
    let ebb = |words: &[&str]| {
        let output = instance.run(&owner, words);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (output.status.code(), String::from_utf8_lossy(&output.stdout).into_owned(), said)
    };
    let url = nginx.url("f");
    let shown = ["--cert", p12_text, "--cert-passphrase-file", word_text];
    let got = ebb(&[&["get", &url, "-o", path_text][..], &shown].concat());
    assert_eq!(got.0, Some(0), "{}", got.2);
    FILE.check(&path);
    assert_eq!(nginx.log("f", 1), ["CN=by-hand 200"]);
    let (_, id, _) = ebb(&["create", "kept"]);
    let id = id.trim();
    assert_eq!(ebb(&[&["cert", "set", id][..], &shown].concat()).0, Some(0));
    let told = format!("pkcs12 {p12_text} with a passphrase\n");
    assert_eq!(ebb(&["cert", "show", id]).1, told);
    assert_eq!(ebb(&["cert", "clear", id]).0, Some(0));
    assert_eq!(ebb(&["cert", "show", id]).1, "none\n");
    let alone = ebb(&["create", "no", "--key", key]);
    assert!(alone.2.contains("--cert") && alone.0 != Some(0), "{}", alone.2);
    assert_eq!(holding(instance.scratch(), "open-sesame-2"), [word]);
}

#[test]
fn a_job_that_checks_for_revocation_needs_a_list_and_says_so() {
    let mut authority = Authority::new();
    let server = Server::https(&authority);
    server.put("/f", Resource::new(FILE));
    let owner = User::ordinary();
    for has_list in [false, true] {
        if has_list {
            let list = authority.list();
            authority.pem.push_str(&list);
        }
        let instance = Setup::new().trusting(&authority).start();
        let (bus, path) = (instance.bus(&owner), instance.directory_of(&owner).join("f"));
        let job = Job::create(&bus, "checked");
        job.set("SecurityFlags", 0x1_u32.into()).unwrap();
        job.add(&server.url("/f"), &path);
        job.resume();
        if has_list {
            job.finish();
            FILE.check(&path);
        } else {
            job.wait_for(&["error"]);
            assert_eq!(job.error_name(), "revocation-unknown");
            assert_eq!(server.requests("/f").len(), 0, "nothing was asked before that was clear");
        }
    }
}
