//! What the tests of the whole stand on: real users, real processes, a server that lies.
//!
//! * [`apache`], [`realm`]: a real server that wants to know who asks, and a realm with tickets;
//! * [`nginx`]: a real server that wants a client certificate, of which [`certificates`] makes some;
//! * [`memory`]: what is in the memory of a process;
//! * [`bound`]: a server that takes tickets only if they are tied to its certificate;
//! * [`ntlm`]: a server that checks proofs of NTLM with somebody else's hashes;
//! * [`samba`]: Samba as somebody else's judge of NTLM;
//! * [`content`]: made-up files of any size that nobody has to store;
//! * [`credentials`]: what jobs log on with, set as a client sets it;
//! * [`dice`]: chance that can be repeated;
//! * [`server`]: an HTTP server under the thumb of the test, which knows who asked;
//! * [`proxy`]: HTTP and SOCKS proxies, likewise;
//! * [`squid`]: a real Squid, which may want to know who asks;
//! * [`users`]: accounts of the machine, and calling as one of them;
//! * [`instance`]: a whole Ebb in a scratch directory, started, killed, looked at;
//! * [`processes`]: what `/proc` says about each of them;
//! * [`scratch`]: directories that live as long as a test;
//! * [`machine`]: a booted machine with a real logind;
//! * [`message_bus`], [`desktop`], [`logind`]: services of the machine that tests play;
//! * [`job`]: one job, as a test drives it;
//! * [`bus`]: D-Bus calls to an instance under any identity.
//!
//! Nothing here sleeps to wait for something to happen, and nothing outlives its test. What needs
//! root says so by [`users::needs_root`] and is left out aloud.

#![forbid(unsafe_code)]

pub mod apache;
pub mod bound;
pub mod bus;
pub mod certificates;
pub mod content;
pub mod credentials;
pub mod desktop;
pub mod dice;
pub mod digests;
pub mod instance;
pub mod job;
pub mod logind;
pub mod machine;
pub mod memory;
pub mod message_bus;
pub mod namespace;
pub mod nginx;
pub mod ntlm;
pub mod processes;
pub mod proxy;
pub mod realm;
pub mod samba;
pub mod scratch;
pub mod server;
pub mod squid;
pub mod stapling;
pub mod tokens;
pub mod users;
