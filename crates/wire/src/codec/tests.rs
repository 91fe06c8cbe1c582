//! Whatever comes: what we write we can read, and what we did not write never gets through.

mod largest;
mod memory;
mod path;
mod proxy;
mod sign;
mod validation;
mod versions;

use super::*;
use crate::Sandbox;
use crate::files::{FileTrouble, FromFiles, Look, Place, Source, Temporary, ToFiles};
use crate::launcher::{AgentId, DenyReason, FromLauncher, Identity, Role, ToLauncher};
use crate::net::{
    AuthScheme, AuthTarget, AuthoritiesId, CertificateId, Digest, FetchId, FetchOptions, FromNet,
    Hashed, Header, Login, NetTrouble, Piece, Redirects, Relaxed, Secret, ToNet, Validators,
};
use crate::notify::{FromNotify, ToNotify};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::fmt::Debug;
use versions::{digest, hashed, source, validators};

fn bytes_to(limit: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=limit.min(300))
}

fn text() -> impl Strategy<Value = String> {
    "[ -~äöü€]{0,200}"
}

fn agent() -> impl Strategy<Value = AgentId> {
    any::<u32>().prop_map(AgentId)
}

fn fetch() -> impl Strategy<Value = FetchId> {
    any::<u64>().prop_map(FetchId)
}

fn to_launcher() -> impl Strategy<Value = ToLauncher> {
    let role =
        prop_oneof![Just(Role::Files), Just(Role::Network), Just(Role::Notify), Just(Role::Sign)];
    let identity = (any::<u32>(), any::<u32>(), vec(any::<u32>(), 0..40))
        .prop_map(|(uid, gid, groups)| Identity { uid, gid, groups });
    prop_oneof![
        (agent(), role, identity).prop_map(|(agent, role, identity)| ToLauncher::Start {
            agent,
            role,
            identity
        }),
        agent().prop_map(|agent| ToLauncher::Stop { agent }),
        Just(ToLauncher::Close),
    ]
}

fn from_launcher() -> impl Strategy<Value = FromLauncher> {
    let reason = prop_oneof![
        Just(DenyReason::NotAdmitted),
        Just(DenyReason::NotOurIdentity),
        Just(DenyReason::TooMany),
        Just(DenyReason::System),
    ];
    prop_oneof![
        (agent(), any::<u32>()).prop_map(|(agent, pid)| FromLauncher::Started { agent, pid }),
        (agent(), reason).prop_map(|(agent, reason)| FromLauncher::Denied { agent, reason }),
        (agent(), any::<i32>()).prop_map(|(agent, status)| FromLauncher::Ended { agent, status }),
        Just(FromLauncher::Finish),
        Just(FromLauncher::Reload),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    (bytes_to(PATH_MAX), any::<u64>(), any::<u64>()).prop_map(|(dir, dev, ino)| Place {
        dir,
        dev,
        ino,
    })
}

fn temporary() -> impl Strategy<Value = Temporary> {
    (bytes_to(NAME_MAX - 45), any::<u64>(), any::<u64>()).prop_map(|(name, dev, ino)| Temporary {
        name,
        dev,
        ino,
    })
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..=NAME_MAX)
}

fn look() -> impl Strategy<Value = Look> {
    (option::of(any::<i64>()), option::of(any::<u32>()), option::of(any::<u32>()))
        .prop_map(|(modified, mode, group)| Look { modified, mode, group })
}

fn to_files() -> impl Strategy<Value = ToFiles> {
    let rename = (any::<u64>(), place(), temporary(), name(), any::<bool>(), look());
    prop_oneof![
        (any::<u64>(), bytes_to(PATH_MAX), name()).prop_map(|(seq, dir, name)| ToFiles::Inspect {
            seq,
            dir,
            name
        }),
        (any::<u64>(), place(), name(), any::<u64>())
            .prop_map(|(seq, place, name, mark)| { ToFiles::Create { seq, place, name, mark } }),
        (any::<u64>(), place(), name(), any::<u64>())
            .prop_map(|(seq, place, name, mark)| { ToFiles::Sweep { seq, place, name, mark } }),
        (any::<u64>(), place(), temporary()).prop_map(|(seq, place, temporary)| ToFiles::Reopen {
            seq,
            place,
            temporary
        }),
        rename.prop_map(|(seq, place, temporary, name, replace, look)| ToFiles::Rename {
            seq,
            place,
            temporary,
            name,
            replace,
            look
        }),
        (any::<u64>(), place(), temporary(), any::<u64>(), any::<u64>()).prop_map(
            |(seq, place, temporary, from, until)| ToFiles::Fill {
                seq,
                place,
                temporary,
                from,
                until
            }
        ),
        (any::<u64>(), place(), temporary()).prop_map(|(seq, place, temporary)| ToFiles::Delete {
            seq,
            place,
            temporary
        }),
    ]
}

fn file_trouble() -> impl Strategy<Value = FileTrouble> {
    prop_oneof![
        Just(FileTrouble::NoSuchDirectory),
        Just(FileTrouble::NotADirectory),
        Just(FileTrouble::SymbolicLink),
        Just(FileTrouble::AccessDenied),
        Just(FileTrouble::NotARegularFile),
        Just(FileTrouble::SpecialFileSystem),
        Just(FileTrouble::DirectoryChanged),
        Just(FileTrouble::TemporaryGone),
        Just(FileTrouble::TemporaryChanged),
        Just(FileTrouble::Exists),
        Just(FileTrouble::NameTooLong),
        Just(FileTrouble::NoSpace),
        Just(FileTrouble::ReadOnly),
        Just(FileTrouble::SourceGone),
        Just(FileTrouble::SourceDenied),
        Just(FileTrouble::SourceNotAFile),
        Just(FileTrouble::SourceChanged),
        any::<i32>().prop_map(FileTrouble::SourceIo),
        any::<i32>().prop_map(FileTrouble::Io),
    ]
}

fn sandbox() -> impl Strategy<Value = Sandbox> {
    (any::<u8>(), any::<bool>(), any::<bool>()).prop_map(
        |(landlock_abi, landlock_full, seccomp)| Sandbox { landlock_abi, landlock_full, seccomp },
    )
}

fn from_files() -> impl Strategy<Value = FromFiles> {
    prop_oneof![
        sandbox().prop_map(|sandbox| FromFiles::Hello { sandbox }),
        any::<(u64, u64, u64)>().prop_map(|(seq, dev, ino)| FromFiles::Inspected { seq, dev, ino }),
        (any::<u64>(), temporary(), any::<u64>())
            .prop_map(|(seq, temporary, length)| { FromFiles::Opened { seq, temporary, length } }),
        (any::<u64>(), source()).prop_map(|(seq, source)| FromFiles::Source { seq, source }),
        any::<u64>().prop_map(|seq| FromFiles::Done { seq }),
        (any::<u64>(), file_trouble())
            .prop_map(|(seq, trouble)| FromFiles::Failed { seq, trouble }),
    ]
}

fn fetch_options() -> impl Strategy<Value = FetchOptions> {
    let header = (text(), bytes_to(300)).prop_map(|(name, value)| Header { name, value });
    let redirects = prop_oneof![Just(Redirects::Follow), Just(Redirects::Refuse)];
    let relaxed = any::<[bool; 5]>().prop_map(|[name, date, authority, usage, revocation]| {
        Relaxed { name, date, authority, usage, revocation }
    });
    let id = || option::of(any::<u64>());
    let shown = (id(), id(), option::of(validation::validation()));
    let flags = (redirects, relaxed, any::<[bool; 5]>(), shown, proxy::way());
    let most = (option::of(any::<u64>()), option::of(digest()), any::<u8>());
    ("[A-Z_]{0,20}", vec(header, 0..5), flags, most).prop_map(
        |(method, headers, flags, (most_bytes, digest, connections))| {
            let (redirects, relaxed, bits, (certificate, authorities, validation), way) = flags;
            let [allow_downgrade, dynamic, afresh, sync_at_end, may_share] = bits;
            FetchOptions {
                method,
                headers,
                redirects,
                allow_downgrade,
                relaxed,
                certificate: certificate.map(CertificateId),
                authorities: authorities.map(AuthoritiesId),
                validation,
                dynamic,
                afresh,
                sync_at_end,
                connections,
                may_share,
                most_bytes,
                digest,
                way,
            }
        },
    )
}

fn login() -> impl Strategy<Value = Login> {
    let target = prop_oneof![Just(AuthTarget::Server), Just(AuthTarget::Proxy)];
    let scheme = prop_oneof![
        Just(AuthScheme::Basic),
        Just(AuthScheme::Digest),
        Just(AuthScheme::Ntlm),
        Just(AuthScheme::Negotiate),
    ];
    let secret = || bytes_to(300).prop_map(Secret);
    (target, scheme, option::of((secret(), secret())))
        .prop_map(|(target, scheme, explicit)| Login { target, scheme, explicit })
}

fn to_net() -> impl Strategy<Value = ToNet> {
    let piece = (any::<u64>(), option::of(any::<u64>()), any::<u64>())
        .prop_map(|(source, length, at)| Piece { source, length, at });
    let full = (
        (fetch(), text(), any::<u64>(), any::<u32>(), any::<u32>()),
        (validators(), option::of(hashed()), vec(piece, 0..20), fetch_options().boxed()),
    );
    prop_oneof![
        full.prop_map(|(numbers, (validators, hashed, pieces, options))| {
            let (fetch, url, offset, bucket, stall_timeout_ms) = numbers;
            ToNet::Fetch {
                fetch,
                url,
                offset,
                validators,
                hashed,
                pieces,
                options,
                bucket,
                stall_timeout_ms,
            }
        }),
        (fetch(), login()).prop_map(|(fetch, login)| ToNet::Login { fetch, login }),
        (fetch(), text(), any::<u64>(), option::of(digest()), option::of(digest())).prop_map(
            |(fetch, url, length, server, owner)| ToNet::Check {
                fetch,
                url,
                length,
                server,
                owner,
            }
        ),
        // In boxes, or the whole is too large for a test's stack.
        sign::to_net().boxed(),
        validation::verdict().boxed(),
        fetch().prop_map(|fetch| ToNet::Proceed { fetch }),
        fetch().prop_map(|fetch| ToNet::Stop { fetch }),
        path::limit(),
        memory::remember(),
        path::share(),
        any::<bool>().prop_map(|sent| ToNet::Card { sent }),
        (fetch(), text(), fetch_options().boxed(), any::<u32>()).prop_map(
            |(fetch, url, options, stall_timeout_ms)| ToNet::Measure {
                fetch,
                url,
                options,
                stall_timeout_ms,
            }
        ),
    ]
}

fn net_trouble() -> impl Strategy<Value = NetTrouble> {
    prop_oneof![
        Just(NetTrouble::NameNotResolved),
        Just(NetTrouble::ConnectFailed),
        Just(NetTrouble::TimedOut),
        Just(NetTrouble::ConnectionLost),
        Just(NetTrouble::TlsFailed),
        Just(NetTrouble::CertificateInvalid),
        any::<u16>().prop_map(NetTrouble::Status),
        Just(NetTrouble::MalformedAnswer),
        Just(NetTrouble::EncodedAnswer),
        Just(NetTrouble::HeadTooLarge),
        Just(NetTrouble::TooManyRedirects),
        Just(NetTrouble::RedirectDowngrade),
        Just(NetTrouble::RedirectInvalid),
        Just(NetTrouble::SizeChanged),
        any::<u16>().prop_map(NetTrouble::RedirectRefused),
        Just(NetTrouble::NoRangeSupport),
        Just(NetTrouble::InvalidRange),
        Just(NetTrouble::WrongRange),
        Just(NetTrouble::SizeLimit),
        Just(NetTrouble::DigestMismatch),
        Just(NetTrouble::ReprDigestMismatch),
        Just(NetTrouble::ClientCertificateWanted),
        Just(NetTrouble::ClientCertificateRefused),
        Just(NetTrouble::NotSigned),
        sign::revocation(),
        validation::trouble().boxed(),
        Just(NetTrouble::NoSpace),
        any::<i32>().prop_map(NetTrouble::WriteFailed),
        proxy::proxy_trouble().prop_map(NetTrouble::Proxy),
    ]
}

fn from_net() -> impl Strategy<Value = FromNet> {
    let flags = (any::<bool>(), any::<bool>());
    let head = (fetch(), any::<u16>(), validators(), text(), any::<u64>(), flags);
    let redirect = option::of(text());
    prop_oneof![
        sandbox().prop_map(|sandbox| FromNet::Hello { sandbox }),
        (head, vec((text(), text()), 0..5)).prop_map(
            |((fetch, status, validators, final_url, from, (anew, shared)), fields)| {
                FromNet::Head { fetch, status, validators, final_url, from, anew, shared, fields }
            }
        ),
        (fetch(), any::<u64>(), any::<u64>()).prop_map(|(fetch, durable, received)| {
            FromNet::Progress { fetch, durable, received }
        }),
        (fetch(), any::<u64>(), option::of(any::<i64>()))
            .prop_map(|(fetch, length, modified)| { FromNet::Done { fetch, length, modified } }),
        (fetch(), any::<u64>(), net_trouble().boxed(), option::of(any::<u32>()), redirect, text())
            .prop_map(|(fetch, durable, trouble, retry_after, redirect, detail)| FromNet::Failed {
                fetch,
                durable,
                trouble,
                retry_after,
                redirect,
                detail
            }),
        (fetch(), any::<u64>()).prop_map(|(fetch, durable)| FromNet::Stopped { fetch, durable }),
        (fetch(), hashed()).prop_map(|(fetch, hashed)| FromNet::Hashed { fetch, hashed }),
        (fetch(), option::of(any::<u64>()))
            .prop_map(|(fetch, size)| FromNet::Measured { fetch, size }),
        path::path().prop_map(FromNet::Path),
        memory::learned(),
        validation::question().boxed(),
    ]
}

fn to_notify() -> impl Strategy<Value = ToNotify> {
    let words = || vec(bytes_to(PATH_MAX), 0..9);
    (words(), words(), any::<u32>()).prop_map(|(words, environment, limit)| ToNotify::Run {
        words,
        environment,
        limit,
    })
}

fn from_notify() -> impl Strategy<Value = FromNotify> {
    prop_oneof![
        any::<i32>().prop_map(|status| FromNotify::Ended { status }),
        any::<i32>().prop_map(|errno| FromNotify::NotStarted { errno }),
    ]
}

/// Everything that must hold for a message of any type.
fn check<M: Message + PartialEq + Debug>(message: &M) {
    let bytes = message.encode().unwrap();
    assert_eq!(M::decode(&bytes).as_ref(), Ok(message));
    for length in 0..bytes.len() {
        assert_eq!(M::decode(&bytes[..length]), Err(DecodeError::Truncated), "cut at {length}");
    }
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(M::decode(&longer), Err(DecodeError::Trailing));
}

proptest! {
    #[test]
    fn every_message_is_read_as_written_and_no_other_length_is(
        messages in (to_launcher(), from_launcher(), to_files(), from_files(), to_net(), from_net()),
        notify in (to_notify(), from_notify())
    ) {
        check(&messages.0);
        check(&messages.1);
        check(&messages.2);
        check(&messages.3);
        check(&messages.4);
        check(&messages.5);
        check(&notify.0);
        check(&notify.1);
    }

    #[test]
    fn garbage_never_panics_and_what_is_read_is_written_the_same(
        tag in 0_u8..8, rest in vec(any::<u8>(), 0..200)
    ) {
        fn one<M: Message>(bytes: &[u8]) {
            if let Ok(message) = M::decode(bytes) {
                assert_eq!(message.encode().unwrap(), bytes);
            }
        }
        let bytes = [&[tag], rest.as_slice()].concat();
        one::<ToLauncher>(&bytes);
        one::<FromLauncher>(&bytes);
        one::<ToFiles>(&bytes);
        one::<FromFiles>(&bytes);
        one::<ToNet>(&bytes);
        one::<FromNet>(&bytes);
        one::<ToNotify>(&bytes);
        one::<FromNotify>(&bytes);
    }
}

#[test]
fn a_name_over_its_limit_is_found_by_its_author() {
    let inspect = |length| ToFiles::Inspect { seq: 1, dir: vec![b'/'], name: vec![b'n'; length] };
    inspect(NAME_MAX).encode().unwrap();
    assert_eq!(inspect(NAME_MAX + 1).encode(), Err(EncodeError::TooLong));
}

#[test]
fn a_name_over_its_limit_is_refused_by_its_reader() {
    let mut bytes = vec![1];
    bytes.extend_from_slice(&1_u64.to_le_bytes());
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    bytes.extend_from_slice(&256_u32.to_le_bytes());
    bytes.extend_from_slice(&[b'n'; 256]);
    assert_eq!(ToFiles::decode(&bytes), Err(DecodeError::TooLong));
}

#[test]
fn groups_are_bounded_by_the_message() {
    let start = |count| ToLauncher::Start {
        agent: AgentId(1),
        role: Role::Files,
        identity: Identity { uid: 1, gid: 1, groups: vec![7; count] },
    };
    let most = (MESSAGE_MAX - 18) / 4;
    ToLauncher::decode(&start(most).encode().unwrap()).unwrap();
    assert_eq!(start(most + 1).encode(), Err(EncodeError::TooLong));
}

#[test]
fn text_cannot_steer_a_terminal() {
    let failed = |detail: &str| FromNet::Failed {
        fetch: FetchId(1),
        durable: 0,
        trouble: NetTrouble::TimedOut,
        retry_after: None,
        redirect: None,
        detail: detail.into(),
    };
    assert_eq!(failed("\x1b[2J").encode(), Err(EncodeError::NotPrintable));
    let mut bytes = failed("ab").encode().unwrap();
    *bytes.last_mut().unwrap() = 7;
    assert_eq!(FromNet::decode(&bytes), Err(DecodeError::NotPrintable));
    *bytes.last_mut().unwrap() = 0xff;
    assert_eq!(FromNet::decode(&bytes), Err(DecodeError::NotText));
}

#[test]
fn the_value_of_a_header_field_is_not_shown() {
    let header = Header { name: "Authorization".to_owned(), value: b"Basic hunter2".to_vec() };
    let options = FetchOptions { headers: vec![header], ..FetchOptions::default() };
    let shown = format!("{options:?}");
    assert!(shown.contains("Authorization") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn many_short_fields_and_few_long_ones_meet_one_limit() {
    let with = |headers| FetchOptions { headers, ..FetchOptions::default() };
    let header = |length| Header { name: "n".to_owned(), value: vec![b'v'; length] };
    let measure = |options| {
        let message =
            ToNet::Measure { fetch: FetchId(1), url: String::new(), options, stall_timeout_ms: 1 };
        message.encode()
    };
    assert!(measure(with(vec![header(HEADERS_MAX - 1)])).is_ok());
    assert_eq!(measure(with(vec![header(HEADERS_MAX)])), Err(EncodeError::TooLong));
    assert!(measure(with(vec![header(1); FIELDS_COUNT_MAX])).is_ok());
    assert_eq!(measure(with(vec![header(1); FIELDS_COUNT_MAX + 1])), Err(EncodeError::TooLong));
}
