//! Whether there is a network: what the kernel's routes say.
//!
//! There is one when a packet could leave the machine: a unicast route over something else than
//! the loopback device that is not dead, without a carrier, or good for link-local addresses only.
//! The kernel is asked for all routes at the start, and again after it has said that links,
//! addresses or routes have changed and been quiet for a moment.
//!
//! Route netlink is spoken by hand: two requests, one answer, and nothing is ever changed. What the
//! kernel says is still read as if it could lie: a length that does not fit ends the reading.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ebb_core::conditions::Network;
use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use tokio::io::Interest;
use tokio::net::UnixDatagram;
use tokio::sync::mpsc;

use super::Sighting;
use crate::command::Message;

/// A change is looked at when no other has come for this long: links come up in several steps.
const SETTLE: Duration = Duration::from_millis(200);
/// But not later than this.
const LATEST: Duration = Duration::from_secs(2);

/// Links, addresses and routes, of both families.
const GROUPS: u32 = 0x1 | 0x10 | 0x40 | 0x100 | 0x400;

const NLMSG_ERROR: u16 = 2;
const NLMSG_DONE: u16 = 3;
const RTM_NEWROUTE: u16 = 24;
const RTM_GETROUTE: u16 = 26;
/// `NLM_F_REQUEST | NLM_F_DUMP`
const DUMP: u16 = 0x1 | 0x300;

const RTN_UNICAST: u8 = 1;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;
const RTA_GATEWAY: u16 = 5;
const RTA_MULTIPATH: u16 = 9;
/// `RTNH_F_DEAD | RTNH_F_LINKDOWN`
const GONE: u32 = 0x1 | 0x10;
/// The loopback device has this number in every network namespace.
const LOOPBACK: u32 = 1;

/// The routes that lead somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Routes {
    any: bool,
    /// Device and gateway of each default route.
    defaults: BTreeSet<(u32, Vec<u8>)>,
}

impl Routes {
    pub(super) fn network(&self) -> Network {
        if self.any { Network::Up } else { Network::Down }
    }

    /// The device that leads out; one of them, if there are several.
    pub(super) fn way_out(&self) -> Option<u32> {
        self.gateway().map(|(device, _)| device)
    }

    /// The same with the address of the gateway, which may be none.
    pub(super) fn gateway(&self) -> Option<(u32, &[u8])> {
        self.defaults.first().map(|(device, gateway)| (*device, gateway.as_slice()))
    }

    /// Whether this is a network where there was none, or another way out than before.
    fn came_after(&self, before: &Self) -> bool {
        self.any && (!before.any || !self.defaults.is_subset(&before.defaults))
    }
}

/// Tells every change.
///
/// # Errors
///
/// What the kernel says when it does not let us listen or look.
pub(super) async fn watch(outbox: &mpsc::UnboundedSender<Message>) -> io::Result<()> {
    // Only the readiness of the standard socket is used: the runtime takes it over safely.
    let socket = std::os::unix::net::UnixDatagram::from(open(GROUPS)?);
    let monitor = UnixDatagram::from_std(socket)?;
    let mut known = look()?;
    // Between the first look and now something may have changed already.
    tell(outbox, &known, false);
    loop {
        wait_for_a_change(&monitor).await?;
        let seen = look()?;
        if seen != known {
            tell(outbox, &seen, seen.came_after(&known));
            known = seen;
        }
    }
}

fn tell(outbox: &mpsc::UnboundedSender<Message>, routes: &Routes, came: bool) {
    let sighting = Sighting::Network { network: routes.network(), came };
    // The main loop ends only with the process.
    let _ = outbox.send(Message::Sighted(sighting));
}

/// Returns when something has changed, and been quiet for a moment.
async fn wait_for_a_change(monitor: &UnixDatagram) -> io::Result<()> {
    heard(monitor).await?;
    let latest = tokio::time::Instant::now() + LATEST;
    while tokio::time::Instant::now() < latest {
        match tokio::time::timeout(SETTLE, heard(monitor)).await {
            Ok(more) => more?,
            Err(_) => break,
        }
    }
    Ok(())
}

/// Waits for a message and throws away what there is: that something changed is all we want.
async fn heard(monitor: &UnixDatagram) -> io::Result<()> {
    let mut buffer = vec![0; 32 << 10];
    let mut once = || match rustix::net::recv(monitor, &mut buffer[..], RecvFlags::empty()) {
        // More than the kernel could keep for us: then all the more has changed.
        Ok(_) | Err(Errno::NOBUFS) => Ok(()),
        Err(error) => Err(error.into()),
    };
    monitor.async_io(Interest::READABLE, &mut once).await?;
    while monitor.try_io(Interest::READABLE, &mut once).is_ok() {}
    Ok(())
}

fn open(groups: u32) -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    // Protocol 0 of this family is route netlink.
    let socket = rustix::net::socket_with(AddressFamily::NETLINK, SocketType::RAW, flags, None)?;
    rustix::net::bind(&socket, &SocketAddrNetlink::new(0, groups))?;
    Ok(socket)
}

/// Asks the kernel for all routes.
///
/// # Errors
///
/// What the kernel says, or that it said something that makes no sense.
pub(super) fn look() -> io::Result<Routes> {
    let socket = open(0)?;
    let kernel = SocketAddrNetlink::new(0, 0);
    rustix::net::sendto(&socket, &request(), SendFlags::empty(), &kernel)?;
    let mut routes = Routes::default();
    let mut buffer = vec![0; 64 << 10];
    loop {
        // The answer is there as soon as it is asked for; waiting is never needed.
        let received = rustix::net::recv(&socket, &mut buffer[..], RecvFlags::empty())?;
        if routes.read(&buffer[..received.0])? == Dump::Done {
            return Ok(routes);
        }
    }
}

/// `RTM_GETROUTE` for every family.
fn request() -> [u8; 28] {
    let mut request = [0; 28];
    request[..4].copy_from_slice(&28u32.to_ne_bytes());
    request[4..6].copy_from_slice(&RTM_GETROUTE.to_ne_bytes());
    request[6..8].copy_from_slice(&DUMP.to_ne_bytes());
    request
}

/// Whether the kernel has said all.
#[derive(Debug, PartialEq, Eq)]
enum Dump {
    More,
    Done,
}

impl Routes {
    fn read(&mut self, mut messages: &[u8]) -> io::Result<Dump> {
        while !messages.is_empty() {
            let length = u32_at(messages, 0).and_then(|length| usize::try_from(length).ok());
            let message = length.filter(|length| *length >= 16).and_then(|l| messages.get(..l));
            let (Some(message), Some(kind)) = (message, u16_at(messages, 4)) else {
                return Err(nonsense());
            };
            match kind {
                NLMSG_DONE => return Ok(Dump::Done),
                NLMSG_ERROR => {
                    let error = u32_at(message, 16).map_or(0, u32::cast_signed);
                    return Err(io::Error::from_raw_os_error(error.saturating_neg()));
                }
                RTM_NEWROUTE => self.take(&message[16..])?,
                _ => {}
            }
            messages = messages.get(aligned(message.len())..).unwrap_or_default();
        }
        Ok(Dump::More)
    }

    /// Takes over one route, if it leads somewhere.
    fn take(&mut self, route: &[u8]) -> io::Result<()> {
        let (Some(head), Some(flags)) = (route.first_chunk::<12>(), u32_at(route, 8)) else {
            return Err(nonsense());
        };
        let [_family, prefix, _, _, _, _, _, kind, ..] = *head;
        if kind != RTN_UNICAST || flags & GONE != 0 {
            return Ok(());
        }
        let (mut devices, mut gateway, mut link_local) = (Vec::new(), Vec::new(), false);
        for attribute in attributes(&route[12..]) {
            let (kind, value) = attribute?;
            match kind {
                RTA_OIF => devices.extend(u32_at(value, 0)),
                RTA_MULTIPATH => devices.extend(next_hops(value)),
                RTA_DST => link_local = is_link_local(value),
                RTA_GATEWAY => gateway = value.to_vec(),
                _ => {}
            }
        }
        devices.retain(|device| *device != LOOPBACK);
        if devices.is_empty() || link_local {
            return Ok(());
        }
        self.any = true;
        if prefix == 0 {
            self.defaults.extend(devices.into_iter().map(|device| (device, gateway.clone())));
        }
        Ok(())
    }
}

/// The attributes of a route: kind and value.
fn attributes(mut rest: &[u8]) -> impl Iterator<Item = io::Result<(u16, &[u8])>> {
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let length = u16_at(rest, 0).map(usize::from).filter(|length| *length >= 4);
        let value = length.and_then(|length| rest.get(4..length));
        let (Some(length), Some(value), Some(kind)) = (length, value, u16_at(rest, 2)) else {
            rest = &[];
            return Some(Err(nonsense()));
        };
        rest = rest.get(aligned(length)..).unwrap_or_default();
        // Two bits are flags.
        Some(Ok((kind & 0x3fff, value)))
    })
}

/// The devices of a route with several hops, as far as they are usable.
fn next_hops(mut rest: &[u8]) -> Vec<u32> {
    let mut devices = Vec::new();
    while let (Some(length), Some(device)) = (u16_at(rest, 0), u32_at(rest, 4)) {
        if u32::from(rest[2]) & GONE == 0 {
            devices.push(device);
        }
        rest = rest.get(aligned(usize::from(length).max(8))..).unwrap_or_default();
    }
    devices
}

/// Good for the neighbours on one link only: such a route is there as soon as the link is.
fn is_link_local(destination: &[u8]) -> bool {
    match destination {
        [169, 254, _, _] => true,
        [first, second, ..] if destination.len() == 16 => *first == 0xfe && second & 0xc0 == 0x80,
        _ => false,
    }
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn nonsense() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the kernel's list of routes makes no sense")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: u16, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(4 + value.len()).unwrap();
        let mut bytes = [length.to_ne_bytes(), kind.to_ne_bytes()].concat();
        bytes.extend(value);
        bytes.resize(aligned(bytes.len()), 0);
        bytes
    }

    /// A message with one route: length of its prefix, kind, flags, attributes.
    fn route(prefix: u8, kind: u8, flags: u32, attributes: &[(u16, &[u8])]) -> Vec<u8> {
        let mut body = vec![2, prefix, 0, 0, 254, 0, 0, kind];
        body.extend(flags.to_ne_bytes());
        body.extend(attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)));
        message(RTM_NEWROUTE, &body)
    }

    fn message(kind: u16, body: &[u8]) -> Vec<u8> {
        let mut bytes = u32::try_from(16 + body.len()).unwrap().to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.resize(16, 0);
        bytes.extend(body);
        bytes
    }

    const DEVICE: &[u8] = &2u32.to_ne_bytes();
    const LO: &[u8] = &1u32.to_ne_bytes();

    fn read(messages: &[Vec<u8>]) -> Routes {
        let mut routes = Routes::default();
        assert_eq!(routes.read(&messages.concat()).unwrap(), Dump::More);
        routes
    }

    #[test]
    fn only_a_route_that_leads_off_the_machine_is_a_network() {
        let lan: &[(u16, &[u8])] = &[(RTA_OIF, DEVICE), (RTA_DST, &[10, 0, 0, 0])];
        assert_eq!(read(&[route(8, RTN_UNICAST, 0, lan)]).network(), Network::Up);
        for (kind, flags, attributes) in [
            (RTN_UNICAST, 0x1, lan),
            (RTN_UNICAST, 0x10, lan),
            (2, 0, lan),
            (RTN_UNICAST, 0, &[(RTA_OIF, LO), (RTA_DST, &[10, 0, 0, 0])][..]),
            (RTN_UNICAST, 0, &[(RTA_OIF, DEVICE), (RTA_DST, &[169, 254, 0, 0])][..]),
            (
                RTN_UNICAST,
                0,
                &[
                    (RTA_OIF, DEVICE),
                    (RTA_DST, &[0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
                ],
            ),
            (RTN_UNICAST, 0, &[(RTA_DST, &[10, 0, 0, 0])]),
        ] {
            let found = read(&[route(8, kind, flags, attributes)]);
            assert_eq!(found.network(), Network::Down, "{kind} {flags} {attributes:?}");
        }
    }

    #[test]
    fn of_several_hops_one_that_is_usable_is_enough() {
        let hop = |flags: u8, device: &[u8]| [&[8, 0, flags, 0], device].concat();
        let both = |first: u8, second: u8| {
            let hops = [hop(first, DEVICE), hop(second, &3u32.to_ne_bytes())].concat();
            read(&[route(0, RTN_UNICAST, 0, &[(RTA_MULTIPATH, &hops)])])
        };
        assert_eq!(both(0x10, 0).network(), Network::Up);
        assert_eq!(both(0x10, 0x1).network(), Network::Down);
    }

    #[test]
    fn another_way_out_is_a_network_that_came_and_the_loss_of_one_is_not() {
        let way = |gateway: u8| {
            let gateway = [10, 0, 0, gateway];
            route(0, RTN_UNICAST, 0, &[(RTA_OIF, DEVICE), (RTA_GATEWAY, &gateway)])
        };
        let lan = route(8, RTN_UNICAST, 0, &[(RTA_OIF, DEVICE)]);
        let (none, one, two) = (read(&[]), read(&[way(1)]), read(&[way(1), way(2)]));
        assert!(one.came_after(&none) && two.came_after(&one));
        assert!(!one.came_after(&two) && !none.came_after(&one));
        assert!(!read(&[way(1), lan.clone()]).came_after(&one), "no way out");
        assert!(read(&[lan]).came_after(&none));
    }

    #[test]
    fn what_makes_no_sense_is_an_error_and_never_a_panic() {
        let whole = route(8, RTN_UNICAST, 0, &[(RTA_OIF, DEVICE), (RTA_DST, &[10, 0, 0, 0])]);
        for end in 1..whole.len() {
            assert!(Routes::default().read(&whole[..end]).is_err(), "{end}");
        }
        let mut bad_attribute = whole.clone();
        bad_attribute[28] = 200;
        assert!(Routes::default().read(&bad_attribute).is_err());
        let refused = message(NLMSG_ERROR, &(-1i32).to_ne_bytes());
        let error = Routes::default().read(&refused).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(1));
    }

    #[test]
    fn this_machines_routes_can_be_read() {
        look().expect("every Linux tells its routes to everybody");
    }
}
