//! Jobs of every kind: a plain one, and whatever chance comes up with.

use std::collections::BTreeMap;

use ebb_core::authorities::Authorities;
use ebb_core::credentials::{AuthPair, AuthScheme};
use ebb_core::digest::{Digest, Hashed};
use ebb_core::failure::{
    DestinationTrouble, Failure, NetworkTrouble, ServerTrouble, ServiceTrouble,
};
use ebb_core::file::{Destination, File, OnDemand, Progress, Temporary, Validators, Wanted};
use ebb_core::headers::Sealed;
use ebb_core::id::{AttemptId, JobId};
use ebb_core::job::{
    AuthTarget, Calling, CostFlags, CustomHeaders, Job, NotifyCommand, NotifyFlags, Patience,
    Priority, ProxySettings, ProxyUsage, Running, SecurityFlags, State, Terms, Trouble,
};
use ebb_core::ranges::{Part, Range};
use ebb_core::time::{Moment, Now, WallTime};
use ebb_core::token::{BootId, SessionId, Token, TokenFlags};
use proptest::collection::{btree_map, vec};
use proptest::option;
use proptest::prelude::*;

/// A job with one file and nothing special about it.
pub(crate) fn plain_job(id: u32) -> Job {
    let mut bytes = [0; 16];
    bytes[..4].copy_from_slice(&id.to_be_bytes());
    let now = Now { moment: Moment(1), wall: WallTime(1), dice: 0 };
    let owner = Token {
        uid: 1000,
        gid: 1000,
        groups: vec![4, 27],
        session: None,
        label: None,
        boot: BootId("b".into()),
        captured: WallTime(1),
    };
    let mut job = Job::new(JobId::from_bytes(bytes), owner, Terms::named("n").unwrap(), now);
    job.files.push(plain_file("http://localhost/f"));
    job
}

/// A file nothing has been done about.
pub(crate) fn plain_file(url: &str) -> File {
    let destination = Destination { dir: b"/srv".to_vec(), name: b"f".to_vec(), dev: 1, ino: 2 };
    File::new(url.into(), destination, true)
}

/// Any text, with control characters, quotes and zeros.
fn text() -> impl Strategy<Value = String> {
    vec(any::<char>(), 0..12).prop_map(String::from_iter)
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..12)
}

fn token() -> impl Strategy<Value = Token> {
    (
        any::<u32>(),
        any::<u32>(),
        vec(any::<u32>(), 0..5),
        option::of(text().prop_map(SessionId)),
        option::of(bytes()),
        text().prop_map(BootId),
        any::<i64>().prop_map(WallTime),
    )
        .prop_map(|(uid, gid, groups, session, label, boot, captured)| Token {
            uid,
            gid,
            groups,
            session,
            label,
            boot,
            captured,
        })
}

fn state() -> impl Strategy<Value = State> {
    let attempt = || any::<u64>().prop_map(AttemptId);
    prop_oneof![
        Just(State::Suspended),
        Just(State::Queued),
        attempt().prop_map(|attempt| State::Connecting { attempt }),
        attempt().prop_map(|attempt| State::Transferring { attempt }),
        any::<u64>().prop_map(|at| State::TransientError { retry_at: Moment(at) }),
        any::<u64>().prop_map(|at| State::Blocked { since: Moment(at) }),
        Just(State::Error),
        Just(State::Transferred),
        Just(State::Completing),
        Just(State::Acknowledged),
        Just(State::Cancelled),
    ]
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::Network(NetworkTrouble::TimedOut)),
        any::<u16>().prop_map(|status| Failure::Server(ServerTrouble::Status(status))),
        Just(Failure::Server(ServerTrouble::SizeChanged)),
        any::<i32>().prop_map(|errno| Failure::Destination(DestinationTrouble::Io(errno))),
        Just(Failure::Destination(DestinationTrouble::NoSpace)),
        Just(Failure::Service(ServiceTrouble::TokenRequired)),
    ]
}

fn trouble() -> impl Strategy<Value = Trouble> {
    (failure(), option::of(any::<u32>()), text(), option::of(any::<u32>())).prop_map(
        |(failure, file, detail, retry_after)| Trouble { failure, file, detail, retry_after },
    )
}

/// Any proxy settings; whether they make sense is not the store's business.
fn proxy() -> impl Strategy<Value = ProxySettings> {
    (proptest::sample::select(ProxyUsage::ALL.to_vec()), text(), text())
        .prop_map(|(usage, list, bypass)| ProxySettings { usage, list, bypass })
}

fn command() -> impl Strategy<Value = NotifyCommand> {
    vec("[^\0]{0,20}", 0..4).prop_map(|parameters| {
        let program = parameters.first().map(|_| b"/bin/x".to_vec());
        let parameters = parameters.into_iter().map(String::into_bytes);
        NotifyCommand::new(program.into_iter().chain(parameters).collect()).unwrap()
    })
}

fn terms() -> impl Strategy<Value = Terms> {
    let security = 0..0x20_u32;
    let flags = (0..0x40_u32, security, option::of(1..0x100_u32));
    (
        (text(), text(), text(), command()),
        (proptest::sample::select(Priority::ALL.to_vec()), proxy(), flags),
        (any::<u32>(), any::<u32>(), any::<u32>(), any::<u32>()),
        any::<[bool; 5]>(),
        (any::<u64>(), option::of(any::<u32>()), option::of(any::<u32>()), any::<u64>()),
    )
        .prop_map(|(texts, choices, seconds, yes, rest)| Terms {
            name: texts.0,
            description: texts.1,
            priority: choices.0,
            retry_delay: seconds.0,
            no_progress_timeout: seconds.1,
            maximum_download_time: seconds.2,
            auto_complete: yes[0],
            notify_flags: NotifyFlags::from_bits(choices.2.0).unwrap(),
            notify_command: texts.3,
            notification_interval: seconds.3,
            proxy: choices.1,
            cost_flags: choices.2.2.and_then(|bits| CostFlags::from_bits(bits).unwrap()),
            dynamic_content: yes[1],
            high_performance: yes[2],
            maximum_download_size: rest.0,
            bandwidth_limit: rest.3,
            on_demand: yes[3],
            stored_proxy_credentials: yes[4],
            http_method: texts.2,
            security_flags: SecurityFlags::from_bits(choices.2.1).unwrap(),
            file_mode: rest.1,
            file_group: rest.2,
        })
}

fn temporary() -> impl Strategy<Value = Temporary> {
    (bytes(), any::<u64>(), any::<u64>(), any::<u32>())
        .prop_map(|(name, dev, ino, made_by)| Temporary { name, dev, ino, made_by })
}

fn validators() -> impl Strategy<Value = Validators> {
    let total = option::of(any::<u64>());
    (option::of(bytes()), option::of(bytes()), any::<bool>(), total, digest()).prop_map(
        |(etag, last_modified, last_modified_strong, total, digest)| Validators {
            etag,
            last_modified,
            last_modified_strong,
            total,
            digest,
        },
    )
}

fn digest() -> impl Strategy<Value = Option<Box<Digest>>> {
    let digest = prop_oneof![
        any::<[u8; 32]>().prop_map(Digest::Sha256),
        any::<[u8; 2]>()
            .prop_map(|[a, b]| Digest::Sha512([[a; 32], [b; 32]].concat().try_into().unwrap())),
    ];
    option::of(digest.prop_map(Box::new))
}

fn hashed() -> impl Strategy<Value = Option<Hashed>> {
    option::of((any::<u64>(), bytes()).prop_map(|(at, state)| Hashed { at, state }))
}

fn progress() -> impl Strategy<Value = Progress> {
    proptest::sample::select(vec![
        Progress::Unfinished,
        Progress::Transferred,
        Progress::Completed,
        Progress::Dropped,
    ])
}

fn wanted() -> impl Strategy<Value = Wanted> {
    let part = (0..u64::MAX / 2, option::of(1..u64::MAX / 2))
        .prop_map(|(offset, length)| Part { offset, length });
    let range = (0..u64::MAX / 2, 1..u64::MAX / 2)
        .prop_map(|(start, length)| Range::new(start, start + length).unwrap());
    let order = (vec(range.clone(), 0..4), vec(range, 0..4), any::<u64>()).prop_map(
        |(filled, requested, position)| {
            let filled = filled.into_iter().collect();
            Wanted::OnDemand(Box::new(OnDemand { filled, requested, position }))
        },
    );
    prop_oneof![
        Just(Wanted::Whole),
        Just(Wanted::InOrder),
        vec(part, 1..4).prop_map(Wanted::Given),
        order,
    ]
}

/// Any file.
pub(crate) fn any_file() -> impl Strategy<Value = File> {
    let destination = (bytes(), bytes(), any::<u64>(), any::<u64>())
        .prop_map(|(dir, name, dev, ino)| Destination { dir, name, dev, ino });
    (
        (
            text(),
            destination,
            any::<bool>(),
            (option::of(temporary()), option::of(temporary()), any::<bool>()),
            (wanted(), digest()),
        ),
        (any::<[u64; 2]>(), validators(), progress(), hashed()),
        (option::of(text()), option::of(any::<u16>()), option::of(any::<i64>())),
        (option::of(any::<u64>()), any::<bool>(), vec(("[A-Za-z-]{1,8}", "[ -~]{0,12}"), 0..3)),
    )
        .prop_map(|(place, held, said, (told_size, valid, headers))| File {
            url: place.0,
            destination: place.1,
            replace: place.2,
            wanted: place.4.0,
            digest: place.4.1,
            temporary: place.3.0,
            in_place: place.3.2,
            spare: place.3.1,
            durable: held.0[0],
            furthest: held.0[1],
            hashed: held.3,
            validators: held.1,
            progress: held.2,
            final_url: said.0,
            http_status: said.1,
            modified: said.2,
            told_size,
            valid,
            headers,
        })
}

fn headers() -> impl Strategy<Value = CustomHeaders> {
    let sealed = (any::<[u8; 12]>(), vec(any::<u8>(), 0..40))
        .prop_map(|(nonce, bytes)| Sealed { nonce, bytes });
    (option::of(sealed), any::<bool>())
        .prop_map(|(sealed, write_only)| CustomHeaders { sealed, write_only })
}

fn credentials() -> impl Strategy<Value = BTreeMap<AuthPair, Sealed>> {
    let target = prop_oneof![Just(AuthTarget::Server), Just(AuthTarget::Proxy)];
    let pair = (target, 0..AuthScheme::ALL.len())
        .prop_map(|(target, at)| AuthPair { target, scheme: AuthScheme::ALL[at] });
    let sealed = (any::<[u8; 12]>(), vec(any::<u8>(), 0..40))
        .prop_map(|(nonce, bytes)| Sealed { nonce, bytes });
    btree_map(pair, sealed, 0..4)
}

fn certificate() -> impl Strategy<Value = Option<Sealed>> {
    let sealed = (any::<[u8; 12]>(), vec(any::<u8>(), 0..40))
        .prop_map(|(nonce, bytes)| Sealed { nonce, bytes });
    option::of(sealed)
}

fn authorities() -> impl Strategy<Value = Option<Authorities>> {
    (vec(any::<u8>(), 0..40), any::<bool>())
        .prop_map(|(pem, alone)| Authorities::new(pem, alone).ok().flatten())
}

/// Any job, whether the rules could lead there or not.
pub(crate) fn any_job() -> impl Strategy<Value = Job> {
    let flags = (0..8u32).prop_map(|bits| TokenFlags::from_bits(bits).unwrap());
    let patience = (any::<u32>(), any::<u32>(), option::of(any::<u64>()))
        .prop_map(|(tries, stays, since)| Patience { tries, stays, since: since.map(Moment) });
    let running = (any::<u64>(), option::of(any::<u64>()))
        .prop_map(|(used, since)| Running { used, since: since.map(Moment) });
    let calling = prop_oneof![
        Just(Calling::Nothing),
        Just(Calling::Done),
        (any::<u32>(), any::<u64>())
            .prop_map(|(tries, at)| Calling::Owed { tries, at: Moment(at) }),
    ];
    (
        (any::<[u8; 16]>(), token(), option::of(token()), flags),
        (
            (
                terms(),
                any::<(bool, bool)>(),
                (headers(), credentials(), certificate(), authorities()),
            ),
            state(),
            option::of(trouble()),
            any::<u32>(),
        ),
        ((any::<i64>(), any::<i64>(), any::<i64>()), option::of(any::<i64>())),
        (any::<u64>(), (patience, running, calling), vec(any_file(), 0..4)),
    )
        .prop_map(|(who, what, times, rest)| Job {
            id: JobId::from_bytes(who.0),
            owner: who.1,
            helper: who.2,
            flags: who.3,
            terms: what.0.0,
            headers: what.0.2.0,
            credentials: what.0.2.1,
            certificate: what.0.2.2,
            authorities: what.0.2.3,
            validated: what.0.1.1,
            resumed: what.0.1.0,
            state: what.1,
            error: what.2,
            error_count: what.3,
            files: rest.2,
            created: WallTime(times.0.0),
            modified: WallTime(times.0.1),
            active: WallTime(times.0.2),
            transferred: times.1.map(WallTime),
            attempts: rest.0,
            patience: rest.1.0,
            running: rest.1.1,
            calling: rest.1.2,
        })
}
