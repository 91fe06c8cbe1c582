//! Which paths and ports an agent keeps.
//!
//! The file role keeps what its identity may do to *regular files*, everywhere: read, write, make,
//! rename within a directory, delete. It loses running programs, making anything that is not a
//! regular file, moving between directories, and TCP. The signing role keeps reading, everywhere, and
//! nothing else. Libraries for tokens also write in the places that the administrator names: some count
//! wrong PINs there. The network role keeps reading a list of
//! system files, and connecting; it can write nothing and wait on no TCP port.
//!
//! The service keeps its own directories and reads configuration; users' files are none of its
//! business, whatever rights its account may have.
//!
//! We ask for everything up to ABI 6 (Linux 6.12) and take what the kernel has, from ABI 1 (5.13)
//! on. What that was is reported; the seccomp filter closes by itself what Landlock, or an older
//! one, leaves open: sockets, signals, `truncate`, and changes of modes, owners and attributes.

use crate::{Confinement, Demand, SandboxError};
use landlock::{
    ABI, Access, AccessFs, AccessNet, BitFlags, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreated, RulesetCreatedAttr, RulesetError, RulesetStatus, Scope,
    make_bitflags,
};
use rustix::fs::FileType;
use std::path::{Path, PathBuf};

/// What TLS and name resolution read. A link is followed, and its target granted; what is missing
/// is skipped. Directories stand beside single files where programs replace these by renaming.
const READABLE: [&str; 26] = [
    "/etc/ssl",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/pki",
    "/usr/share/pki",
    "/etc/resolv.conf",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/etc/hosts",
    "/etc/host.conf",
    "/etc/nsswitch.conf",
    "/etc/gai.conf",
    "/etc/services",
    "/etc/protocols",
    "/etc/krb5.conf",
    "/etc/krb5.conf.d",
    "/etc/gss",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/etc/localtime",
    "/usr/share/zoneinfo",
    "/dev/urandom",
];

/// What is in force.
pub(crate) struct Enforced {
    /// The ABI used; 0 for none.
    pub(crate) abi: u8,
    /// Everything we asked for.
    pub(crate) full: bool,
}

/// Confines this thread and what it starts.
pub(crate) fn restrict(role: &Confinement, demand: Demand) -> Result<Enforced, SandboxError> {
    let status = match role {
        Confinement::Files => files(),
        Confinement::Sign => sign(),
        Confinement::Token { places } => token(places),
        Confinement::Network { readable } => network(readable),
        Confinement::Service { own, readable, groups } => service(own, readable, groups.as_deref()),
    }
    .and_then(RulesetCreated::restrict_self)
    .map_err(SandboxError::Landlock)?;
    if status.ruleset == RulesetStatus::NotEnforced && demand == Demand::Required {
        return Err(SandboxError::NoLandlock);
    }
    let abi = match status.landlock {
        LandlockStatus::Available { effective_abi, .. } => effective_abi as u8,
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => 0,
    };
    Ok(Enforced { abi, full: status.ruleset == RulesetStatus::FullyEnforced })
}

fn files() -> Result<RulesetCreated, RulesetError> {
    without_network(make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | RemoveFile
    }))
}

/// Keys are wherever their owner says.
fn sign() -> Result<RulesetCreated, RulesetError> {
    without_network(AccessFs::ReadFile | AccessFs::ReadDir)
}

/// The same, and what libraries for tokens write.
fn token(places: &[PathBuf]) -> Result<RulesetCreated, RulesetError> {
    let kept: BitFlags<AccessFs> = make_bitflags!(AccessFs::{ ReadFile | ReadDir | WriteFile | Truncate | MakeReg | IoctlDev });
    places.iter().try_fold(sign()?, |ruleset, place| grant(ruleset, place, kept))
}

/// These rights to files, everywhere.
fn without_network(kept: BitFlags<AccessFs>) -> Result<RulesetCreated, RulesetError> {
    let ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::from_all(ABI::V6))?
        .scope(Scope::from_all(ABI::V6))?
        .create()?;
    grant(ruleset, Path::new("/"), kept)
}

fn network(readable: &[PathBuf]) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(ABI::V6))?
        .create()?;
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    for path in READABLE.iter().map(Path::new).chain(readable.iter().map(AsRef::as_ref)) {
        ruleset = grant(ruleset, path, read)?;
    }
    grant(ruleset, Path::new("/dev/null"), AccessFs::ReadFile | AccessFs::WriteFile)
}

fn service(
    own: &[PathBuf],
    readable: &[PathBuf],
    groups: Option<&Path>,
) -> Result<RulesetCreated, RulesetError> {
    let mut ruleset = Ruleset::default()
        .handle_access(AccessFs::from_all(ABI::V6))?
        .handle_access(AccessNet::from_all(ABI::V6))?
        .scope(Scope::Signal)?
        .create()?;
    let kept: BitFlags<AccessFs> = make_bitflags!(AccessFs::{
        ReadFile | ReadDir | WriteFile | Truncate | MakeReg | MakeSock | RemoveFile
    });
    for path in own {
        ruleset = grant(ruleset, path, kept)?;
    }
    if let Some(path) = groups {
        let kept = make_bitflags!(AccessFs::{ ReadFile | ReadDir | WriteFile | MakeDir });
        ruleset = grant(ruleset, path, kept)?;
    }
    // Names of users and groups, the machine's id; and what SQLite draws its chance from.
    let machine = ["/etc", "/dev/urandom"].map(Path::new);
    for path in machine.into_iter().chain(readable.iter().map(AsRef::as_ref)) {
        ruleset = grant(ruleset, path, AccessFs::ReadFile | AccessFs::ReadDir)?;
    }
    Ok(ruleset)
}

/// Grants rights beneath a path. One that cannot be opened grants nothing, which is on the safe
/// side; on what is not a directory, the rights of directories are left out.
fn grant(
    ruleset: RulesetCreated,
    path: &Path,
    rights: BitFlags<AccessFs>,
) -> Result<RulesetCreated, RulesetError> {
    let Ok(opened) = PathFd::new(path) else {
        return Ok(ruleset);
    };
    let is_dir = rustix::fs::fstat(&opened)
        .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory);
    let rights = if is_dir { rights } else { rights & AccessFs::from_file(ABI::V6) };
    ruleset.add_rule(PathBeneath::new(opened, rights))
}
