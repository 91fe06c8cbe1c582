//! The transfer engine, as a library.
//!
//! One question: *how do the bytes of a URL get into an open file, whole and of one version,
//! whatever the server, the network and the power supply do meanwhile?*
//!
//! | module     | what                                                        |
//! |------------|-------------------------------------------------------------|
//! | `order`    | what is to be fetched, and how it is asked for              |
//! | `pieces`   | pieces of a file as one stream (pure)                       |
//! | `request`  | from what we hold to the next request (pure)                |
//! | `response` | from an answer's head to a decision (pure): no spliced file |
//! | `redirect` | where a redirect leads, and whether we go there (pure)      |
//! | `shown`    | what may be shown of what came from outside (pure)          |
//! | `verify`   | certificates, with checks the owner does without            |
//! | `auth`     | who we are, where a server asks                             |
//! | `authorities` | by whom servers' certificates may be signed, where a job says  |
//! | `certificate` | our own, and who signs for it                            |
//! | `bucket`   | bandwidth that fetches share                                |
//! | `pace`     | a socket that reads no faster than its bucket allows        |
//! | `tls`      | one configuration, roots, and what went wrong in words      |
//! | `resolve`  | names to addresses, and whether anything still asks for one  |
//! | `connect`  | names to connections                                        |
//! | `proxy`    | which proxies lead to a URL (pure), and how each is spoken to |
//! | `validation` | a program of the owner's that has a say in it                |
//! | `staple`   | an authority's word on a certificate, which the server brings (pure) |
//! | `stream`   | one connection's bytes, under as much TLS as it takes         |
//! | `client`   | connections kept, one exchange on one of them               |
//! | `digest`   | digests of whole files, and what servers say of them (pure) |
//! | `hash`     | hashes that can be put down and taken up again (pure)        |
//! | `disk`     | pieces to the file, sync, what is durable                   |
//! | `control`  | how the owner of a fetch says proceed and stop              |
//! | `fetch`    | one file, from request to the last synced byte; a large one over several connections |
//! | `measure`  | the size of a file, asked for beforehand                     |
//!
//! It never opens a path (but the extra authority file it is given), never runs a retry of its own
//! beyond a stale kept connection, and never decides what a failure means for a job. Start reading
//! at [`fetch`].

#![forbid(unsafe_code)]

mod answer;
mod auth;
mod authorities;
mod bucket;
mod certificate;
#[cfg(any(test, feature = "checks"))]
pub mod checks;
mod client;
mod connect;
mod control;
mod digest;
mod disk;
mod echo;
mod fetch;
mod hash;
mod kernel;
mod measure;
mod order;
mod pace;
mod pieces;
mod polite;
mod proxy;
mod quick;
mod redirect;
mod request;
mod resolve;
mod response;
mod shown;
mod staple;
mod stream;
mod tls;
mod validation;
mod verify;

pub use ::http::Method;
pub use auth::{
    LogOnError, Login, LoginScheme, LoginTarget, Logins, Secret, Spoken, Talk, Tickets,
};
pub use authorities::{Authorities, RootsError};
pub use bucket::Bucket;
pub use certificate::{ClientCertificate, Sign};
pub use client::{Client, ExchangeError};
pub use connect::{ConnectError, Scheme};
pub use control::{Control, Steering, control};
pub use digest::Digest;
pub use disk::{DiskError, Hashed};
pub use ebb_pace::{Best, Course, Manners, Part as PathPart, Signals};
pub use fetch::{Ended, FetchError, Head, Reports, check, fetch};
pub use measure::measure;
pub use order::{FieldError, Options, Order, OwnFields, Piece, Redirects, Relaxed};
pub use polite::{Pacer, Peer, Standing};
pub use proxy::{Bypass, Listed, Proxies, Proxy, ProxyError, ProxyKind, ProxyTrouble, ProxyUse};
pub use redirect::{Downgrade, MOST_REDIRECTS, RedirectError, follow};
pub use request::{Ask, Held, Known, Part, Strong, Validators, ask};
pub use response::{AnswerError, Decision, Judged, Voucher, judge};
pub use shown::{printable, shown_url, without_user_info};
pub use tls::{TlsError, Trust};
pub use validation::{Unknown, Validation, Validator, Verdict};
