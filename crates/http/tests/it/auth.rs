//! Servers that want to know who asks, and what they are told.

use crate::support::*;
use ebb_http::{
    AnswerError, Client, Ended, Login, LoginScheme, LoginTarget, Logins, Options, Order, Secret,
    Spoken, Talk, Tickets, Trust,
};
use std::sync::{Arc, Mutex};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use url::Url;

const BASIC: &str = "www-authenticate: Basic realm=\"b\"";
/// alice:hunter2
const SAID: &str = "authorization: basic ywxpy2u6ahvudgvymg==";

fn no(fields: &[&str]) -> Act {
    let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
    say(&format!("HTTP/1.1 401 Unauthorized\r\n{fields}Content-Length: 4\r\n\r\nno.\n"))
}

fn yes() -> Act {
    yes_with("")
}

fn yes_with(fields: &str) -> Act {
    say(&format!("HTTP/1.1 200 OK\r\nETag: {TAG}\r\n{fields}Content-Length: 9\r\n\r\n123456789"))
}

fn login(scheme: LoginScheme, password: &str) -> Logins {
    let explicit = Some((Secret::of("alice"), Secret::of(password)));
    [Login { target: LoginTarget::Server, scheme, explicit }].into_iter().collect()
}

fn implicit(target: LoginTarget) -> Logins {
    [Login { target, scheme: LoginScheme::Negotiate, explicit: None }].into_iter().collect()
}

fn order_as(server: &Server, logins: &Logins) -> Order {
    let options = Options { logins: logins.clone(), ..Options::default() };
    Order { options, ..order(server.url(), held(0)) }
}

async fn ended(client: &Arc<Client>, server: &Server, logins: &Logins) -> Ended {
    run(client, order_as(server, logins), &Target::holding(b"")).await.0
}

fn said(server: &Server) -> Vec<Option<String>> {
    let field = |request: &String| {
        let line = request.lines().find(|line| line.starts_with("authorization:"));
        line.map(str::to_owned)
    };
    server.requests().iter().map(field).collect()
}

fn text(ended: Ended) -> String {
    match refused(ended) {
        AnswerError::LogOn(error) => error.to_string(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "current_thread")]
async fn nothing_is_said_before_it_is_asked_and_then_it_is_said_beforehand() {
    let server = Server::start(vec![no(&[BASIC]), yes(), yes()]).await;
    let (client, logins) = (client(), login(LoginScheme::Basic, "hunter2"));
    assert_done(&ended(&client, &server, &logins).await, 9);
    assert_done(&ended(&client, &server, &logins).await, 9);
    assert_eq!(said(&server), [None, Some(SAID.to_owned()), Some(SAID.to_owned())]);
    assert_eq!(server.connections(), 1, "what is said beside a 401 is read to its end");
}

#[tokio::test(flavor = "current_thread")]
async fn a_wrong_password_is_said_once_and_the_error_says_so() {
    let server = Server::start(vec![no(&[BASIC]), no(&[BASIC])]).await;
    let ended = ended(&client(), &server, &login(LoginScheme::Basic, "hunter2")).await;
    assert_eq!(
        text(ended),
        "the server wants to know who asks (401), by Basic; it rejected the credentials for Basic"
    );
    assert_eq!(said(&server), [None, Some(SAID.to_owned())]);
}

#[tokio::test(flavor = "current_thread")]
async fn of_several_fetches_with_a_wrong_password_one_says_it() {
    // It serves one connection at a time.
    let server = Server::start(vec![no(&[BASIC, "connection: close"]); 4]).await;
    let (client, logins) = (client(), login(LoginScheme::Basic, "wrong"));
    let targets = [(); 3].map(|()| Target::holding(b""));
    let [one, two, three] = &targets;
    let ended = tokio::join!(
        run(&client, order_as(&server, &logins), one),
        run(&client, order_as(&server, &logins), two),
        run(&client, order_as(&server, &logins), three)
    );
    for ended in [ended.0.0, ended.1.0, ended.2.0] {
        assert!(text(ended).contains("rejected"));
    }
    assert_eq!(said(&server).iter().flatten().count(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn a_fetch_that_comes_late_does_not_say_a_rejected_password_again() {
    let server = Server::start(vec![no(&[BASIC]); 3]).await;
    let (client, logins) = (client(), login(LoginScheme::Basic, "wrong"));
    for _ in 0..2 {
        assert!(text(ended(&client, &server, &logins).await).contains("rejected"));
    }
    assert_eq!(said(&server).iter().flatten().count(), 1);
}

#[tokio::test(flavor = "current_thread")]
async fn without_credentials_the_error_says_what_the_server_takes() {
    for logins in [
        Logins::default(),
        login(LoginScheme::Digest, "x"),
        // What is for the proxy is not for the server.
        implicit(LoginTarget::Proxy),
    ] {
        let server = Server::start(vec![no(&[BASIC, "www-authenticate: Negotiate"])]).await;
        assert_eq!(
            text(ended(&client(), &server, &logins).await),
            "the server wants to know who asks (401), by Basic or Negotiate; the job has no \
             credentials for that"
        );
        assert_eq!(said(&server), [None]);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn nonsense_and_nothing_are_errors_and_nothing_is_said() {
    for fields in [&[][..], &["www-authenticate: =,;\"", "www-authenticate: Digest realm"]] {
        let server = Server::start(vec![no(fields)]).await;
        let ended = ended(&client(), &server, &login(LoginScheme::Digest, "x")).await;
        assert!(text(ended).contains("no credentials for that"));
        assert_eq!(said(&server), [None]);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn credentials_do_not_follow_a_redirect_to_another_origin() {
    let other = Server::start(vec![no(&[BASIC])]).await;
    let to =
        format!("HTTP/1.1 302 Found\r\nLocation: {}\r\nContent-Length: 0\r\n\r\n", other.url());
    let server = Server::start(vec![no(&[BASIC]), say(&to)]).await;
    let ended = ended(&client(), &server, &login(LoginScheme::Basic, "hunter2")).await;
    assert!(text(ended).contains("no credentials for that"));
    assert_eq!(said(&server), [None, Some(SAID.to_owned())]);
    assert_eq!(said(&other), [None]);
}

/// Serves all connections at once: asks who it is once, and is content with everybody then. Notes
/// which connection a request came on, and whether it said anything.
async fn content_with_everybody() -> (Url, Arc<Mutex<Vec<(usize, bool)>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/f", listener.local_addr().unwrap());
    let seen = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&seen);
    tokio::spawn(async move {
        for connection in 0.. {
            let (mut socket, _) = listener.accept().await.unwrap();
            let noted = Arc::clone(&noted);
            tokio::spawn(async move {
                while let Some(head) = request(&mut socket).await {
                    let first = {
                        let mut noted = noted.lock().unwrap();
                        noted.push((connection, head.contains("authorization:")));
                        noted.len() == 1
                    };
                    let Act::Say(answer) = (if first { no(&[BASIC]) } else { yes() }) else {
                        unreachable!("that is what they are")
                    };
                    socket.write_all(&answer).await.unwrap();
                }
            });
        }
    });
    (Url::parse(&url).unwrap(), seen)
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_knows_us_never_carries_what_somebody_else_asks() {
    let (url, seen) = content_with_everybody().await;
    let client = client();
    let (known, other) = (login(LoginScheme::Basic, "hunter2"), login(LoginScheme::Basic, "other"));
    for logins in [known.clone(), Logins::default(), other, known] {
        let options = Options { logins, ..Options::default() };
        let order = Order { options, ..order(url.clone(), held(0)) };
        assert_done(&run(&client, order, &Target::holding(b"")).await.0, 9);
    }
    let seen = seen.lock().unwrap().clone();
    assert_eq!(seen, [(0, false), (0, true), (1, false), (2, false), (0, true)]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_digest_is_answered_renewed_once_and_said_beforehand() {
    let digest = |more: &str| {
        format!("www-authenticate: Digest realm=\"r\", qop=\"auth\", algorithm=SHA-256, {more}")
    };
    let next = "authentication-info: nextnonce=\"three\"\r\n";
    let server = Server::start(vec![
        no(&[&digest("nonce=\"one\"")]),
        no(&[&digest("nonce=\"two\", stale=true")]),
        yes_with(next),
        yes(),
    ])
    .await;
    let (client, logins) = (client(), login(LoginScheme::Digest, "hunter2"));
    assert_done(&ended(&client, &server, &logins).await, 9);
    assert_done(&ended(&client, &server, &logins).await, 9);
    let said: Vec<String> = said(&server).into_iter().flatten().collect();
    for (said, nonce) in said.iter().zip(["one", "two", "three"]) {
        for part in [format!("nonce=\"{nonce}\""), "uri=\"/file?secret=1\"".into()] {
            assert!(said.contains(&part) && !said.contains("hunter2"), "{said}");
        }
    }
    assert_eq!(said.len(), 3);
}

/// "NTLMSSP", 2, no name, Unicode, a nonce.
const CHALLENGE: &str = "www-authenticate: NTLM TlRMTVNTUAACAAAAAAAAAAAAAAABAAAAASNFZ4mrze8=";

#[tokio::test(flavor = "current_thread")]
async fn ntlm_says_its_messages_on_one_connection_and_no_more_of_them() {
    let ask = no(&["www-authenticate: NTLM"]);
    let server = Server::start(vec![ask.clone(), no(&[CHALLENGE]), yes(), yes()]).await;
    let (client, logins) = (client(), login(LoginScheme::Ntlm, "hunter2"));
    assert_done(&ended(&client, &server, &logins).await, 9);
    assert_done(&ended(&client, &server, &logins).await, 9);
    assert_eq!(server.connections(), 1);
    let sayings = said(&server);
    let said = |at: usize| sayings[at].as_deref().unwrap_or_default();
    // "NTLMSSP", 1 and 3, in lower case.
    assert!(said(1).starts_with("authorization: ntlm tlrmtvntuaab"), "{}", said(1));
    assert!(said(2).starts_with("authorization: ntlm tlrmtvntuaad"), "{}", said(2));
    assert_eq!((sayings[0].as_ref(), sayings[3].as_ref()), (None, None), "it knows us");
    // A wrong one, once.
    let server = Server::start(vec![ask.clone(), no(&[CHALLENGE]), ask.clone(), ask]).await;
    let why = text(ended(&client, &server, &logins).await);
    assert!(why.ends_with("it rejected the credentials for NTLM"), "{why}");
}

#[tokio::test(flavor = "current_thread")]
async fn a_connection_that_ends_in_the_middle_of_a_talk_is_not_another_try() {
    let closing = CHALLENGE.to_owned() + "\r\nConnection: close";
    let ask = no(&["www-authenticate: NTLM"]);
    let server = Server::start(vec![ask.clone(), no(&[&closing]), ask]).await;
    let why = text(ended(&client(), &server, &login(LoginScheme::Ntlm, "x")).await);
    assert!(why.contains("closed the connection in the middle of it"), "{why}");
    assert_eq!(said(&server).iter().flatten().count(), 1);
}

/// Tickets as a test has them: says "first", and wants to hear "proof".
struct Booth;

struct Talking(bool);

impl Tickets for Booth {
    fn begin(
        &self,
        host: &str,
        login: Option<(&str, &str)>,
        binding: Option<&[u8]>,
    ) -> Result<Box<dyn Talk>, String> {
        assert_eq!(binding, None, "there is no TLS");
        assert_eq!((host, login), ("127.0.0.1", None));
        Ok(Box::new(Talking(false)))
    }
}

impl Talk for Talking {
    fn answer(&mut self, said: Option<&[u8]>) -> Result<Spoken, String> {
        match (std::mem::replace(&mut self.0, true), said) {
            (false, None) => Ok(Spoken::Say(b"first".to_vec())),
            (true, Some(b"proof")) => Ok(Spoken::Done),
            _ => Err("a forged ticket".to_owned()),
        }
    }
}

fn with_tickets() -> Arc<Client> {
    Client::with_tickets(Trust::load(None).unwrap(), Some(Arc::new(Booth)))
}

const NEGOTIATE: &str = "www-authenticate: Negotiate";

#[tokio::test(flavor = "current_thread")]
async fn a_ticket_is_shown_where_it_was_allowed_and_they_prove_who_they_are() {
    // "first" and "proof".
    let proof = "www-authenticate: Negotiate cHJvb2Y=\r\n";
    let server = Server::start(vec![no(&[NEGOTIATE]), yes_with(proof)]).await;
    let logins = implicit(LoginTarget::Server);
    assert_done(&ended(&with_tickets(), &server, &logins).await, 9);
    assert_eq!(said(&server)[1].as_deref(), Some("authorization: negotiate zmlyc3q="));
}

#[tokio::test(flavor = "current_thread")]
async fn who_does_not_prove_who_they_are_is_not_believed() {
    for (forged, why) in [
        ("", "it did not prove who it is"),
        ("www-authenticate: Negotiate eHh4\r\n", "it did not prove who it is: a forged ticket"),
    ] {
        let server = Server::start(vec![no(&[NEGOTIATE]), yes_with(forged)]).await;
        let target = Target::holding(b"");
        let order = order_as(&server, &implicit(LoginTarget::Server));
        let (ended, notebook) = run(&with_tickets(), order, &target).await;
        let said = text(ended);
        assert!(said.contains("Negotiate") && said.ends_with(why), "{said}");
        assert!(notebook.heads.is_empty() && target.content().is_empty());
    }
}

#[tokio::test(flavor = "current_thread")]
async fn where_tickets_do_not_help_the_next_scheme_is_tried() {
    let logins: Logins = [
        Login { target: LoginTarget::Server, scheme: LoginScheme::Negotiate, explicit: None },
        Login {
            target: LoginTarget::Server,
            scheme: LoginScheme::Basic,
            explicit: Some((Secret::of("alice"), Secret::of("hunter2"))),
        },
    ]
    .into_iter()
    .collect();
    let ask = no(&[NEGOTIATE, BASIC]);
    let server = Server::start(vec![ask.clone(), ask.clone(), yes()]).await;
    // This client has nobody to ask for tickets.
    assert_done(&ended(&client(), &server, &logins).await, 9);
    assert_eq!(said(&server), [None, None, Some(SAID.to_owned())]);
}
