//! The functions of the machine's GSSAPI library (RFC 2744, as `libgssapi_krb5.so.2` has them).
//!
//! The only `unsafe` of this crate. Everything with a meaning is outside; here: nine functions, two
//! shapes of memory, and that everything the library gives is given back to it. What we trust: the
//! library to be what RFC 2744 says, and its owner, who is the machine's. What must hold is said at
//! each block; what they share:
//!
//! * **a pointer to a buffer we pass** points to memory that outlives the call, and the library only
//!   reads it (RFC 2744, 3.2);
//! * **a buffer the library fills** is empty before and given back with `gss_release_buffer`;
//! * **functions live as long as the library**, and that is never unloaded: it is held by every
//!   value that can call one.

use crate::GssError;
use libloading::os::unix::{Library as Handle, RTLD_LOCAL, RTLD_NOW, Symbol};
use std::ffi::{CStr, c_char, c_void};
use std::fmt;
use std::ptr::{null, null_mut};
use std::sync::Arc;

/// Where every distribution has it; the number is that of its interface, unchanged since 2001.
const NAME: &str = "libgssapi_krb5.so.2";

type Status = u32;
type Handled = *mut c_void;

const COMPLETE: Status = 0;
const CONTINUE_NEEDED: Status = 1;
/// The bits of an error, not of a hint.
const ERRORS: Status = 0xffff_0000;
const MUTUAL: u32 = 2;
const REPLAY: u32 = 4;
/// To begin talks, not to be begun with.
const INITIATE: i32 = 1;
const INDEFINITE: u32 = u32::MAX;
const OF_LIBRARY: i32 = 1;
const OF_MECHANISM: i32 = 2;
/// The most lines of one explanation.
const MOST_LINES: usize = 4;
/// A message of either side is at most as long as the head of an answer.
const MOST_BYTES: usize = 64 * 1024;

/// Memory with a length (`gss_buffer_desc`).
#[repr(C)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

/// What a talk is tied to (`gss_channel_bindings_struct`): no addresses, and the rest.
#[repr(C)]
struct Bindings {
    initiator_type: u32,
    initiator: Buffer,
    acceptor_type: u32,
    acceptor: Buffer,
    data: Buffer,
}

/// The name of a kind (`gss_OID_desc`).
#[repr(C)]
struct Oid {
    length: u32,
    elements: *const u8,
}

/// Kinds of something (`gss_OID_set_desc`).
#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

/// 1.3.6.1.5.5.2: whatever both sides have.
const SPNEGO: [u8; 6] = [0x2b, 0x06, 0x01, 0x05, 0x05, 0x02];
/// 1.2.840.113554.1.2.1.4: a service at a host.
const HOST_BASED: [u8; 10] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x04];
/// 1.2.840.113554.1.2.1.1: a user.
const USER_NAME: [u8; 10] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x01, 0x01];

type ImportName =
    unsafe extern "C" fn(*mut Status, *const Buffer, *const Oid, *mut Handled) -> Status;
type ReleaseBuffer = unsafe extern "C" fn(*mut Status, *mut Buffer) -> Status;
type Release = unsafe extern "C" fn(*mut Status, *mut Handled) -> Status;
type DeleteContext = unsafe extern "C" fn(*mut Status, *mut Handled, *mut Buffer) -> Status;
type DisplayStatus =
    unsafe extern "C" fn(*mut Status, Status, i32, *const Oid, *mut Status, *mut Buffer) -> Status;
type CacheName = unsafe extern "C" fn(*mut Status, *const c_char, *mut *const c_char) -> Status;
type AcquireWithPassword = unsafe extern "C" fn(
    *mut Status,
    Handled,
    *const Buffer,
    u32,
    *const OidSet,
    i32,
    *mut Handled,
    *mut *mut OidSet,
    *mut u32,
) -> Status;
type InitContext = unsafe extern "C" fn(
    *mut Status,
    Handled,
    *mut Handled,
    Handled,
    *const Oid,
    u32,
    u32,
    *const Bindings,
    *const Buffer,
    *mut *const Oid,
    *mut Buffer,
    *mut u32,
    *mut u32,
) -> Status;

/// The library's functions.
struct Functions {
    import_name: Symbol<ImportName>,
    release_buffer: Symbol<ReleaseBuffer>,
    release_name: Symbol<Release>,
    release_credentials: Symbol<Release>,
    delete_context: Symbol<DeleteContext>,
    display_status: Symbol<DisplayStatus>,
    cache_name: Symbol<CacheName>,
    acquire_with_password: Symbol<AcquireWithPassword>,
    init_context: Symbol<InitContext>,
    /// Last, so that it goes last: the functions are in it.
    _handle: Handle,
}

/// The library, loaded.
#[derive(Clone)]
pub(crate) struct Library(Arc<Functions>);

/// A talk under way.
pub(crate) struct Security {
    library: Library,
    target: Owned,
    credentials: Option<Owned>,
    binding: Option<Vec<u8>>,
    context: Handled,
}

/// What one step came to.
pub(crate) struct Outcome {
    pub(crate) message: Vec<u8>,
    pub(crate) done: bool,
}

/// A name, or credentials, that is given back.
struct Owned {
    library: Library,
    handle: Handled,
    is_name: bool,
}

/// A buffer the library fills, given back.
struct Filled {
    library: Library,
    buffer: Buffer,
}

// SAFETY: `Security` and what it owns hold pointers to what the library made for them alone. The
// library may be used from any thread as long as two do not use one object at a time (MIT Kerberos,
// "thread safety"); nothing here is shared, for `step` wants `&mut self`.
// JUSTIFICATION: calls block, so each is made on a thread of its own, and the talk goes there with it.
unsafe impl Send for Security {}

impl Library {
    pub(crate) fn load() -> Result<Self, GssError> {
        // SAFETY: loading runs the library's constructors, which only set its own tables up; it is
        // found by its name in the system's directories, which are the machine's owner's.
        // JUSTIFICATION: linking it would keep us from starting where it is not installed.
        let handle = unsafe { Handle::open(Some(NAME), RTLD_NOW | RTLD_LOCAL) };
        let handle = handle.map_err(|_| GssError::NoLibrary)?;
        macro_rules! function {
            ($name:literal) => {
                // SAFETY: the type is that of RFC 2744 (and of `gssapi_krb5.h` and `gssapi_ext.h`)
                // for a function of this name, and the symbol stays with its library.
                // JUSTIFICATION: a function found at run time has the type one says it has.
                unsafe { handle.get($name) }.map_err(|_| GssError::NoLibrary)?
            };
        }
        Ok(Self(Arc::new(Functions {
            import_name: function!(b"gss_import_name\0"),
            release_buffer: function!(b"gss_release_buffer\0"),
            release_name: function!(b"gss_release_name\0"),
            release_credentials: function!(b"gss_release_cred\0"),
            delete_context: function!(b"gss_delete_sec_context\0"),
            display_status: function!(b"gss_display_status\0"),
            cache_name: function!(b"gss_krb5_ccache_name\0"),
            acquire_with_password: function!(b"gss_acquire_cred_with_password\0"),
            init_context: function!(b"gss_init_sec_context\0"),
            _handle: handle,
        })))
    }

    pub(crate) fn default_cache(&self) -> Result<String, GssError> {
        let (mut minor, mut name) = (0, null());
        // SAFETY: both pointers are to locals that outlive the call. Without a name to set, nothing
        // is set, and what is there is told: a string of C that the library keeps for this thread
        // until the function is called again, so it is copied before that.
        // JUSTIFICATION: a function of C.
        let name = unsafe {
            let major = (self.0.cache_name)(&raw mut minor, null(), &raw mut name);
            self.unless_failed(major, minor)?;
            if name.is_null() {
                return Err(GssError::Library("it does not say where tickets are".to_owned()));
            }
            CStr::from_ptr(name)
        };
        Ok(name.to_string_lossy().into_owned())
    }

    fn import(&self, text: &[u8], kind: &'static [u8]) -> Result<Owned, GssError> {
        let (mut minor, mut handle) = (0, null_mut());
        let (text, kind) = (buffer(text), oid(kind));
        // SAFETY: all four pointers are to locals that outlive the call; the buffer is only read.
        // JUSTIFICATION: a function of C.
        let major = unsafe {
            (self.0.import_name)(&raw mut minor, &raw const text, &raw const kind, &raw mut handle)
        };
        self.unless_failed(major, minor)?;
        Ok(Owned { library: self.clone(), handle, is_name: true })
    }

    fn log_in(&self, user: &[u8], password: &[u8]) -> Result<Owned, GssError> {
        let user = self.import(user, &USER_NAME)?;
        let (mut minor, mut handle) = (0, null_mut());
        let (password, spnego) = (buffer(password), oid(&SPNEGO));
        let kinds = OidSet { count: 1, elements: &raw const spnego };
        // SAFETY: pointers are to locals that outlive the call, and to the name, which does, too;
        // buffer and kinds are only read; what we do not want told may be null (RFC 2744, 5.2).
        // JUSTIFICATION: a function of C.
        let major = unsafe {
            (self.0.acquire_with_password)(
                &raw mut minor,
                user.handle,
                &raw const password,
                INDEFINITE,
                &raw const kinds,
                INITIATE,
                &raw mut handle,
                null_mut(),
                null_mut(),
            )
        };
        self.unless_failed(major, minor)?;
        Ok(Owned { library: self.clone(), handle, is_name: false })
    }

    fn empty(&self) -> Filled {
        Filled { library: self.clone(), buffer: Buffer { length: 0, value: null_mut() } }
    }

    fn unless_failed(&self, major: Status, minor: Status) -> Result<(), GssError> {
        if major & ERRORS == 0 {
            return Ok(());
        }
        // What the mechanism says is the reason; the library's own words are the frame around it.
        let mut said = if minor == 0 { Vec::new() } else { self.explained(minor, OF_MECHANISM) };
        if said.is_empty() {
            said = self.explained(major, OF_LIBRARY);
        }
        Err(GssError::Library(said.join("; ")))
    }

    fn explained(&self, status: Status, kind: i32) -> Vec<String> {
        let (mut lines, mut more) = (Vec::new(), 0);
        for _ in 0..MOST_LINES {
            let (mut minor, mut line) = (0, self.empty());
            // SAFETY: pointers are to locals that outlive the call, and to an empty buffer that the
            // library fills and is given back when it is dropped; no mechanism means the default one.
            // JUSTIFICATION: a function of C.
            let major = unsafe {
                (self.0.display_status)(
                    &raw mut minor,
                    status,
                    kind,
                    null(),
                    &raw mut more,
                    &raw mut line.buffer,
                )
            };
            if major != COMPLETE {
                break;
            }
            lines.push(String::from_utf8_lossy(&line.bytes()).into_owned());
            if more == 0 {
                break;
            }
        }
        lines
    }
}

impl Security {
    pub(crate) fn new(
        library: &Library,
        target: &[u8],
        login: Option<(&[u8], &[u8])>,
    ) -> Result<Self, GssError> {
        let credentials =
            login.map(|(user, password)| library.log_in(user, password)).transpose()?;
        let target = library.import(target, &HOST_BASED)?;
        let (binding, context) = (None, null_mut());
        Ok(Self { library: library.clone(), target, credentials, binding, context })
    }

    pub(crate) fn bind(&mut self, binding: Option<&[u8]>) {
        self.binding = binding.map(<[u8]>::to_vec);
    }

    pub(crate) fn step(&mut self, said: Option<&[u8]>) -> Result<Outcome, GssError> {
        let said = said.unwrap_or_default();
        if said.len() > MOST_BYTES {
            return Err(GssError::Library("they say too much".to_owned()));
        }
        let (mut minor, mut message) = (0, self.library.empty());
        let (said, spnego) = (buffer(said), oid(&SPNEGO));
        let credentials = self.credentials.as_ref().map_or(null_mut(), |owned| owned.handle);
        let bindings = self.binding.as_deref().map(|data| {
            let [initiator, acceptor, data] = [&[], &[], data].map(buffer);
            Bindings { initiator_type: 0, initiator, acceptor_type: 0, acceptor, data }
        });
        let bindings = bindings.as_ref().map_or(null(), std::ptr::from_ref);
        // SAFETY: pointers are to locals that outlive the call, and to what `self` owns: a context
        // that is ours, or null before the first step; a name; credentials, or null for the default
        // ones. The message is an empty buffer that the library fills and is given back. An empty
        // buffer for what they said, nulls for no channel bindings and for what we do not want told are
        // as RFC 2744, 5.19, has them; the bindings there are, and what they point to, outlive the call.
        // JUSTIFICATION: a function of C.
        let major = unsafe {
            (self.library.0.init_context)(
                &raw mut minor,
                credentials,
                &raw mut self.context,
                self.target.handle,
                &raw const spnego,
                MUTUAL | REPLAY,
                0,
                bindings,
                &raw const said,
                null_mut(),
                &raw mut message.buffer,
                null_mut(),
                null_mut(),
            )
        };
        self.library.unless_failed(major, minor)?;
        Ok(Outcome { message: message.bytes(), done: major & CONTINUE_NEEDED == 0 })
    }
}

impl Filled {
    fn bytes(&self) -> Vec<u8> {
        if self.buffer.value.is_null() || self.buffer.length == 0 {
            return Vec::new();
        }
        // SAFETY: the library has filled the buffer: `value` points to `length` bytes, which are its
        // until they are given back, and `self` is not before this returns.
        // JUSTIFICATION: memory of C.
        let bytes = unsafe {
            std::slice::from_raw_parts(self.buffer.value.cast::<u8>(), self.buffer.length)
        };
        bytes.to_vec()
    }
}

impl Drop for Filled {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the buffer is empty, or was filled by the library and not given back yet.
        // JUSTIFICATION: a function of C.
        unsafe { (self.library.0.release_buffer)(&raw mut minor, &raw mut self.buffer) };
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        let mut minor = 0;
        let functions = &self.library.0;
        let release =
            if self.is_name { &functions.release_name } else { &functions.release_credentials };
        // SAFETY: the library made it, of this kind, and it was not given back yet.
        // JUSTIFICATION: a function of C.
        unsafe { release(&raw mut minor, &raw mut self.handle) };
    }
}

impl Drop for Security {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: null, or a context that the library made and that was not given back yet; no
        // message for the other side is wanted.
        // JUSTIFICATION: a function of C.
        unsafe {
            (self.library.0.delete_context)(&raw mut minor, &raw mut self.context, null_mut())
        };
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(NAME)
    }
}

impl fmt::Debug for Security {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Security(not shown)")
    }
}

/// Memory the library only reads.
fn buffer(bytes: &[u8]) -> Buffer {
    Buffer { length: bytes.len(), value: bytes.as_ptr().cast_mut().cast() }
}

fn oid(elements: &'static [u8]) -> Oid {
    Oid { length: u32::try_from(elements.len()).unwrap_or(0), elements: elements.as_ptr() }
}
