//! The fetches in hand.
//!
//! Each is a task with a [`Steering`] by which the service releases or stops it. This module
//! answers one question: *which fetch does this message mean, and what is to be done with it?*
//!
//! ```text
//!  Fetch ──▶ started ──▶ Head … Progress … ──▶ Done | Failed | Stopped, exactly one of them
//! ```
//!
//! What ends a fetch is the last that is said of it: by then its connection is closed or idle, and
//! its descriptor is closed. It never carries anything from one fetch to another but idle
//! connections, which all belong to the one identity we run as.

use crate::authorities::Trusted;
use crate::certificates::Certificates;
use crate::descriptor::is_writable_file;
use crate::logins::Waiting;
use crate::paths::{self, Tellings};
use crate::translate::{
    asked, detail, digest, hashed, order, piece, redirect, retry_after, told, trouble,
};
use crate::validations::Validations;
use ebb_http::{
    Bucket, Client, Control, Digest, Ended, Hashed, Head, Options, Order, ProxyUse, Reports,
    Steering, check, control, fetch, measure, printable,
};
use ebb_wire::codec::PATHS_MAX;
use ebb_wire::net::{
    self, AuthoritiesId, CertificateId, FetchId, FetchOptions, FromNet, NetTrouble, ToNet,
};
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::JoinSet;
use url::Url;

/// A message from the service that does not fit.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Violation {
    /// The bytes are no message, or the descriptors do not belong to it.
    #[error("{0}")]
    Malformed(String),
    /// A fetch by the name of one that runs.
    #[error("a second fetch {}", .0.0)]
    Twice(FetchId),
    /// The descriptor is not a regular file that can be written at an offset.
    #[error("fetch {} with a descriptor that will not do", .0.0)]
    Descriptor(FetchId),
    /// A method, or a header field, that cannot stand in a request.
    #[error("fetch {} with a request that cannot be written", .0.0)]
    Options(FetchId),
    /// A certificate that is here already, or one too many, or one that a fetch means and is not here.
    #[error("certificate {} that is not, or must not be, here", .0.0)]
    Certificate(CertificateId),
    /// Authorities that are here already, or some too many, or that a fetch means and are not here.
    #[error("authorities {} that are not, or must not be, here", .0.0)]
    Authorities(AuthoritiesId),
    /// Credentials that cannot be, or too many.
    #[error("credentials for fetch {} that will not do", .0.0)]
    Login(FetchId),
}

/// The fetches in hand.
pub(crate) struct Fetches {
    client: Arc<Client>,
    /// How our identity gets to the network if its job does not say.
    preconfigured: ProxyUse,
    /// A fetch wanted to know, and it made no sense.
    misled: bool,
    outbox: UnboundedSender<FromNet>,
    running: HashMap<FetchId, Steering>,
    /// What fetches take their bandwidth from. As many as the service names; they are small.
    buckets: HashMap<u32, Arc<Bucket>>,
    /// What fetches to come log on with.
    logins: Waiting,
    certificates: Certificates,
    trusted: Trusted,
    tellings: Tellings,
    validations: Validations,
    tasks: JoinSet<FetchId>,
}

impl Fetches {
    pub(crate) fn new(
        client: Arc<Client>,
        preconfigured: ProxyUse,
        outbox: UnboundedSender<FromNet>,
    ) -> Self {
        Self {
            client,
            preconfigured,
            misled: false,
            validations: Validations::new(outbox.clone()),
            outbox,
            running: HashMap::new(),
            buckets: HashMap::new(),
            logins: Waiting::default(),
            certificates: Certificates::default(),
            trusted: Trusted::default(),
            tellings: Tellings::default(),
            tasks: JoinSet::new(),
        }
    }

    /// Does what the service says.
    pub(crate) fn handle(
        &mut self,
        message: ToNet,
        file: Option<OwnedFd>,
    ) -> Result<(), Violation> {
        match message {
            ToNet::Fetch {
                fetch,
                url,
                offset,
                validators,
                hashed: known,
                pieces,
                options,
                bucket,
                stall_timeout_ms,
            } => {
                if self.running.contains_key(&fetch) {
                    return Err(Violation::Twice(fetch));
                }
                let file = file
                    .filter(|file| is_writable_file(file))
                    .ok_or(Violation::Descriptor(fetch))?;
                let options = match self.asked(fetch, &options)? {
                    Ok(options) => options,
                    Err(why) => {
                        self.tell(distrusted(fetch, offset, &why));
                        return Ok(());
                    }
                };
                match order(&url, offset, validators, options, stall_timeout_ms) {
                    Some(mut order) => {
                        order.hashed = known.map(hashed);
                        order.pieces = pieces.iter().map(piece).collect();
                        order.bucket = self.bucket(bucket);
                        self.start(fetch, order, file);
                    }
                    None => self.tell(no_address(fetch, offset)),
                }
            }
            ToNet::Measure { fetch, url, options, stall_timeout_ms } => {
                let Ok(options) = self.asked(fetch, &options)? else {
                    self.tell(FromNet::Measured { fetch, size: None });
                    return Ok(());
                };
                match order(&url, 0, Default::default(), options, stall_timeout_ms) {
                    Some(order) => self.measure(fetch, order),
                    None => self.tell(FromNet::Measured { fetch, size: None }),
                }
            }
            ToNet::Check { fetch, url, length, server, owner } => {
                if self.running.contains_key(&fetch) {
                    return Err(Violation::Twice(fetch));
                }
                let file = file.ok_or(Violation::Descriptor(fetch))?;
                let digests = (server.map(digest), owner.map(digest));
                match Url::parse(&url) {
                    Ok(url) => self.check(fetch, file, length, url, digests),
                    Err(_) => self.tell(no_address(fetch, length)),
                }
            }
            ToNet::Login { fetch, login } => {
                if !self.logins.take(fetch, login) {
                    return Err(Violation::Login(fetch));
                }
            }
            ToNet::Certificate { certificate, identity } => {
                let taken = file
                    .is_some_and(|signer| self.certificates.take(certificate, identity, signer));
                if !taken {
                    return Err(Violation::Certificate(certificate));
                }
            }
            ToNet::Forget { certificate } => self.certificates.forget(certificate),
            ToNet::Authorities { authorities, alone, pem } => {
                if !self.trusted.take(authorities, &pem, alone) {
                    return Err(Violation::Authorities(authorities));
                }
            }
            ToNet::Distrust { authorities } => self.trusted.forget(authorities),
            ToNet::Verdict { question, verdict } => self.validations.answer(question, verdict),
            ToNet::Limit { bucket, bytes_per_second, manners } => {
                if let Some(bucket) = self.bucket(bucket) {
                    bucket.set(bytes_per_second);
                    bucket.behave(manners.map(paths::manners));
                }
            }
            // Without a descriptor there is none; one that tells no number is never believed.
            ToNet::Card { sent: false } => {
                file.into_iter().for_each(|file| self.client.pacer().watch_card(file));
            }
            ToNet::Card { sent: true } => {
                file.into_iter().for_each(|file| self.client.pacer().watch_sent(file));
            }
            ToNet::Remember { network, paths } => {
                let paths: Vec<_> = paths.iter().map(paths::remembered).collect();
                self.client.pacer().remember(network, &paths);
            }
            ToNet::Share { manners, part } => {
                self.client.pacer().share(paths::manners(manners), paths::part(part));
            }
            ToNet::Proceed { fetch } => {
                // One that is unknown has ended meanwhile; its end is under way.
                if let Some(steering) = self.running.get(&fetch) {
                    steering.proceed();
                }
            }
            ToNet::Stop { fetch } => {
                if let Some(steering) = self.running.get(&fetch) {
                    steering.stop();
                }
            }
        }
        Ok(())
    }

    /// Whether any is in hand.
    pub(crate) fn are_running(&self) -> bool {
        !self.running.is_empty()
    }

    /// Tells how the paths are doing on which fetches give way, if it is time: those that are shared with
    /// others, and those with another number of connections, at once.
    pub(crate) fn tell_paths(&mut self) {
        let due = self.tellings.is_due();
        for standing in self.client.pacer().standings() {
            let path = paths::told(&standing);
            if self.tellings.is_news(&path, due || standing.part.of > 1) {
                self.tell(FromNet::Path(path));
            }
        }
        if due {
            self.tell_learned();
        }
    }

    /// Tells what is worth remembering of them.
    fn tell_learned(&self) {
        if let Some((network, paths)) = self.client.pacer().learned(PATHS_MAX) {
            let paths = paths.iter().map(paths::learned).collect();
            self.tell(FromNet::Learned { network, paths });
        }
    }

    /// Waits until a fetch has ended, and forgets it. Without any, waits for ever.
    pub(crate) async fn one_ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(fetch)) => {
                self.running.remove(&fetch);
                self.tell_learned();
                if self.running.is_empty() {
                    self.tell_paths();
                }
            }
            // Panics abort, and nothing here aborts a task.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }

    /// How it is to be asked for, and what to log on with; or why nobody can be trusted.
    fn asked(
        &mut self,
        fetch: FetchId,
        options: &FetchOptions,
    ) -> Result<Result<Options, Arc<str>>, Violation> {
        let logins = self.logins.of(fetch).ok_or(Violation::Login(fetch))?;
        let known = |id| self.certificates.of(id).map(Some).ok_or(Violation::Certificate(id));
        let certificate = options.certificate.map_or(Ok(None), known)?;
        let known = |id| self.trusted.of(id).map(Some).ok_or(Violation::Authorities(id));
        let authorities = match options.authorities.map_or(Ok(None), known)?.transpose() {
            Ok(authorities) => authorities,
            Err(why) => return Ok(Err(why)),
        };
        let validation = options.validation.map(|wanted| self.validations.of(wanted));
        let options = asked(options, &self.preconfigured).map_err(|_| Violation::Options(fetch))?;
        self.misled |= matches!(options.proxy, ProxyUse::Unusable(_));
        Ok(Ok(Options { logins, certificate, authorities, validation, ..options }))
    }

    /// Whether none is in hand, and settings that made no sense have misled one.
    pub(crate) fn are_over_and_misled(&self) -> bool {
        self.misled && self.running.is_empty()
    }

    /// The bucket of this number; without a limit until it gets one. 0 is none.
    fn bucket(&mut self, number: u32) -> Option<Arc<Bucket>> {
        let new = || Arc::new(Bucket::new(None));
        (number > 0).then(|| Arc::clone(self.buckets.entry(number).or_insert_with(new)))
    }

    fn start(&mut self, id: FetchId, order: Order, file: OwnedFd) {
        let (steering, control) = control();
        self.running.insert(id, steering);
        let reporter = Reporter { id, outbox: self.outbox.clone() };
        self.tasks.spawn(run(Arc::clone(&self.client), order, file, control, reporter));
    }

    fn measure(&mut self, id: FetchId, order: Order) {
        let (steering, control) = control();
        self.running.insert(id, steering);
        let (client, outbox) = (Arc::clone(&self.client), self.outbox.clone());
        self.tasks.spawn(async move {
            let Order { url, options, stall_timeout, .. } = order;
            let size = measure(&client, &url, &options, stall_timeout, control).await;
            // Fails only when the channel has ended, and then so do we.
            let _ = outbox.send(FromNet::Measured { fetch: id, size });
            id
        });
    }

    fn check(
        &mut self,
        id: FetchId,
        file: OwnedFd,
        length: u64,
        url: Url,
        (server, owner): (Option<Digest>, Option<Digest>),
    ) {
        let (steering, control) = control();
        self.running.insert(id, steering);
        let reporter = Reporter { id, outbox: self.outbox.clone() };
        self.tasks.spawn(async move {
            let ended = check(file, length, url, server, owner, control).await;
            reporter.ended(ended);
            id
        });
    }

    fn tell(&self, report: FromNet) {
        // Fails only when the channel has ended, and then so do we.
        let _ = self.outbox.send(report);
    }
}

fn distrusted(fetch: FetchId, durable: u64, why: &str) -> FromNet {
    FromNet::Failed {
        fetch,
        durable,
        trouble: NetTrouble::AuthoritiesUnusable,
        retry_after: None,
        redirect: None,
        detail: printable(&format!("the authorities of the job (cacert): {why}")),
    }
}

fn no_address(fetch: FetchId, durable: u64) -> FromNet {
    FromNet::Failed {
        fetch,
        durable,
        trouble: NetTrouble::RedirectInvalid,
        retry_after: None,
        redirect: None,
        detail: "the address cannot be used".to_owned(),
    }
}

async fn run(
    client: Arc<Client>,
    order: Order,
    file: OwnedFd,
    control: Control,
    mut reporter: Reporter,
) -> FetchId {
    let id = reporter.id;
    let ended = fetch(&client, order, file, control, &mut reporter).await;
    reporter.ended(ended);
    id
}

/// Tells the service how one fetch goes.
struct Reporter {
    id: FetchId,
    outbox: UnboundedSender<FromNet>,
}

impl Reporter {
    /// The last word.
    fn ended(&self, ended: Ended) {
        let id = self.id;
        self.tell(match ended {
            Ended::Done { length, modified } => FromNet::Done { fetch: id, length, modified },
            Ended::Stopped { durable } => FromNet::Stopped { fetch: id, durable },
            Ended::Failed { durable, at, error } => FromNet::Failed {
                fetch: id,
                durable,
                trouble: trouble(&error),
                retry_after: retry_after(&error),
                redirect: redirect(&error),
                detail: detail(&at, &error),
            },
        });
    }

    fn tell(&self, report: FromNet) {
        // Fails only when the channel has ended, and then so do we.
        let _ = self.outbox.send(report);
    }
}

impl Reports for Reporter {
    fn head(&mut self, head: Head) {
        self.tell(FromNet::Head {
            fetch: self.id,
            status: head.status.as_u16(),
            validators: told(head.validators),
            final_url: head.final_url.into(),
            from: head.from,
            anew: head.anew,
            shared: head.shared,
            fields: head.fields,
        });
    }

    fn hashed(&mut self, Hashed { at, state }: Hashed) {
        let hashed = net::Hashed { at, state };
        self.tell(FromNet::Hashed { fetch: self.id, hashed });
    }

    fn progress(&mut self, durable: u64, received: u64) {
        self.tell(FromNet::Progress { fetch: self.id, durable, received });
    }
}
