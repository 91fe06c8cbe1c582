//! Promise: where a job wants to know whether a server's certificate has been revoked, the authority's
//! word that a real server staples to it is as good as a list; and what only looks like one is none.

use support::bus::JOB;
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::nginx::Nginx;
use support::realm::own_address;
use support::server::Authority;
use support::stapling::Answer;
use support::users::{User, needs_root};

const FILE: Content = Content::new(172, 50_000);

#[test]
fn a_word_that_nginx_staples_counts_if_the_authority_or_its_responder_signed_it_for_now() {
    if !needs_root("addresses of its own") {
        return;
    }
    let (authority, stranger) = (Authority::new(), Authority::new());
    let (instance, owner) = (Instance::start(), User::ordinary());
    let bus = instance.bus(&owner);
    let address = own_address();
    let leaf = authority.issue(&[&address]);
    let another = authority.issue(&[&address]);
    let (responder, impostor) = (authority.responder(), stranger.responder());
    let server = authority.issue(&["responder"]);
    let good = Answer::good(&authority, &leaf.0);
    let unknown = Some("revocation-unknown");
    let cases = [
        ("signed by the authority", good, None, ""),
        ("by its responder", Answer { signer: Some(&responder), ..good }, None, ""),
        ("a no", Answer { revoked: true, ..good }, Some("certificate-revoked"), "revoked"),
        ("another's", Answer { certificate: &another.0, ..good }, unknown, "another certificate"),
        ("without an end", Answer { ends: false, ..good }, unknown, "out of date"),
        ("a stranger's", Answer { signer: Some(&impostor), ..good }, unknown, "not signed by"),
        ("a server's", Answer { signer: Some(&server), ..good }, unknown, "not signed by"),
    ];
    for (at, (what, answer, error, why)) in cases.into_iter().enumerate() {
        let nginx = Nginx::stapling(address.clone(), &leaf, &answer.der());
        nginx.put("f", FILE);
        let path = instance.directory_of(&owner).join(at.to_string());
        let job = Job::create(&bus, what);
        let given = (authority.pem.as_bytes(), true);
        bus.call(&job.path, JOB, "SetAuthorities", &given).unwrap();
        job.set("SecurityFlags", 0x1_u32.into()).unwrap();
        job.add(&nginx.url("f"), &path);
        job.resume();
        if let Some(error) = error {
            job.wait_for(&["error"]);
            assert_eq!(job.error_name(), error, "{what}");
            assert!(job.error()["Message"].contains(why), "{what}: {:?}", job.error());
        } else {
            job.finish();
            FILE.check(&path);
        }
    }
}
