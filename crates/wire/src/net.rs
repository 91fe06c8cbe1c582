//! What the service and a network agent say to each other.
//!
//! A file is fetched into a descriptor that comes with [`ToNet::Fetch`]. The agent reports what is
//! durable, and only that counts after a crash. It never starts a file over behind the service's
//! back: it says [`FromNet::Head`] with `anew`, the service writes that down, says
//! [`ToNet::Proceed`], and only then is the file truncated. That is half of "no spliced file".
//!
//! A fetch brings a whole file, or [`Piece`]s of it; then every number of bytes on this channel
//! counts the bytes of the pieces, one after the other, in the order of the fetch.

mod digest;
mod login;
mod memory;
mod path;
mod proxy;
mod validation;

pub use digest::{Digest, Hashed};
pub use login::{AuthScheme, AuthTarget, Login, Secret};
pub use memory::{Peer, Remembered};
pub use path::{Course, Manners, Part, Path};
pub use proxy::{Bypass, Proxy, ProxyKind, ProxyTrouble, Scheme, Way};
pub use validation::{Question, Validation, ValidationId, Verdict};

use crate::sign::ClientIdentity;
use core::fmt;

/// Names one fetch on this channel; chosen by the service, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FetchId(pub u64);

/// Names one client certificate on this channel; chosen by the service, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CertificateId(pub u64);

/// Names the authorities of a job's own on this channel; chosen by the service, never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AuthoritiesId(pub u64);

/// What a server said of a representation, by which a continuation is judged.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validators {
    /// The `ETag` field as sent, weak or strong.
    pub etag: Option<Vec<u8>>,
    /// The `Last-Modified` field as sent.
    pub last_modified: Option<Vec<u8>>,
    /// Whether `Last-Modified` is strong by RFC 9110 section 8.8.2.2.
    pub last_modified_strong: bool,
    /// Size of the whole representation in bytes, if it was told.
    pub total: Option<u64>,
    /// The digest of the whole representation, if it was told.
    pub digest: Option<Box<Digest>>,
}

/// A part of what the server has, and where in the file it belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its first byte at the server.
    pub source: u64,
    /// How long it is; nothing: to the end.
    pub length: Option<u64>,
    /// Its first byte in the file.
    pub at: u64,
}

/// A header field of the owner's own. Its value may be a secret: it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: Vec<u8>,
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: (not shown)", self.name)
    }
}

/// What is done about a redirect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Redirects {
    /// It is followed.
    #[default]
    Follow,
    /// It is [`NetTrouble::RedirectRefused`].
    Refuse,
}

/// Which checks of a server's certificate its owner does without, and one that is made only where its
/// owner wants it. Each stands for itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Relaxed {
    /// It may be for another name.
    pub name: bool,
    /// It may have expired, or not be valid yet.
    pub date: bool,
    /// It may come from an authority this machine does not trust.
    pub authority: bool,
    /// It may have been made for another use than a server's.
    pub usage: bool,
    /// It must be shown to be not revoked.
    pub revocation: bool,
}

/// How to ask, and what to put up with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchOptions {
    /// The request method. With any but `GET` nothing is ever continued.
    pub method: String,
    /// Sent with every request to the origin of the fetch's URL, and to no other.
    pub headers: Vec<Header>,
    /// What is done about a redirect.
    pub redirects: Redirects,
    /// Follow a redirect from https to http.
    pub allow_downgrade: bool,
    /// Checks of the certificate that are left out.
    pub relaxed: Relaxed,
    /// Shown to the origin of the fetch's URL if it asks, and to no other.
    pub certificate: Option<CertificateId>,
    /// By whom servers' certificates may be signed; nothing: by whom the machine trusts.
    pub authorities: Option<AuthoritiesId>,
    /// Servers are asked about before they are spoken to.
    pub validation: Option<Validation>,
    /// The content is made while it is fetched: nothing is ever continued.
    pub dynamic: bool,
    /// Somebody has just asked for it: credentials that were rejected may be said again.
    pub afresh: bool,
    /// Nothing is synced before the fetch ends, however it ends; so nothing is durable either.
    pub sync_at_end: bool,
    /// So many connections may bring one large file at once, as long as it gives way to nobody.
    pub connections: u8,
    /// It is one of many small files: it may share a connection with others of its bucket.
    pub may_share: bool,
    /// More bytes than this are [`NetTrouble::SizeLimit`].
    pub most_bytes: Option<u64>,
    /// What comes has to have this digest; not looked at where it comes in pieces.
    pub digest: Option<Box<Digest>>,
    /// Who stands between the agent and the server.
    pub way: Way,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            method: "GET".to_owned(),
            headers: Vec::new(),
            redirects: Redirects::default(),
            allow_downgrade: false,
            relaxed: Relaxed::default(),
            certificate: None,
            authorities: None,
            validation: None,
            dynamic: false,
            afresh: false,
            sync_at_end: false,
            connections: 1,
            may_share: false,
            most_bytes: None,
            digest: None,
            way: Way::Direct,
        }
    }
}

/// From the service to a network agent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ToNet {
    /// Fetch a file into the descriptor that comes with this message.
    Fetch {
        /// Its name from now on.
        fetch: FetchId,
        /// Where from; http or https.
        url: String,
        /// Bytes that are already in the file and durable.
        offset: u64,
        /// What those bytes are part of; with pieces, what anything in the file is part of.
        validators: Validators,
        /// What is known of the hashes of those bytes.
        hashed: Option<Hashed>,
        /// What to fetch, in this order; nothing: the whole file from its beginning.
        pieces: Vec<Piece>,
        /// How to ask, and what to put up with.
        options: FetchOptions,
        /// Shares the bandwidth of this bucket; 0: takes what it can get.
        bucket: u32,
        /// Give up when not a byte has come for this long, in milliseconds.
        stall_timeout_ms: u32,
    },
    /// What a fetch, or a question for a size, that is to come logs on with; see [`Login`].
    Login {
        /// Which one.
        fetch: FetchId,
        /// With what.
        login: Login,
    },
    /// A certificate that fetches may show, and, with this message, the channel to who has its key.
    Certificate {
        /// Its name from now on.
        certificate: CertificateId,
        /// What is shown, and in which ways it can be proved.
        identity: ClientIdentity,
    },
    /// No fetch to come will show this certificate. Unknown ones are no error.
    Forget {
        /// Which one.
        certificate: CertificateId,
    },
    /// Authorities by which fetches have servers' certificates judged. What makes no sense is no
    /// violation: such fetches fail with [`NetTrouble::AuthoritiesUnusable`].
    Authorities {
        /// Their name from now on.
        authorities: AuthoritiesId,
        /// Whether the machine's own do not count.
        alone: bool,
        /// PEM, as it was given.
        pem: Vec<u8>,
    },
    /// No fetch to come will name these. Unknown ones are no error.
    Distrust {
        /// Which.
        authorities: AuthoritiesId,
    },
    /// The `Head` with `from: 0` is written down: truncate and go on.
    Proceed {
        /// Which fetch.
        fetch: FetchId,
    },
    /// Ask the server how large the file is, and nothing more. Answered by `Measured`.
    Measure {
        /// Its name from now on; as for a fetch.
        fetch: FetchId,
        /// Of what; http or https.
        url: String,
        /// How to ask; the method is always `HEAD`.
        options: FetchOptions,
        /// Give up when not a byte has come for this long, in milliseconds.
        stall_timeout_ms: u32,
    },
    /// Read the file that comes with this message, which did not come from its beginning to its
    /// end, and look whether it has these digests. Answered like a fetch, without a `Head`.
    Check {
        /// Its name from now on; as for a fetch.
        fetch: FetchId,
        /// Where it came from, for the error.
        url: String,
        /// How long it is.
        length: u64,
        /// The server's digest.
        server: Option<Box<Digest>>,
        /// That of whoever wants it.
        owner: Option<Box<Digest>>,
    },
    /// From now on the fetches of this bucket take so much together, also those that run already.
    Limit {
        /// Which bucket; not 0.
        bucket: u32,
        /// How much; nothing: what they can get.
        bytes_per_second: Option<u64>,
        /// How they behave towards others on their path; nothing: they give way to nobody.
        manners: Option<Manners>,
    },
    /// The answer to a question. One that nobody waits for any more is no error.
    Verdict {
        /// To which.
        question: u64,
        /// The answer.
        verdict: Verdict,
    },
    /// The descriptor that comes with this message tells what the machine's way to the network has
    /// received, or sent: a file that holds one number, in bytes. The one of what was received means
    /// another network, too.
    Card {
        /// Whether it is what was sent.
        sent: bool,
    },
    /// What is remembered of paths in the network the machine is in now, in place of all that was
    /// known of any.
    Remember {
        /// The number of the network, for [`FromNet::Learned`].
        network: u32,
        /// What there is, at most [`crate::codec::PATHS_MAX`].
        paths: Vec<Remembered>,
    },
    /// The part that this agent has, from now on, of the paths on which fetches of these manners give
    /// way. Sent while other agents have fetches that give way, and when that ends.
    Share {
        /// Whose.
        manners: Manners,
        /// The part.
        part: Part,
    },
    /// Stop this fetch: close its connection, sync, answer `Stopped`. An unknown or ended fetch is
    /// no error and gets no answer of its own (its `Done` or `Failed` is under way).
    Stop {
        /// Which fetch.
        fetch: FetchId,
    },
}

/// From a network agent to the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FromNet {
    /// First message: the sandbox is on (or not, where policy lets that pass).
    Hello {
        /// What was enforced, for the log.
        sandbox: crate::Sandbox,
    },
    /// The server's answer will serve. If bytes are to be dropped that the service counts on (it is
    /// `anew`, and the fetch's offset was not 0, or it has pieces and validators, or this is not its
    /// first head), the agent waits for `Proceed` before it touches the file. A further head that is
    /// not `anew` goes on with the same representation.
    Head {
        /// Which fetch.
        fetch: FetchId,
        /// HTTP status.
        status: u16,
        /// What the server says the representation is.
        validators: Validators,
        /// Where the bytes finally came from, after redirects.
        final_url: String,
        /// First byte this answer will write.
        from: u64,
        /// The file begins anew: nothing that is in it counts any more, whatever wrote it.
        anew: bool,
        /// It comes on a connection that it shares with other fetches of its bucket.
        shared: bool,
        /// The fields of the answer: names and values, printable. Those that would make them
        /// longer than [`crate::codec::FIELDS_MAX`] are left out.
        fields: Vec<(String, String)>,
    },
    /// What is known of the hashes of bytes that the next `Progress`, `Failed` or `Stopped` calls
    /// durable. Sent only where a digest is to be compared.
    Hashed {
        /// Which fetch.
        fetch: FetchId,
        /// What.
        hashed: Hashed,
    },
    /// How far it is. Sent at checkpoints, and at most twice a second in between.
    Progress {
        /// Which fetch.
        fetch: FetchId,
        /// Bytes from the beginning that are on disk and synced.
        durable: u64,
        /// Bytes from the beginning that have been written.
        received: u64,
    },
    /// How a path is doing on which fetches give way. Sent about once a second while there are any, five
    /// times a second while the agent has only a part of it, and within that time when their number
    /// changes, also to none.
    Path(Path),
    /// What paths have shown, where it is worth remembering. Sent at most once a second, and when a
    /// fetch ends; never before a `Remember`.
    Learned {
        /// In which network: the number of the last `Remember`.
        network: u32,
        /// At most [`crate::codec::PATHS_MAX`].
        paths: Vec<Remembered>,
    },
    /// Whether a server may be spoken to. Answered by `Verdict`.
    Question(Box<Question>),
    /// Everything is there and synced.
    Done {
        /// Which fetch.
        fetch: FetchId,
        /// Length of the whole file, or of the pieces together.
        length: u64,
        /// `Last-Modified` in seconds since the epoch, if it was sent.
        modified: Option<i64>,
    },
    /// What `Measure` has found out.
    Measured {
        /// Which fetch.
        fetch: FetchId,
        /// The size in bytes, if the server told it.
        size: Option<u64>,
    },
    /// It did not work. What is durable stays in the file.
    Failed {
        /// Which fetch.
        fetch: FetchId,
        /// Bytes that are on disk and synced.
        durable: u64,
        /// What happened.
        trouble: NetTrouble,
        /// `Retry-After` in seconds, if the server sent it.
        retry_after: Option<u32>,
        /// Where the server wanted to send us, after [`NetTrouble::RedirectRefused`].
        redirect: Option<String>,
        /// A sentence fragment for a person; never a secret, printable characters only.
        detail: String,
    },
    /// Stopped as asked. No byte will be sent or written for this fetch any more.
    Stopped {
        /// Which fetch.
        fetch: FetchId,
        /// Bytes that are on disk and synced.
        durable: u64,
    },
}

/// What a network agent ran into.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NetTrouble {
    /// The name of the server could not be resolved.
    NameNotResolved,
    /// No address of the server took the connection.
    ConnectFailed,
    /// The connection, or an answer on it, took too long.
    TimedOut,
    /// The connection broke before everything had come.
    ConnectionLost,
    /// The TLS handshake failed for another reason than the certificate.
    TlsFailed,
    /// The server's certificate does not hold: name, date, authority or usage.
    CertificateInvalid,
    /// The server's certificate is on a list of revoked ones.
    CertificateRevoked,
    /// No list says whether it is revoked.
    RevocationUnknown,
    /// The list that would say so is out of date.
    RevocationListOutdated,
    /// The authorities of the job's own cannot be used.
    AuthoritiesUnusable,
    /// The server wants a client certificate, and there is none.
    ClientCertificateWanted,
    /// The server does not take the client certificate.
    ClientCertificateRefused,
    /// Who has the client certificate's key did not sign.
    NotSigned,
    /// The job's validator rejected the server's certificate, with this code.
    ValidatorRejected(u32),
    /// The job's validator is not there to be asked.
    ValidatorMissing,
    /// A final answer with this status, after redirects.
    Status(u16),
    /// The answer breaks HTTP, or contradicts itself.
    MalformedAnswer,
    /// The answer is content-coded though we asked for none.
    EncodedAnswer,
    /// The head of the answer exceeds 64 KiB or 256 fields.
    HeadTooLarge,
    /// More than 20 redirects.
    TooManyRedirects,
    /// A redirect from https to http.
    RedirectDowngrade,
    /// A redirect to something that is neither http nor https, or to nonsense.
    RedirectInvalid,
    /// The server changed its mind on the size in mid-file.
    SizeChanged,
    /// A redirect with this status, where none was to be followed.
    RedirectRefused(u16),
    /// The server cannot give a part of this file, or prove what it is a part of.
    NoRangeSupport,
    /// The file ends before the piece that was asked for.
    InvalidRange,
    /// The server answered with another part than the one asked for.
    WrongRange,
    /// The file, or the part of it, is larger than it may be.
    SizeLimit,
    /// What came has not the digest that was to be compared with.
    DigestMismatch,
    /// Twice what came had not the digest the server gave for it.
    ReprDigestMismatch,
    /// No space, or no quota, left under the file.
    NoSpace,
    /// Writing the file failed, with this `errno`.
    WriteFailed(i32),
    /// It was met at a proxy.
    Proxy(ProxyTrouble),
}
