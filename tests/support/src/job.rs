//! One job, as a test drives it over D-Bus.
//!
//! Thin on purpose: every method is one call of the contract, and what comes back is what was said.
//! Methods named `try_…` return the refusal; the others fail the test on one.

use crate::bus::{Bus, JOB, MANAGER, MANAGER_PATH, No, Options, TOKEN_OPTIONS};
use crate::instance::Instance;
use crate::users::User;
use std::collections::HashMap;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use zbus::{OwnedObjectPath, OwnedVariant, Variant};

/// The flag for local files.
pub const LOCAL_FILE: u32 = 1;
/// The flag for the network.
pub const NETWORK: u32 = 2;
/// The flag for client certificates.
pub const CLIENT_CERTIFICATE: u32 = 4;

/// States in which a job does nothing any more until it is told to.
pub const AT_REST: [&str; 5] = ["suspended", "error", "transferred", "acknowledged", "cancelled"];

/// A job, seen over one connection.
#[derive(Debug)]
pub struct Job<'a> {
    /// The connection it is driven over.
    pub bus: &'a Bus,
    /// Its object path.
    pub path: String,
    /// Its id.
    pub id: String,
}

/// What `GetFiles` says of a file, as far as tests look at it.
#[derive(Debug)]
pub struct FileSeen {
    /// Bytes that survive a crash.
    pub durable: u64,
    /// Bytes so far.
    pub transferred: u64,
    /// Name of the temporary file.
    pub temporary: Vec<u8>,
}

impl<'a> Job<'a> {
    /// Makes a job: suspended, empty.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[must_use]
    pub fn create(bus: &'a Bus, name: &str) -> Self {
        Self::create_with(bus, name, &Options::new())
    }

    /// The same with options.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[must_use]
    pub fn create_with(bus: &'a Bus, name: &str, options: &Options<'_>) -> Self {
        let made = bus.ask(MANAGER_PATH, MANAGER, "CreateJob", &(name, "download", options));
        let (id, path): (String, OwnedObjectPath) = made.expect("a job can be made");
        Self { bus, path: path.to_string(), id }
    }

    /// The same job over another connection.
    #[must_use]
    pub fn over<'b>(&self, bus: &'b Bus) -> Job<'b> {
        Job { bus, path: self.path.clone(), id: self.id.clone() }
    }

    /// Adds a file.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn try_add(&self, url: &str, path: &Path) -> Result<u32, No> {
        let files = [(url, path.as_os_str().as_bytes(), Options::new())];
        self.bus.ask(&self.path, JOB, "AddFiles", &(files.as_slice(),))
    }

    /// Adds a file, which has to work.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub fn add(&self, url: &str, path: &Path) {
        let added = self.try_add(url, path);
        added.unwrap_or_else(|no| panic!("{url} to {path:?}: {no:?}"));
    }

    /// Calls one of the job's methods that take nothing.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn call(&self, method: &str) -> Result<(), No> {
        self.bus.call(&self.path, JOB, method, &()).map(|_| ())
    }

    /// Resumes it, which has to work.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub fn resume(&self) {
        self.call("Resume").expect("the job can be resumed");
    }

    /// One of its properties.
    ///
    /// # Panics
    ///
    /// When it cannot be read.
    #[must_use]
    pub fn property<T>(&self, name: &str) -> T
    where
        T: TryFrom<OwnedVariant>,
        T::Error: std::fmt::Debug,
    {
        self.bus.property(&self.path, JOB, name).expect("the property can be read")
    }

    /// Sets a property.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn set(&self, name: &str, value: Variant<'_>) -> Result<(), No> {
        let properties = "org.freedesktop.DBus.Properties";
        self.bus.call(&self.path, properties, "Set", &(JOB, name, value)).map(|_| ())
    }

    /// Its state.
    #[must_use]
    pub fn state(&self) -> String {
        self.property("State")
    }

    /// Waits until it is in one of these states, and says in which.
    ///
    /// # Panics
    ///
    /// When it does not get there, or the service goes away.
    pub fn wait_for(&self, states: &[&str]) -> String {
        let reached = self.bus.wait_for_state(&self.path, |state| states.contains(&state));
        reached.expect("the service stays")
    }

    /// Waits until it has received so many bytes, durable or not.
    ///
    /// # Panics
    ///
    /// When it does not get there.
    pub fn wait_for_bytes(&self, bytes: u64) {
        let enough = |job: &Self| job.property::<u64>("BytesTransferred") >= bytes;
        let waited = self.bus.wait_until(&format!("{bytes} bytes"), || enough(self).then_some(()));
        waited.expect("the service stays");
    }

    /// Waits until all files are transferred, and completes it.
    ///
    /// # Panics
    ///
    /// When it comes to rest elsewhere, with its error.
    pub fn finish(&self) {
        let state = self.wait_for(&AT_REST);
        assert_eq!(state, "transferred", "{:?}", self.error());
        self.call("Complete").expect("a transferred job can be completed");
    }

    /// Its error object: text fields by name.
    #[must_use]
    pub fn error(&self) -> HashMap<String, String> {
        let asked = self.bus.ask(&self.path, JOB, "GetError", &());
        let fields: HashMap<String, OwnedVariant> = asked.unwrap_or_default();
        let text = |value: OwnedVariant| {
            String::try_from(value.try_clone().expect("no descriptor in it"))
                .or_else(|_| u32::try_from(value).map(|number| format!("{number:#x}")))
        };
        let pairs = fields.into_iter();
        pairs.filter_map(|(name, value)| Some((name, text(value).ok()?))).collect()
    }

    /// The symbolic name of its error.
    #[must_use]
    pub fn error_name(&self) -> String {
        self.error().remove("Name").unwrap_or_default()
    }

    /// Its files.
    ///
    /// # Panics
    ///
    /// When they cannot be read or lack something the contract promises.
    #[must_use]
    pub fn files(&self) -> Vec<FileSeen> {
        self.try_files().expect("the files can be read")
    }

    /// Its files.
    ///
    /// # Errors
    ///
    /// The refusal, or that nobody answers any more.
    ///
    /// # Panics
    ///
    /// When they lack something the contract promises.
    pub fn try_files(&self) -> Result<Vec<FileSeen>, No> {
        type Page = (Vec<HashMap<String, OwnedVariant>>, u32);
        let (files, _): Page = self.bus.ask(&self.path, JOB, "GetFiles", &(0_u32, 1000_u32))?;
        Ok(files.into_iter().map(|mut file| FileSeen::from(&mut file)).collect())
    }

    /// Opens its token options.
    ///
    /// # Errors
    ///
    /// The refusal.
    pub fn open_token_options(&self) -> Result<String, No> {
        let opened = self.bus.ask(&self.path, JOB, "OpenTokenOptions", &());
        opened.map(|path: OwnedObjectPath| path.to_string())
    }

    /// Lends `helper`'s identity for `flags`, the two in the order the rules want.
    ///
    /// # Panics
    ///
    /// When any of it is refused.
    pub fn lend(&self, instance: &Instance, helper: &User, flags: u32) {
        let options = self.open_token_options().expect("the owner may open them");
        let as_helper = instance.bus(helper);
        as_helper.call(&options, TOKEN_OPTIONS, "SetHelperToken", &()).expect("it may be lent");
        self.set_flags(&options, flags);
        self.bus.call(&options, TOKEN_OPTIONS, "Close", &()).expect("they can be closed");
    }

    /// Sets the flags over open token options.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub fn set_flags(&self, options: &str, flags: u32) {
        let set = self.bus.call(options, TOKEN_OPTIONS, "SetHelperTokenFlags", &flags);
        set.expect("the flags can be set");
    }
}

impl FileSeen {
    fn from(file: &mut HashMap<String, OwnedVariant>) -> Self {
        let mut take = |name: &str| file.remove(name).unwrap_or_else(|| panic!("no {name}"));
        Self {
            durable: take("BytesDurable").try_into().expect("a number"),
            transferred: take("BytesTransferred").try_into().expect("a number"),
            temporary: take("TemporaryName").try_into().expect("bytes"),
        }
    }
}
