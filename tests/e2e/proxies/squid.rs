//! The same with a real proxy: Squid, as companies have it.

use super::{FILE, behind, impatient, through};
use support::instance::Setup;
use support::server::{Authority, Gate, Resource, Server};
use support::squid::Squid;
use support::users::User;

#[test]
fn files_come_through_squid_in_clear_and_through_its_tunnels_and_past_it() {
    let Some(squid) = Squid::start("downloads through Squid", &["files.test"]) else { return };
    let authority = Authority::new();
    let (instance, user) = (Setup::new().trusting(&authority).start(), User::ordinary());
    let (plain, secured) = (Server::http(), Server::https(&authority));
    for server in [&plain, &secured] {
        server.put("/f", Resource::new(FILE));
    }
    let bus = instance.bus(&user);
    let path = instance.directory_of(&user).join("f");
    for (url, bypass) in
        [(behind(&plain, "/f"), ""), (secured.url("/f"), ""), (plain.url("/f"), "127.0.0.0/8")]
    {
        let job = impatient(&bus, through(&squid.entry(), bypass));
        job.add(&url, &path);
        job.resume();
        job.finish();
        FILE.check(&path);
        std::fs::remove_file(&path).unwrap();
    }
    let asked = plain.requests("/f");
    let via: Vec<_> = asked.iter().map(|request| request.field("via").is_some()).collect();
    assert_eq!(via, [true, false], "through it, and past it");
    assert_eq!(secured.requests("/f")[0].field("via"), None, "it saw nothing of this");
    squid.wait_for_line(&["/200 ", " GET ", "http://files.test:"]);
    squid.wait_for_line(&["/200 ", " CONNECT ", &secured.address().to_string()]);
}

#[test]
fn a_download_through_squid_goes_on_from_its_last_byte() {
    let Some(squid) = Squid::start("resuming through Squid", &["files.test"]) else { return };
    let (instance, user, server) = (Setup::new().start(), User::ordinary(), Server::http());
    let gate = std::sync::Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let bus = instance.bus(&user);
    let job = impatient(&bus, through(&squid.entry(), ""));
    let path = instance.directory_of(&user).join("f");
    job.add(&behind(&server, "/f"), &path);
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    job.call("Suspend").unwrap();
    gate.open();
    job.resume();
    job.finish();
    FILE.check(&path);
    assert!(server.requests("/f").last().unwrap().first > 0, "it went on");
}

#[test]
fn what_squid_does_not_allow_or_cannot_reach_is_told_as_what_it_is() {
    let Some(squid) = Squid::start("what Squid refuses", &["gone.test"]) else { return };
    let (instance, user) = (Setup::new().start(), User::ordinary());
    let bus = instance.bus(&user);
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (url, name, code) in [
        ("http://a.no.test/f".to_owned(), "http-403", "0x80190193"),
        ("https://a.no.test/f".to_owned(), "proxy-refused", "0x80190193"),
        (format!("https://gone.test:{closed}/f"), "proxy-refused", "0x801901f7"),
    ] {
        let job = impatient(&bus, through(&squid.entry(), ""));
        job.add(&url, &instance.directory_of(&user).join("f"));
        job.resume();
        assert_eq!(job.wait_for(&["error", "transferred"]), "error", "{url}");
        let error = job.error();
        assert_eq!((error["Name"].as_str(), error["Code"].as_str()), (name, code), "{error:?}");
    }
}
