//! Promise: no process but `ebb-files` opens a path under the destination directory, and none but
//! `ebb-net` connects to an inet address. Shown by a trace of the system calls of the whole
//! instance during a job, from start to end.

use support::content::Content;
use support::instance::Setup;
use support::job::{Job, NETWORK};
use support::server::{Resource, Server};
use support::users::{User, needs_root};

/// System calls by which a process gets at something by its name, or at the network.
const TRACED: &str = "open,openat,openat2,creat,truncate,rename,renameat,renameat2,link,linkat,\
    symlink,symlinkat,unlink,unlinkat,mkdir,mkdirat,mknod,mknodat,chmod,fchmodat,chown,lchown,\
    fchownat,chdir,readlink,readlinkat,connect,sendto,bind,execve";

/// The name of the process a line of the trace is about: `PID<name> call(...)`.
fn process(line: &str) -> &str {
    line.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(name, _)| name)
}

/// The call of a line of the trace.
fn call(line: &str) -> &str {
    let rest = line.split_once("> ").map_or(line, |(_, rest)| rest);
    rest.split('(').next().unwrap_or_default().trim()
}

#[test]
fn only_the_file_agent_opens_the_destination_and_only_the_network_agent_connects() {
    if !needs_root("a trace of everything") {
        return;
    }
    let trace = support::scratch::scratch_directory();
    let file = trace.join("trace");
    let tracer = [
        "strace",
        "--follow-forks",
        "--quiet=all",
        "--decode-pids=comm",
        "--decode-fds=path",
        "--string-limit=400",
        "--output",
        file.to_str().unwrap(),
        "--trace",
        TRACED,
    ];
    let mut instance = Setup::new().under(&tracer).start();
    let server = Server::http();
    let content = Content::new(41, 2_000_000);
    server.put("/f", Resource::new(content));
    let alice = User::alice();
    let directory = instance.directory_of(&alice);
    {
        let bus = instance.bus(&alice);
        let job = Job::create(&bus, "traced");
        job.lend(&instance, &User::bob(), NETWORK);
        job.add(&server.url("/f"), &directory.join("f"));
        job.resume();
        job.finish();
    }
    content.check(&directory.join("f"));
    instance.terminate();
    let lines = std::fs::read_to_string(&file).unwrap();
    judge(&lines, directory.to_str().unwrap());
    std::fs::remove_dir_all(&trace).unwrap();
}

fn judge(trace: &str, directory: &str) {
    let (mut opened, mut connected) = (0, 0);
    for line in trace.lines() {
        // A process is named anew by execve; the call itself still bears the old name.
        let executes = call(line) == "execve";
        let inside = !executes && line.contains(directory);
        let inet = call(line) == "connect" && line.contains("AF_INET");
        assert!(!inside || process(line) == "ebb-files", "{line}");
        assert!(!inet || process(line) == "ebb-net", "{line}");
        opened += usize::from(inside);
        connected += usize::from(inet);
    }
    // The trace must have seen what it was made for.
    assert!(opened >= 2, "no open of the destination in the trace:\n{trace}");
    assert!(connected >= 1, "no connect in the trace:\n{trace}");
}
