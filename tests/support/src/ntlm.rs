//! A server that wants to know who asks by NTLM, and checks the proof with somebody else's hashes.
//!
//! The sums are done by `openssl`: nothing of the engine's own is used to check the engine. It knows
//! one user; a connection that has proved to be theirs is known until it ends, others hear 401. Each
//! request is noted with who it counted as.

use crate::content::Content;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

const SIGNATURE: &[u8; 8] = b"NTLMSSP\0";
const LONGEST_HEAD: usize = 64 * 1024;

/// A running server; stops when dropped.
#[derive(Debug)]
pub struct NtlmServer {
    shared: Arc<Shared>,
    address: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    user: String,
    password: String,
    content: Content,
    seen: Mutex<Vec<String>>,
    stopping: AtomicBool,
}

impl NtlmServer {
    /// Starts one that knows this user, and has this content at every path.
    ///
    /// # Panics
    ///
    /// When there is no free port.
    #[must_use]
    pub fn start(user: &str, password: &str, content: Content) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(Shared {
            user: user.to_owned(),
            password: password.to_owned(),
            content,
            seen: Mutex::default(),
            stopping: AtomicBool::new(false),
        });
        let serving = Arc::clone(&shared);
        std::thread::spawn(move || {
            for (number, socket) in listener.incoming().enumerate() {
                if serving.stopping.load(Ordering::Relaxed) {
                    return;
                }
                let shared = Arc::clone(&serving);
                std::thread::spawn(move || serve(&shared, number, socket.ok()?));
            }
        });
        Self { shared, address }
    }

    /// The address of a file.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.address)
    }

    /// What was asked: number of the connection, and who it was.
    ///
    /// # Panics
    ///
    /// When a thread of it has.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().expect("nobody panics with it").clone()
    }
}

impl Drop for NtlmServer {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

/// One connection, until it ends.
fn serve(shared: &Shared, number: usize, mut socket: TcpStream) -> Option<()> {
    let (mut nonce, mut known) = ([0; 8], false);
    loop {
        let head = read_head(&mut socket)?;
        let field = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization").then_some(value)
        });
        let message = field.and_then(|value| value.strip_prefix("NTLM "));
        let message = message.map(|text| openssl(&["base64", "-d", "-A"], text.as_bytes()));
        let (who, challenge) = match message.as_deref() {
            _ if known => ("known", None),
            Some(said) if kind(said) == Some(1) => {
                let random = openssl(&["rand", "8"], b"");
                nonce.copy_from_slice(random.get(..8)?);
                let text = openssl(&["base64", "-A"], &challenge(nonce));
                ("greets", Some(format!(" {}", String::from_utf8(text).ok()?)))
            }
            Some(said) if kind(said) == Some(3) => {
                known = shared.proves(said, nonce).unwrap_or(false);
                (if known { "proves" } else { "wrong" }, Some(String::new()))
            }
            Some(_) | None => ("nobody", Some(String::new())),
        };
        shared.seen.lock().expect("nobody panics with it").push(format!("{number} {who}"));
        let answer = match challenge {
            Some(token) if !known => format!(
                "HTTP/1.1 401 Who\r\nWWW-Authenticate: NTLM{token}\r\nContent-Length: 3\r\n\r\n"
            ),
            Some(_) | None => format!(
                "HTTP/1.1 200 OK\r\nETag: \"n\"\r\nContent-Length: {}\r\n\r\n",
                shared.content.size
            ),
        };
        socket.write_all(answer.as_bytes()).ok()?;
        if !head.starts_with("HEAD ") {
            let body = if known { shared.content.bytes() } else { b"no\n".to_vec() };
            socket.write_all(&body).ok()?;
        }
    }
}

fn read_head(socket: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
        if head.len() > LONGEST_HEAD {
            return None;
        }
    }
    String::from_utf8(head).ok()
}

fn kind(message: &[u8]) -> Option<u32> {
    let rest = message.strip_prefix(SIGNATURE)?;
    Some(u32::from_le_bytes(rest.get(..4)?.try_into().ok()?))
}

/// A challenge with a name of the domain, and the time.
fn challenge(nonce: [u8; 8]) -> Vec<u8> {
    let pair = |kind: u16, value: &[u8]| {
        let length = u16::try_from(value.len()).unwrap_or(0).to_le_bytes();
        [&kind.to_le_bytes()[..], &length, value].concat()
    };
    let time = 133_000_000_000_000_000_u64.to_le_bytes();
    let target = [pair(2, &utf16("EBB")), pair(7, &time), pair(0, &[])].concat();
    let length = u16::try_from(target.len()).unwrap_or(0).to_le_bytes();
    let mut message = [SIGNATURE.as_slice(), &2_u32.to_le_bytes(), &[0; 8]].concat();
    message.extend_from_slice(&0x0082_8201_u32.to_le_bytes());
    message.extend_from_slice(&nonce);
    message.extend_from_slice(&[0; 8]);
    message.extend_from_slice(&[length, length].concat());
    message.extend_from_slice(&48_u32.to_le_bytes());
    [message, target].concat()
}

impl Shared {
    /// Whether a last message proves that its sender knows the password.
    fn proves(&self, message: &[u8], nonce: [u8; 8]) -> Option<bool> {
        let (answer, domain, user) = (part(message, 20)?, part(message, 28)?, part(message, 36)?);
        if user != utf16(&self.user) {
            return Some(false);
        }
        let md4 = ["dgst", "-provider", "legacy", "-provider", "default", "-md4", "-binary"];
        let hash = openssl(&md4, &utf16(&self.password));
        let name = [utf16(&self.user.to_uppercase()), domain.to_vec()].concat();
        let key = mac(&hash, &name);
        let (proof, blob) = answer.split_at_checked(16)?;
        Some(mac(&key, &[&nonce[..], blob].concat()) == proof)
    }
}

/// What a message says is at the place that is written down there.
fn part(message: &[u8], at: usize) -> Option<&[u8]> {
    let place = message.get(at..at + 8)?;
    let length = usize::from(u16::from_le_bytes([place[0], place[1]]));
    let from = u32::from_le_bytes(place[4..].try_into().ok()?);
    let from = usize::try_from(from).ok()?;
    message.get(from..from.checked_add(length)?)
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    let key: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let key = format!("hexkey:{key}");
    openssl(&["dgst", "-md5", "-mac", "HMAC", "-macopt", &key, "-binary"], text)
}

fn utf16(text: &str) -> Vec<u8> {
    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn openssl(words: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new("openssl");
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("openssl can be started");
    // It may not want to read.
    let _ = child.stdin.take().expect("it was asked for").write_all(input);
    let output = child.wait_with_output().expect("our own child");
    assert!(output.status.success(), "openssl {words:?}");
    output.stdout
}
