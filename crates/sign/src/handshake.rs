//! What a client signs in a TLS handshake, and nothing else is signed here. Pure.
//!
//! Answers one question: *are these bytes what proves, to some server, that whoever shakes hands holds
//! the key?* Whoever could have anything else signed could make certificates, mails or documents with
//! the key, or take part in protocols it was never meant for.
//!
//! * TLS 1.3 (RFC 8446, 4.4.3): 64 spaces, the words "TLS 1.3, client CertificateVerify", a zero, and
//!   the hash of the handshake: exactly that.
//! * TLS 1.2 (RFC 5246, 7.4.8) signs the handshake itself, so far. So it must be one: the messages of a
//!   full handshake in their order, each as long as it says, of a server that chose TLS 1.2, and with
//!   our own certificates where the client shows its own. It begins with the byte 1 and ends within a
//!   client's message: nothing a server signs, and no certificate, looks like that.
//!
//! Which server it is nobody can tell from that: the network agent is trusted with whom it shows the
//! certificate to.

/// What TLS 1.3 puts before the hash.
const CONTEXT: &[u8] = b"TLS 1.3, client CertificateVerify\0";
/// How many spaces come before that.
const SPACES: usize = 64;

/// Messages of a handshake of TLS 1.2.
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const CERTIFICATE_REQUEST: u8 = 13;
const SERVER_HELLO_DONE: u8 = 14;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const CERTIFICATE_STATUS: u8 = 22;

/// How both hellos say TLS 1.2.
const TLS_1_2: [u8; 2] = [3, 3];

/// Whether it is what a client with these certificates signs.
pub(crate) fn is_a_clients(message: &[u8], chain: &[Vec<u8>]) -> bool {
    is_of_1_3(message) || is_of_1_2(message, chain).is_some()
}

fn is_of_1_3(message: &[u8]) -> bool {
    let (spaces, rest) = message.split_at(SPACES.min(message.len()));
    // Of SHA-256, or of SHA-384.
    let is_hash = |hash: &[u8]| [32, 48].contains(&hash.len());
    spaces == [b' '; SPACES] && rest.strip_prefix(CONTEXT).is_some_and(is_hash)
}

fn is_of_1_2(message: &[u8], chain: &[Vec<u8>]) -> Option<()> {
    let mut said = Said(message);
    said.of(CLIENT_HELLO)?.strip_prefix(&TLS_1_2)?;
    said.of(SERVER_HELLO)?.strip_prefix(&TLS_1_2)?;
    said.of(CERTIFICATE)?;
    let _ = said.of(CERTIFICATE_STATUS);
    // Left out where keys are exchanged by RSA, which nobody should do any more.
    let _ = said.of(SERVER_KEY_EXCHANGE);
    said.of(CERTIFICATE_REQUEST)?;
    said.of(SERVER_HELLO_DONE)?.is_empty().then_some(())?;
    (said.of(CERTIFICATE)? == shown(chain)).then_some(())?;
    said.of(CLIENT_KEY_EXCHANGE)?;
    said.0.is_empty().then_some(())
}

/// What is left of the handshake.
struct Said<'a>(&'a [u8]);

impl<'a> Said<'a> {
    /// Takes the next message, if it is of this kind: a byte, three bytes of length, the message.
    fn of(&mut self, kind: u8) -> Option<&'a [u8]> {
        let rest = self.0.strip_prefix(&[kind])?;
        let (length, rest) = rest.split_at_checked(3)?;
        let length = length.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        let (message, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some(message)
    }
}

/// How certificates are shown in TLS 1.2.
fn shown(chain: &[Vec<u8>]) -> Vec<u8> {
    fn with_length(bytes: &[u8]) -> Vec<u8> {
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&length[1..], bytes].concat()
    }
    let list: Vec<u8> = chain.iter().flat_map(|one| with_length(one)).collect();
    with_length(&list)
}

#[cfg(test)]
mod tests;
