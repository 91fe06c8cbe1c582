//! The contract, member by member: nothing in the XML is unknown here, and nothing is here that the
//! XML does not have.

use std::cell::Cell;
use std::collections::BTreeSet;

use ebb_api::names;
use ebb_core::id::JobId;
use ebb_core::policy::Policy;
use ebb_core::token::BootId;
use tokio::sync::{broadcast, mpsc};
use zbus::Message;

use super::dispatch::{Call, No, understand};
use super::{Face, Instance, options, values};
use crate::command::JobView;

const JOB: &str = "/org/ebb/Transfer1/job/a7a7a7a7_a7a7_47a7_a7a7_a7a7a7a7a7a7";
const TOKEN_OPTIONS: &str = "/org/ebb/Transfer1/token_options/00112233445566778899aabbccddeeff";

fn face() -> Face {
    Face {
        instance: Instance::System,
        policy: Policy::default(),
        boot: BootId(String::new()),
        outbox: mpsc::unbounded_channel().0,
        notices: broadcast::channel(1).0,
        next_connection: Cell::new(1),
    }
}

fn call(path: &str, interface: &str, member: &str) -> Result<Call, No> {
    let path = path.to_owned();
    let message = Message::method_call(path, member.to_owned())
        .interface(interface.to_owned())
        .build(&())
        .unwrap();
    understand(&message, &face())
}

/// The names after `<KIND name="` in the contract.
fn named(xml: &str, kind: &str) -> BTreeSet<String> {
    let opening = format!("<{kind} name=\"");
    let rest = xml.split(opening.as_str()).skip(1);
    rest.filter_map(|part| part.split('"').next()).map(str::to_owned).collect()
}

fn objects() -> [(&'static str, &'static str, &'static str); 3] {
    [
        (names::MANAGER_PATH, names::MANAGER, names::MANAGER_XML),
        (JOB, names::JOB, names::JOB_XML),
        (TOKEN_OPTIONS, names::TOKEN_OPTIONS, names::TOKEN_OPTIONS_XML),
    ]
}

#[test]
fn every_method_of_the_contract_is_understood() {
    for (path, interface, xml) in objects() {
        let methods = named(xml, "method");
        assert!(!methods.is_empty());
        for method in methods {
            let understood = call(path, interface, &method);
            assert!(!matches!(understood, Err(No::Unknown(..))), "{interface}.{method}");
        }
    }
}

#[test]
fn a_method_is_known_on_its_own_object_and_interface_only() {
    for (path, interface, _) in objects() {
        for (_, other, xml) in objects().into_iter().filter(|(_, other, _)| *other != interface) {
            for method in named(xml, "method") {
                let strange = call(path, other, &method);
                assert!(matches!(strange, Err(No::Unknown("Interface", _))), "{other}.{method}");
            }
        }
        assert!(matches!(call(path, interface, "Nonsense"), Err(No::Unknown("Method", _))));
    }
}

#[test]
fn paths_that_name_nothing_are_unknown_objects() {
    for path in [
        "/elsewhere",
        "/org/ebb/Transfer1/job/x",
        "/org/ebb/Transfer1/job/A7A7A7A7_A7A7_47A7_A7A7_A7A7A7A7A7A7",
        "/org/ebb/Transfer1/token_options/short",
    ] {
        let strange = call(path, names::JOB, "Cancel");
        assert!(matches!(strange, Err(No::Unknown("Object", _))), "{path}");
    }
}

#[test]
fn arguments_that_do_not_fit_are_refused_before_anybody_is_asked() {
    let message =
        Message::method_call(JOB, "Cancel").interface(names::JOB).build(&("force",)).unwrap();
    assert!(matches!(understand(&message, &face()), Err(No::Arguments)));
}

fn view() -> JobView {
    JobView {
        id: JobId::from_random([0; 16]),
        terms: ebb_core::job::Terms::named("x").unwrap(),
        state: "queued",
        reason: "",
        owner: 0,
        created: 0,
        modified: 0,
        transferred: 0,
        next_attempt: 0,
        files_total: 0,
        files_transferred: 0,
        bytes_total: None,
        bytes_transferred: 0,
        error_count: 0,
        helper: None,
        helper_flags: 0,
        attempts: 0,
        last_event: 0,
    }
}

#[test]
fn a_jobs_properties_are_those_of_the_contract_with_its_types() {
    let view = view();
    let told = values::job(&view);
    let names_told: BTreeSet<String> = told.keys().map(|name| (*name).to_owned()).collect();
    assert_eq!(names_told, named(names::JOB_XML, "property"));
    for (name, value) in &told {
        let kind = value.value_signature().to_string();
        let line = format!("<property name=\"{name}\" type=\"{kind}\"");
        assert!(names::JOB_XML.contains(&line), "{line}");
    }
}

#[test]
fn exactly_the_properties_that_the_contract_calls_so_can_be_written() {
    for name in named(names::JOB_XML, "property") {
        let told = values::job(&view()).remove(name.as_str()).unwrap().try_to_owned().unwrap();
        let writable = !matches!(
            options::property(&name, &told),
            Err(ebb_core::refusal::Refusal::ReadOnlyProperty)
        );
        let line = names::JOB_XML.lines().find(|l| l.contains(&format!("name=\"{name}\" type")));
        assert_eq!(line.unwrap().contains("readwrite"), writable, "{name}");
    }
}
