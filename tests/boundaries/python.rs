//! Whether the Python module knows every name of the contract.
//!
//! Its own tests compare types, too, but need Python; this one sees at once that a method, a signal or
//! a property was added to the XML, and says what to add where.

use std::fs;
use std::path::PathBuf;

fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The names of all elements of this kind in an interface.
fn names<'a>(xml: &'a str, element: &str) -> Vec<&'a str> {
    let begin = format!("<{element} name=\"");
    xml.split(&begin).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn whatever_is_added_to_the_contract_is_added_to_the_python_module() {
    let table = read("python/src/ebb/_contract.py");
    let attributes = read("python/src/ebb/job.py") + &read("python/src/ebb/client.py");
    let mut seen = 0;
    for interface in ["Manager", "Job", "TokenOptions"] {
        let xml = read(&format!("crates/api/interfaces/org.ebb.Transfer1.{interface}.xml"));
        for name in names(&xml, "method").into_iter().chain(names(&xml, "signal")) {
            assert!(
                table.contains(&format!("\"{name}\": (")),
                "{interface}.{name} is new: add a line to METHODS or SIGNALS in \
                 python/src/ebb/_contract.py, and the function or class it names beside its kin"
            );
            seen += 1;
        }
        for name in names(&xml, "property") {
            assert!(
                attributes.contains(&format!("\"{name}\"")),
                "{interface}.{name} is new: add an attribute to the class in python/src/ebb/job.py \
                 (and its name to JobInfo in records.py, and to create_job if it can be set)"
            );
            seen += 1;
        }
    }
    assert!(seen > 80, "the check sees what it looks for");
}
