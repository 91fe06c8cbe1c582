//! The service manager is told how we are: `sd_notify(3)`, over a socket that `ebbd` names.
//!
//! Answers one question: *does systemd know that we serve, read our configuration again, end, or hang?*
//! Its watchdog gets a sign of life only after the main loop has answered one: a loop that hangs is
//! ended and started anew, and jobs go on from their last synced byte. Where nobody listens nothing is
//! said. What cannot be told is not our failure: the manager has its own time limits.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::command::Message;

/// How often a sign of life is sent; the unit's `WatchdogSec=` is six times that.
pub(crate) const SIGN: Duration = Duration::from_secs(10);

/// Whoever started `ebbd`, if it wants to be told.
#[derive(Debug)]
pub(crate) struct Manager(Option<UnixDatagram>);

impl Manager {
    /// Finds it: `address` is a path, or after an `@` a name that is in no file system. To be called
    /// before we are confined.
    pub(crate) fn find(address: Option<&OsStr>) -> Self {
        Self(address.and_then(|address| {
            connect(address.as_bytes())
                .inspect_err(|error| {
                    eprintln!("cannot tell the service manager how we are: {error}")
                })
                .ok()
        }))
    }

    /// We serve, by the configuration that is in force.
    pub(crate) fn ready(&self) {
        self.tell("READY=1\nSTATUS=Serving");
    }

    /// We read the configuration again.
    pub(crate) fn reloading(&self) {
        let now = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
        let now = now.tv_sec * 1_000_000 + now.tv_nsec / 1_000;
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    /// We end, since we were asked to.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1\nSTATUS=Finishing");
    }

    /// Says that we serve when the main loop does, and from then on that it still does.
    pub(crate) async fn keep_informed(
        self: Rc<Self>,
        outbox: mpsc::UnboundedSender<Message>,
        every: Duration,
    ) {
        if self.0.is_none() {
            return;
        }
        if is_alive(&outbox).await {
            self.ready();
        }
        loop {
            tokio::time::sleep(every).await;
            if !is_alive(&outbox).await {
                return;
            }
            self.tell("WATCHDOG=1");
        }
    }

    fn tell(&self, what: &str) {
        if let Some(socket) = &self.0 {
            // Never waits; a manager that does not read has its own limits.
            let _ = socket.send(what.as_bytes());
        }
    }
}

/// Waits until the main loop has taken a message; false where it takes none any more.
async fn is_alive(outbox: &mpsc::UnboundedSender<Message>) -> bool {
    let (answer, answered) = oneshot::channel();
    outbox.send(Message::Alive(answer)).is_ok() && answered.await.is_ok()
}

fn connect(address: &[u8]) -> std::io::Result<UnixDatagram> {
    let address = match address {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        path => SocketAddr::from_pathname(OsStr::from_bytes(path))?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listener() -> (UnixDatagram, Manager) {
        let name = format!("ebb-manager-{}-{:?}", std::process::id(), std::thread::current().id());
        let address = SocketAddr::from_abstract_name(name.as_bytes()).unwrap();
        let listener = UnixDatagram::bind_addr(&address).unwrap();
        (listener, Manager::find(Some(OsStr::new(&format!("@{name}")))))
    }

    fn heard(listener: &UnixDatagram) -> String {
        let mut told = [0; 256];
        let length = listener.recv(&mut told).unwrap();
        String::from_utf8(told[..length].to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_sign_of_life_is_sent_only_after_the_main_loop_gave_one() {
        let (listener, manager) = listener();
        let (outbox, mut inbox) = mpsc::unbounded_channel();
        let local = tokio::task::LocalSet::new();
        local.spawn_local(Rc::new(manager).keep_informed(outbox, Duration::from_millis(1)));
        local
            .run_until(async {
                let Some(Message::Alive(answer)) = inbox.recv().await else { panic!("asked") };
                listener.set_nonblocking(true).unwrap();
                assert!(listener.recv(&mut [0; 9]).is_err(), "nothing is said before");
                answer.send(()).unwrap();
                let Some(Message::Alive(hanging)) = inbox.recv().await else { panic!("asked") };
                assert_eq!(heard(&listener), "READY=1\nSTATUS=Serving");
                // Nothing but the answer can wake it now, and it has all the turns it wants.
                for _ in 0..100 {
                    tokio::task::yield_now().await;
                }
                assert!(listener.recv(&mut [0; 9]).is_err(), "a loop that hangs is not alive");
                hanging.send(()).unwrap();
                let Some(Message::Alive(_)) = inbox.recv().await else { panic!("asked") };
                assert_eq!(heard(&listener), "WATCHDOG=1");
            })
            .await;
    }

    #[test]
    fn reading_the_configuration_again_begins_at_a_time_and_ends() {
        let (listener, manager) = listener();
        manager.reloading();
        manager.ready();
        let told = heard(&listener);
        let at = told.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        assert!(at.parse::<u64>().unwrap() > 0);
        assert!(heard(&listener).starts_with("READY=1\n"));
    }

    #[test]
    fn where_nobody_listens_nothing_is_said() {
        Manager::find(None).ready();
        Manager::find(Some(OsStr::new("/nonexistent/notify"))).ready();
    }
}
