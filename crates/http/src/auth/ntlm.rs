//! NTLM, version 2 of its answers (MS-NLMP 3.3.2), as a client speaks it. Pure but for chance and
//! the time.
//!
//! ```text
//!  we: negotiate ──▶ they: challenge ──▶ we: authenticate
//! ```
//!
//! Answers one question: *which bytes prove that we know a password, without saying it?* There are
//! no signatures and no sealing, and nothing older than version 2 is ever said. What the other side
//! may try: a challenge that points outside itself, or is not one; then nothing is said.

use super::login::Secret;
use super::talk::{Spoken, Talk};
use hmac::{Hmac, Mac};
use md4::{Digest as _, Md4};
use md5::Md5;
use std::time::{SystemTime, UNIX_EPOCH};

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";

/// Unicode, target wanted, NTLM, always signed, extended session security, 128 bits, 56 bits. No
/// signature is used; servers expect the flag all the same.
const FLAGS: u32 =
    0x0000_0001 | 0x0000_0004 | 0x0000_0200 | 0x0000_8000 | 0x0008_0000 | 0xa000_0000;
/// A server that does not speak Unicode would not understand our names.
const UNICODE: u32 = 0x0000_0001;

/// The time, in what they know of the target.
const TIMESTAMP: u16 = 7;
/// What ties it to the TLS under it.
const CHANNEL_BINDINGS: u16 = 10;
/// Its end.
const END: u16 = 0;
/// Seconds between 1601 and 1970.
const EPOCH: u64 = 11_644_473_600;

/// A talk as this user.
pub(super) struct Ntlm {
    domain: Secret,
    user: Secret,
    password: Secret,
    /// What ties it to the TLS under it, hashed.
    binding: Option<[u8; 16]>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Begun,
    Over,
}

/// What a server said.
struct Challenge<'a> {
    nonce: [u8; 8],
    /// What it knows of itself.
    target: &'a [u8],
}

/// What both answers are made of.
struct Chance {
    nonce: [u8; 8],
    time: u64,
}

impl Ntlm {
    /// `DOMAIN\user`, or a user of whatever domain they take.
    pub(super) fn new(user: &str, password: &str) -> Self {
        let (domain, user) = user.split_once('\\').unwrap_or(("", user));
        let [domain, user, password] = [domain, user, password].map(Secret::of);
        Self { domain, user, password, binding: None, state: State::New }
    }

    /// The same, tied to that.
    pub(super) fn bound_to(self, binding: Option<&[u8]>) -> Self {
        Self { binding: binding.map(super::binding::hashed), ..self }
    }

    fn authenticate(&self, said: &[u8]) -> Option<Vec<u8>> {
        let challenge = Challenge::read(said)?;
        let bound = self.binding.map(|binding| challenge.bound_to(&binding));
        let challenge =
            Challenge { target: bound.as_deref().unwrap_or(challenge.target), ..challenge };
        let mut nonce = [0; 8];
        let filled = rustix::rand::getrandom(&mut nonce, rustix::rand::GetRandomFlags::empty());
        if filled != Ok(nonce.len()) {
            return None;
        }
        let told = challenge.timestamp();
        let now = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = told.unwrap_or_else(|| {
            let now = now();
            (now.as_secs() + EPOCH) * 10_000_000 + u64::from(now.subsec_nanos() / 100)
        });
        let key = self.key()?;
        let chance = Chance { nonce, time };
        let (nt, mut lm) = answers(&key, &challenge, &chance)?;
        if told.is_some() {
            // Who tells the time does not look at the other one.
            lm = vec![0; 24];
        }
        Some(self.message(&lm, &nt))
    }

    /// From the password to the key of version 2.
    fn key(&self) -> Option<[u8; 16]> {
        let mut password = Secret::default();
        password.extend(&utf16(self.password.as_str()));
        let hash = Md4::digest(password.as_bytes());
        let user = self.user.as_str().to_uppercase();
        mac(&hash, &[&utf16(&user), &utf16(self.domain.as_str())])
    }

    fn message(&self, lm: &[u8], nt: &[u8]) -> Vec<u8> {
        const HEAD: usize = 64;
        let (domain, user) = (utf16(self.domain.as_str()), utf16(self.user.as_str()));
        let parts: [&[u8]; 6] = [lm, nt, &domain, &user, &[], &[]];
        let mut head = [SIGNATURE.as_slice(), &3_u32.to_le_bytes()].concat();
        let mut at = HEAD;
        for part in parts {
            // Bounded: names by their limit, the rest by the limit of an answer's head.
            let length = u16::try_from(part.len()).unwrap_or(u16::MAX).to_le_bytes();
            head.extend_from_slice(&length);
            head.extend_from_slice(&length);
            head.extend_from_slice(&u32::try_from(at).unwrap_or(u32::MAX).to_le_bytes());
            at += part.len();
        }
        head.extend_from_slice(&FLAGS.to_le_bytes());
        [head, parts.concat()].concat()
    }
}

impl Talk for Ntlm {
    fn answer(&mut self, said: Option<&[u8]>) -> Result<Spoken, String> {
        match (self.state, said) {
            (State::New, None | Some([])) => {
                self.state = State::Begun;
                let mut message = [SIGNATURE.as_slice(), &1_u32.to_le_bytes()].concat();
                message.extend_from_slice(&FLAGS.to_le_bytes());
                // Neither a domain nor a workstation.
                message.extend_from_slice(&[0; 16]);
                Ok(Spoken::Say(message))
            }
            (State::Begun, Some(said)) => {
                self.state = State::Over;
                let message = self.authenticate(said);
                message
                    .map(Spoken::SayAndDone)
                    .ok_or_else(|| "its challenge makes no sense".to_owned())
            }
            (State::New | State::Begun | State::Over, _) => {
                Err("it says something at the wrong time".to_owned())
            }
        }
    }
}

impl<'a> Challenge<'a> {
    fn read(said: &'a [u8]) -> Option<Self> {
        let rest = said.strip_prefix(SIGNATURE)?.strip_prefix(&2_u32.to_le_bytes())?;
        // What it calls itself is of no interest: 8 bytes.
        let flags = u32::from_le_bytes(rest.get(8..12)?.try_into().ok()?);
        let nonce = rest.get(12..20)?.try_into().ok()?;
        if flags & UNICODE == 0 {
            return None;
        }
        // Eight bytes of nothing; then where it says what it knows. An old one does not say it.
        let target = match rest.get(28..36) {
            None => &[][..],
            Some(place) => {
                let length = usize::from(u16::from_le_bytes([place[0], place[1]]));
                let at = u32::from_le_bytes([place[4], place[5], place[6], place[7]]);
                let at = usize::try_from(at).ok()?;
                if length == 0 { &[] } else { said.get(at..at.checked_add(length)?)? }
            }
        };
        Some(Self { nonce, target })
    }

    /// What they know of the target, with the binding before its end. Where they tell nothing of it,
    /// they want to know nothing either.
    fn bound_to(&self, binding: &[u8; 16]) -> Vec<u8> {
        let mut bound = Vec::new();
        let mut rest = self.target;
        while let Some((head, body)) = rest.split_at_checked(4) {
            let kind = u16::from_le_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
            let Some((value, next)) = body.split_at_checked(length) else { break };
            if kind == END {
                bound.extend_from_slice(&CHANNEL_BINDINGS.to_le_bytes());
                bound.extend_from_slice(&16_u16.to_le_bytes());
                bound.extend_from_slice(binding);
                bound.extend_from_slice(rest);
                return bound;
            }
            bound.extend_from_slice(head);
            bound.extend_from_slice(value);
            rest = next;
        }
        self.target.to_vec()
    }

    /// The time they tell, if they do.
    fn timestamp(&self) -> Option<u64> {
        let mut rest = self.target;
        loop {
            let (head, body) = rest.split_at_checked(4)?;
            let kind = u16::from_le_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_le_bytes([head[2], head[3]]));
            let (value, next) = body.split_at_checked(length)?;
            match kind {
                END => return None,
                TIMESTAMP => return value.try_into().ok().map(u64::from_le_bytes),
                _ => rest = next,
            }
        }
    }
}

/// Both answers of version 2.
fn answers(key: &[u8], challenge: &Challenge<'_>, chance: &Chance) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut blob = vec![1, 1, 0, 0, 0, 0, 0, 0];
    blob.extend_from_slice(&chance.time.to_le_bytes());
    blob.extend_from_slice(&chance.nonce);
    blob.extend_from_slice(&[0; 4]);
    blob.extend_from_slice(challenge.target);
    blob.extend_from_slice(&[0; 4]);
    let proof = mac(key, &[&challenge.nonce, &blob])?;
    let second = mac(key, &[&challenge.nonce, &chance.nonce])?;
    Some(([&proof[..], &blob].concat(), [&second[..], &chance.nonce].concat()))
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Option<[u8; 16]> {
    let mut mac = <Hmac<Md5> as Mac>::new_from_slice(key).ok()?;
    parts.iter().for_each(|part| mac.update(part));
    Some(mac.finalize().into_bytes().into())
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    fn pairs() -> Vec<u8> {
        let pair = |kind: u16, value: &[u8]| {
            let length = u16::try_from(value.len()).unwrap().to_le_bytes();
            [&kind.to_le_bytes()[..], &length, value].concat()
        };
        [pair(2, &utf16("Domain")), pair(1, &utf16("Server")), pair(0, &[])].concat()
    }

    /// A challenge as a server writes it.
    fn challenge(flags: u32, target: &[u8]) -> Vec<u8> {
        let mut said = [SIGNATURE.as_slice(), &2_u32.to_le_bytes(), &[0; 8]].concat();
        said.extend_from_slice(&flags.to_le_bytes());
        said.extend_from_slice(&[0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef]);
        said.extend_from_slice(&[0; 8]);
        let length = u16::try_from(target.len()).unwrap().to_le_bytes();
        said.extend_from_slice(&[length, length].concat());
        said.extend_from_slice(&48_u32.to_le_bytes());
        [said, target.to_vec()].concat()
    }

    /// MS-NLMP 4.2.4.
    #[test]
    fn the_examples_of_the_specification_come_out_as_they_are_written_there() {
        let ntlm = Ntlm::new("Domain\\User", "Password");
        let key = ntlm.key().unwrap();
        assert_eq!(hex(&key), "0c868a403bfd7a93a3001ef22ef02e3f");
        let said = challenge(UNICODE, &pairs());
        let chance = Chance { nonce: [0xaa; 8], time: 0 };
        let (nt, lm) = answers(&key, &Challenge::read(&said).unwrap(), &chance).unwrap();
        assert_eq!(hex(&nt[..16]), "68cd0ab851e51c96aabc927bebef6a1c");
        assert_eq!(hex(&lm), "86c35097ac9cec102554764a57cccc19aaaaaaaaaaaaaaaa");
    }

    #[test]
    fn a_talk_has_two_messages_and_the_password_is_in_neither() {
        let mut ntlm = Ntlm::new("alice", "hunter2");
        let Ok(Spoken::Say(first)) = ntlm.answer(Some(&[])) else { panic!("no first message") };
        assert_eq!((&first[..8], first[8]), (&SIGNATURE[..], 1));
        let said = challenge(UNICODE, &pairs());
        let Ok(Spoken::SayAndDone(last)) = ntlm.answer(Some(&said)) else { panic!("no last one") };
        assert_eq!(last[8], 3);
        let holds = |text: &[u8]| last.windows(text.len()).any(|part| part == text);
        assert!(holds(&utf16("alice")));
        assert!(!holds(&utf16("hunter2")) && !holds(b"hunter2"));
        assert!(ntlm.answer(Some(&said)).is_err(), "it is over");
    }

    #[test]
    fn who_tells_the_time_gets_it_back_and_no_older_answer() {
        let time = [&7_u16.to_le_bytes()[..], &8_u16.to_le_bytes(), &[7; 8]].concat();
        let said = challenge(UNICODE, &[time, vec![0; 4]].concat());
        let last = Ntlm::new("alice", "x").authenticate(&said).unwrap();
        let (lm, nt) = (&last[64..88], &last[88..]);
        assert_eq!(lm, [0; 24]);
        assert_eq!(nt[16 + 8..16 + 16], [7; 8]);
    }

    #[test]
    fn what_ties_it_to_the_tls_under_it_is_in_the_proof_before_the_end_of_what_they_know() {
        let said = challenge(UNICODE, &pairs());
        let bound = Ntlm::new("alice", "x").bound_to(Some(b"tls-server-end-point:hash"));
        let last = bound.authenticate(&said).unwrap();
        // Sixteen zeros for no addresses, the length, the text.
        let mut hash = Md5::new();
        hash.update([0; 16]);
        hash.update([25, 0, 0, 0]);
        hash.update(b"tls-server-end-point:hash");
        let pair = [&[10, 0, 16, 0][..], &hash.finalize(), &[0; 4]].concat();
        let at = last.windows(pair.len()).position(|part| part == pair).expect("it is there");
        let names = pairs().len() - 4;
        assert_eq!(last[at - names..at], pairs()[..names]);
        let free = Ntlm::new("alice", "x").bound_to(None).authenticate(&said).unwrap();
        assert_eq!(last.len(), free.len() + 20);
        // Who knows nothing of the target gets no more than before.
        let silent = challenge(UNICODE, &[]);
        let bound = Ntlm::new("alice", "x").bound_to(Some(b"y")).authenticate(&silent).unwrap();
        assert_eq!(bound.len(), Ntlm::new("alice", "x").authenticate(&silent).unwrap().len());
    }

    #[test]
    fn what_is_no_challenge_is_not_answered() {
        let good = challenge(UNICODE, &pairs());
        let mut outside = good.clone();
        outside[44] = 0xff;
        for wrong in [&good[..31], b"NTLMSSP\0", b"", &challenge(0, &pairs()), &outside] {
            assert!(Ntlm::new("alice", "x").authenticate(wrong).is_none());
        }
        assert!(Ntlm::new("alice", "x").authenticate(&good[..40]).is_some(), "an old one");
    }

    proptest! {
        #[test]
        fn whatever_a_server_sends_there_is_no_panic(
            flags in any::<u32>(), target in vec(any::<u8>(), 0..60), garbage in vec(any::<u8>(), 0..80)
        ) {
            let ntlm = Ntlm::new("alice", "x");
            let _ = ntlm.authenticate(&challenge(flags | UNICODE, &target));
            let _ = ntlm.authenticate(&garbage);
            let _ = ntlm.authenticate(&[SIGNATURE.as_slice(), &garbage].concat());
        }
    }
}
