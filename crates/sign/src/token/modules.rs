//! The libraries that speak to tokens.
//!
//! Answers one question: *which libraries may be asked for this token?* Whoever may name a library has
//! their code run as every identity of this machine. So it is neither the job's owner nor the service
//! who names them, but the policy file of `ebbd`; a job chooses among these, at most. A file that
//! somebody else could have written is not loaded. One that was loaded stays so: unloading is what
//! libraries of C are worst at.

use super::Wanted;
use crate::key::Unusable;
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use ebb_wire::sign::SignTrouble;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Those that may be loaded, and those that are.
pub(crate) struct Modules {
    allowed: Vec<PathBuf>,
    loaded: Vec<(PathBuf, Pkcs11)>,
}

impl Modules {
    /// These may be.
    pub(crate) fn new(allowed: Vec<PathBuf>) -> Self {
        Self { allowed, loaded: Vec::new() }
    }

    /// All that may know the token, loaded when they are first needed. One that cannot be loaded is
    /// passed over as long as there is another.
    pub(super) fn loaded(&mut self, wanted: &Wanted) -> Result<Vec<Pkcs11>, Unusable> {
        let mut why = None;
        let mut found = Vec::new();
        for path in self.allowed.clone() {
            if !wanted.is_module(&path) {
                continue;
            }
            match self.load(&path) {
                Ok(module) => found.push(module),
                Err(unusable) => {
                    eprintln!("ebb-sign: {}", unusable.detail);
                    why = Some(unusable);
                }
            }
        }
        match (found.is_empty(), why) {
            (false, _) => Ok(found),
            (true, Some(why)) => Err(why),
            (true, None) if self.allowed.is_empty() => {
                Err(missing("this machine's administrator lets none be loaded"))
            }
            (true, None) => Err(missing("the one that is named is none of those that may be")),
        }
    }

    /// Has all of them begin anew; nothing of theirs may be in use.
    pub(super) fn begin_anew(&mut self) {
        self.loaded.retain(|(path, module)| {
            let how = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
            let begun = module.clone().finalize().and_then(|()| module.initialize(how));
            begun.inspect_err(|error| eprintln!("ebb-sign: {}: {error}", path.display())).is_ok()
        });
    }

    fn load(&mut self, path: &Path) -> Result<Pkcs11, Unusable> {
        if let Some((_, module)) = self.loaded.iter().find(|(at, _)| at == path) {
            return Ok(module.clone());
        }
        let no = |what: &str| missing(&format!("{}: {what}", path.display()));
        let about = path.metadata().map_err(|error| no(&error.to_string()))?;
        let ours = rustix::process::geteuid().as_raw();
        if !about.is_file() || ![0, ours].contains(&about.uid()) || about.mode() & 0o022 != 0 {
            return Err(no("it is no file that only root can have written"));
        }
        let module = Pkcs11::new(path).map_err(|error| no(&error.to_string()))?;
        let how = CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK);
        module.initialize(how).map_err(|error| no(&error.to_string()))?;
        self.loaded.push((path.to_owned(), module.clone()));
        Ok(module)
    }
}

fn missing(what: &str) -> Unusable {
    Unusable::new(SignTrouble::ModuleMissing, &format!("libraries for tokens: {what}"))
}
