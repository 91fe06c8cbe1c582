//! What the kernel says about a socket: who holds its other end, and whether that end hung up.
//!
//! On one machine both ends of a loopback connection are in the kernel's table (`/proc/net/tcp`,
//! `/proc/net/tcp6`), each with the uid its socket was made under. That is what a firewall and the
//! accounting see, and what a promise about identities has to be measured by.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::net::{SocketAddr, TcpStream};

/// The uid of the client's socket, by the kernel's table.
pub(crate) fn client_uid(accepted: &TcpStream) -> Option<u32> {
    let client = accepted.peer_addr().ok()?;
    let server = accepted.local_addr().ok()?;
    ["/proc/net/tcp", "/proc/net/tcp6"]
        .iter()
        .filter_map(|table| std::fs::read_to_string(table).ok())
        .find_map(|table| uid_in(&table, client, server))
}

/// Whether the other end has closed, wholly or for writing.
pub(super) fn hung_up(socket: &TcpStream) -> bool {
    let mut fds = [PollFd::new(socket, PollFlags::RDHUP)];
    let now = Timespec { tv_sec: 0, tv_nsec: 0 };
    let gone = PollFlags::RDHUP | PollFlags::HUP | PollFlags::ERR;
    poll(&mut fds, Some(&now)).is_ok() && fds[0].revents().intersects(gone)
}

/// Finds the socket *from* `local` *to* `remote` in a table. Ports alone make it unique here.
fn uid_in(table: &str, local: SocketAddr, remote: SocketAddr) -> Option<u32> {
    table.lines().skip(1).find_map(|line| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let here = port(columns.get(1)?)? == local.port();
        let there = port(columns.get(2)?)? == remote.port();
        // State 06 is TIME_WAIT, which has no owner any more.
        let held = *columns.get(3)? != "06";
        if here && there && held { columns.get(7)?.parse().ok() } else { None }
    })
}

fn port(address: &str) -> Option<u16> {
    u16::from_str_radix(address.rsplit(':').next()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::{client_uid, hung_up};
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn the_uid_is_that_of_the_process_that_holds_the_socket() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let (accepted, _) = listener.accept().unwrap();
            assert_eq!(client_uid(&accepted), Some(rustix::process::getuid().as_raw()));
            assert!(!hung_up(&accepted));
            drop(client);
            assert!(hung_up(&accepted));
        }
    }
}
