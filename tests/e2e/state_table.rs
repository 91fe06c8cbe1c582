//! Promise: the table of states and operations in `docs/state-table.md` is what the running service
//! answers.
//!
//! Every state is brought about for real, with a job of its own for each cell: a server that does
//! not answer for `connecting`, one that stops half-way for `transferring`, a 503 for
//! `transient-error`, a 404 for `error`. Then the operation is called over D-Bus, and what came of
//! it is written down. With `EBB_REGENERATE` set the page is written anew instead of compared.

use std::net::TcpListener;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use support::bus::{Bus, JOB, MANAGER, MANAGER_PATH, No, Options};
use support::content::Content;
use support::instance::{Instance, Setup};
use support::job::Job;
use support::server::{Gate, Lie, Resource, Server};
use support::users::{User, needs_root};
use zbus::Variant;

const FILE: Content = Content::new(81, 100_000);

/// The rows: states as the world is told them, some with what makes a difference.
const ROWS: [&str; 13] = [
    "suspended, no file",
    "suspended",
    "suspended, out of error",
    "queued",
    "connecting",
    "transferring",
    "transient-error",
    "error",
    "transferred",
    "transferred, file added",
    "transferred, Complete failed",
    "acknowledged",
    "cancelled",
];

const STEERING: [&str; 4] = ["Resume", "Suspend", "Complete", "Cancel"];
const CHANGING: [&str; 5] =
    ["AddFiles", "setters", "SetRemoteName", "ReplaceRemotePrefix", "OpenTokenOptions"];
const READING: [&str; 6] =
    ["GetError", "GetErrorFile", "GetErrorProtocol", "GetJob", "properties", "GetFiles"];

/// Everything the cells are made with.
struct Stage {
    instance: Instance,
    owner: Bus,
    server: Server,
    /// Takes connections and says nothing.
    silent: TcpListener,
    directory: PathBuf,
    files: std::cell::Cell<u32>,
}

impl Stage {
    fn new() -> Self {
        let setup = Setup::new().config("background-slots = 1").config("jobs-per-user = 1000");
        let instance = setup.config("jobs-per-machine = 2000").start();
        let directory = instance.scratch().join("everybodys");
        std::fs::create_dir(&directory).unwrap();
        std::fs::set_permissions(&directory, std::fs::Permissions::from_mode(0o777)).unwrap();
        let server = Server::http();
        server.put("/f", Resource::new(FILE));
        let gate = Arc::new(Gate::after(0));
        server.put("/half", Resource::new(FILE).through(&gate));
        server.put("/unavailable", Resource::new(FILE).always(Lie::Status(503, vec![])));
        let owner = instance.bus(&User::alice());
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        Self { instance, owner, server, silent, directory, files: std::cell::Cell::new(0) }
    }

    fn silent_url(&self) -> String {
        format!("http://{}/f", self.silent.local_addr().unwrap())
    }

    fn destination(&self) -> PathBuf {
        self.files.set(self.files.get() + 1);
        self.directory.join(format!("f{}", self.files.get()))
    }

    /// A job of one file, or of none.
    fn job(&self, priority: &str, url: Option<&str>) -> Job<'_> {
        let job =
            Job::create_with(&self.owner, "x", &Options::from([("priority", priority.into())]));
        if let Some(url) = url {
            job.add(url, &self.destination());
        }
        job
    }

    fn resumed(&self, priority: &str, url: &str, until: &str) -> Job<'_> {
        let job = self.job(priority, Some(url));
        job.resume();
        job.wait_for(&[until]);
        job
    }

    /// Keeps the background slot for as long as the stage stands.
    fn block_the_background(&self) {
        self.resumed("high", &self.silent_url(), "connecting");
    }

    fn bring_about(&self, row: &str) -> Job<'_> {
        let (file, missing) = (self.server.url("/f"), self.server.url("/missing"));
        match row {
            "suspended, no file" => self.job("foreground", None),
            "suspended" => self.job("foreground", Some(&file)),
            "suspended, out of error" => {
                let job = self.resumed("foreground", &missing, "error");
                job.call("Suspend").unwrap();
                job
            }
            "queued" => self.resumed("low", &file, "queued"),
            "connecting" => self.resumed("foreground", &self.silent_url(), "connecting"),
            "transferring" => self.resumed("foreground", &self.server.url("/half"), "transferring"),
            "transient-error" => {
                self.resumed("foreground", &self.server.url("/unavailable"), "transient-error")
            }
            "error" => self.resumed("foreground", &missing, "error"),
            "transferred" => self.resumed("foreground", &file, "transferred"),
            "transferred, file added" => {
                let job = self.resumed("foreground", &file, "transferred");
                job.add(&file, &self.destination());
                job
            }
            "transferred, Complete failed" => self.complete_failed(&file),
            "acknowledged" => {
                let job = self.resumed("foreground", &file, "transferred");
                job.call("Complete").unwrap();
                job
            }
            "cancelled" => {
                let job = self.job("foreground", Some(&file));
                job.call("Cancel").unwrap();
                job
            }
            _ => panic!("{row} is no row"),
        }
    }

    fn complete_failed(&self, url: &str) -> Job<'_> {
        let (job, path) = (self.job("foreground", None), self.destination());
        let keep = Options::from([("no-clobber", true.into())]);
        let files = [(url, path.as_os_str().as_bytes(), keep)];
        job.bus.call(&job.path, JOB, "AddFiles", &(files.as_slice(),)).unwrap();
        std::fs::write(&path, "somebody else's").unwrap();
        job.resume();
        job.wait_for(&["transferred"]);
        job.call("Complete").unwrap_err();
        job
    }

    /// One cell: an operation on a fresh job in this state, and what came of it.
    fn cell(&self, row: &str, operation: &str) -> String {
        let job = self.bring_about(row);
        // Where Resume queues the job, it is to stay there long enough to be seen.
        let runs = ["queued", "connecting", "transferring", "acknowledged", "cancelled"];
        if operation == "Resume" && !runs.contains(&row) {
            job.set("Priority", Variant::from("low")).unwrap();
        }
        let before = job.state();
        assert!(row.starts_with(&before), "{row}: {before}");
        let done = self.call(&job, operation);
        let after = if STEERING.contains(&operation) { job.state() } else { before.clone() };
        let told = match done {
            Ok(outcome) if outcome.is_empty() => "ok".to_owned(),
            Ok(outcome) => outcome,
            Err(no) => {
                assert!(!no.sentence.is_empty() && !no.advice.is_empty(), "{row}: {no:?}");
                hyphens(&no.name)
            }
        };
        let _ = job.call("Cancel");
        if after == before { told } else { format!("{told} → {after}") }
    }

    fn call(&self, job: &Job<'_>, operation: &str) -> Result<String, No> {
        let url = self.server.url("/f");
        let quiet = |answer: Result<_, No>| answer.map(|_| String::new());
        match operation {
            "Resume" | "Suspend" => job.call(operation).map(|()| String::new()),
            "Complete" | "Cancel" => job.bus.ask(&job.path, JOB, operation, &()),
            "AddFiles" => job.try_add(&url, &self.destination()).map(|_| String::new()),
            "setters" => set_everything(job),
            "SetRemoteName" => {
                quiet(job.bus.call(&job.path, JOB, operation, &(0_u32, url.as_str())))
            }
            "ReplaceRemotePrefix" => {
                quiet(job.bus.call(&job.path, JOB, operation, &("http://127", "http://127")))
            }
            "OpenTokenOptions" => job.open_token_options().map(|_| String::new()),
            "TakeOwnership" => {
                let administrator = self.instance.bus(&User::carol());
                job.over(&administrator).call(operation).map(|()| String::new())
            }
            "GetError" => {
                job.bus.call(&job.path, JOB, operation, &())?;
                Ok(job.error_name())
            }
            "GetErrorFile" => {
                let (index, _, _): (u32, String, Vec<u8>) =
                    job.bus.ask(&job.path, JOB, operation, &())?;
                Ok(format!("file {index}"))
            }
            "GetErrorProtocol" => job.bus.ask(&job.path, JOB, operation, &()),
            "GetJob" => quiet(job.bus.call(MANAGER_PATH, MANAGER, operation, &job.id.as_str())),
            "properties" => {
                let properties = "org.freedesktop.DBus.Properties";
                quiet(job.bus.call(&job.path, properties, "GetAll", &JOB))
            }
            "GetFiles" => quiet(job.bus.call(&job.path, JOB, operation, &(0_u32, 9_u32))),
            _ => panic!("{operation} is no operation"),
        }
    }

    fn table(&self, columns: &[&str]) -> String {
        let mut text =
            format!("| state | {} |\n|---|{}\n", columns.join(" | "), "---|".repeat(columns.len()));
        for row in ROWS {
            let cells: Vec<String> = columns.iter().map(|column| self.cell(row, column)).collect();
            text.push_str(&format!("| {row} | {} |\n", cells.join(" | ")));
        }
        text
    }
}

/// Sets every property an owner may set; they answer alike.
fn set_everything(job: &Job<'_>) -> Result<String, No> {
    let answers = [
        job.set("DisplayName", Variant::from("y")),
        job.set("Description", Variant::from("z")),
        job.set("MinimumRetryDelay", Variant::from(700_u32)),
        job.set("NoProgressTimeout", Variant::from(7000_u32)),
        job.set("MaximumDownloadTime", Variant::from(7000_u32)),
        job.set("AutoComplete", Variant::from(false)),
        job.set("Priority", Variant::from("high")),
    ];
    let [first, others @ ..] = answers;
    for other in others {
        assert_eq!(other, first, "one answer for all properties");
    }
    first.map(|()| String::new())
}

/// `InvalidState` is `invalid-state`.
fn hyphens(name: &str) -> String {
    let mut text = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !text.is_empty() {
            text.push('-');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text
}

fn page(stage: &Stage) -> String {
    let head = include_str!("state_table.md");
    let [steering, changing, reading] = [&STEERING[..], &CHANGING, &READING];
    let tables =
        [steering, changing, &["TakeOwnership"], reading].map(|columns| stage.table(columns));
    let mut page = head.to_owned();
    for (number, table) in (1..).zip(tables) {
        page = page.replace(&format!("{{table {number}}}\n"), &table);
    }
    page
}

#[test]
fn the_table_of_states_and_operations_is_what_the_running_service_answers() {
    if !needs_root("the table of states and operations") {
        return;
    }
    let stage = Stage::new();
    stage.block_the_background();
    let page = page(&stage);
    let top = PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf();
    let path = top.join("docs/state-table.md");
    if std::env::var_os("EBB_REGENERATE").is_some() {
        return std::fs::write(&path, page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differ = written.lines().zip(page.lines()).filter(|(old, new)| old != new);
    let differ: Vec<_> = differ.collect();
    assert!(differ.is_empty(), "`make tables` writes the page anew: {differ:#?}");
    assert_eq!(written, page);
}
