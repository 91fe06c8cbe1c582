//! Promise: the terms of a job hold while it runs, and change at once when they are changed.

use std::sync::Arc;
use support::content::Content;
use support::instance::Instance;
use support::job::Job;
use support::server::{Gate, Resource, Server};
use support::users::User;
use zbus::Variant;

const FILE: Content = Content::new(71, 400_000);

/// A job whose server has stopped in the middle of its file.
fn halfway<'a>(
    instance: &Instance,
    server: &Server,
    bus: &'a support::bus::Bus,
) -> (Arc<Gate>, Job<'a>) {
    let gate = Arc::new(Gate::after(FILE.size / 2));
    server.put("/f", Resource::new(FILE).through(&gate));
    let job = Job::create(bus, "halfway");
    job.add(&server.url("/f"), &instance.directory_of(&User::ordinary()).join("f"));
    job.resume();
    job.wait_for_bytes(FILE.size / 2);
    (gate, job)
}

#[test]
fn a_job_that_has_run_as_long_as_it_may_stops_and_goes_on_after_resume() {
    let (instance, server) = (Instance::start(), Server::http());
    let bus = instance.bus(&User::ordinary());
    let (gate, job) = halfway(&instance, &server, &bus);
    let none = job.set("MaximumDownloadTime", Variant::from(0_u32)).unwrap_err();
    assert_eq!(none.name, "InvalidArgument");
    assert_eq!(job.property::<u32>("MaximumDownloadTime"), 7_776_000);
    job.set("MaximumDownloadTime", Variant::from(1_u32)).unwrap();
    assert_eq!(job.wait_for(&["error"]), "error");
    let error = job.error();
    assert_eq!(error["Name"], "max-download-time");
    assert_eq!(error["Code"], "0x80200054");
    assert_eq!(error["Context"], "general-queue-manager");
    job.set("MaximumDownloadTime", Variant::from(3600_u32)).unwrap();
    gate.open();
    job.resume();
    job.finish();
    FILE.check(&instance.directory_of(&User::ordinary()).join("f"));
    let last = server.log().last().map(|request| request.from);
    assert_eq!(last, Some(FILE.size / 2), "what was there is kept");
}
