//! Proxies that want to know who asks, and what they are told.

use crate::support::*;
use ebb_http::{
    Client, ConnectError, Ended, ExchangeError, FetchError, Listed, Login, LoginScheme,
    LoginTarget, Logins, Options, Order, Proxies, Proxy, ProxyKind, ProxyUse, Secret, Spoken, Talk,
    Tickets, Trust,
};
use std::sync::Arc;
use url::{Host, Url};

const BASIC: &str = "proxy-authenticate: Basic realm=\"b\"";
/// alice:hunter2
const SAID: &str = "proxy-authorization: basic ywxpy2u6ahvudgvymg==";

fn no(field: &str) -> Act {
    say(&format!("HTTP/1.1 407 Who\r\n{field}\r\nContent-Length: 4\r\n\r\nno.\n"))
}

fn yes() -> Act {
    say(&format!("HTTP/1.1 200 OK\r\nETag: {TAG}\r\nContent-Length: 9\r\n\r\n123456789"))
}

fn login(target: LoginTarget, scheme: LoginScheme, password: Option<&str>) -> Login {
    let explicit = password.map(|password| (Secret::of("alice"), Secret::of(password)));
    Login { target, scheme, explicit }
}

fn known() -> Logins {
    [login(LoginTarget::Proxy, LoginScheme::Basic, Some("hunter2"))].into_iter().collect()
}

async fn through(client: &Arc<Client>, proxy: &Server, url: &str, logins: &Logins) -> Ended {
    let host = Host::parse("127.0.0.1").unwrap();
    let proxy = Proxy { kind: ProxyKind::Http, host, port: proxy.port };
    let list = vec![Listed { only: None, proxy }];
    let proxies = Proxies { list, bypass: Vec::new() };
    let options = Options {
        logins: logins.clone(),
        proxy: ProxyUse::Through(Arc::new(proxies)),
        ..Options::default()
    };
    let order = Order { options, ..order(Url::parse(url).unwrap(), held(0)) };
    run(client, order, &Target::holding(b"")).await.0
}

fn said(proxy: &Server) -> Vec<Option<String>> {
    let field = |request: &String| {
        let line = request.lines().find(|line| line.starts_with("proxy-authorization:"));
        line.map(str::to_owned)
    };
    proxy.requests().iter().map(field).collect()
}

fn text(ended: Ended) -> String {
    match ended {
        Ended::Failed {
            error: FetchError::Exchange(ExchangeError::Connect(ConnectError::Proxy(error))),
            ..
        } => error.to_string(),
        other => panic!("{other:?}"),
    }
}

const URL: &str = "http://nowhere.invalid/f";

#[tokio::test(flavor = "current_thread")]
async fn a_proxy_is_told_when_it_asks_and_beforehand_from_then_on() {
    let proxy = Server::start(vec![no(BASIC), yes(), yes()]).await;
    let client = client();
    assert_done(&through(&client, &proxy, URL, &known()).await, 9);
    assert_done(&through(&client, &proxy, URL, &known()).await, 9);
    assert_eq!(said(&proxy), [None, Some(SAID.to_owned()), Some(SAID.to_owned())]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_proxy_hears_a_wrong_password_once_and_nothing_that_is_for_the_server() {
    let proxy = Server::start(vec![no(BASIC); 3]).await;
    let why = text(through(&client(), &proxy, URL, &known()).await);
    assert!(why.contains("127.0.0.1") && why.contains("offers: Basic"), "{why}");
    assert!(why.ends_with("; it rejected the credentials for Basic"), "{why}");
    assert_eq!(said(&proxy), [None, Some(SAID.to_owned())]);
    let proxy = Server::start(vec![no(BASIC); 3]).await;
    let server = [login(LoginTarget::Server, LoginScheme::Basic, Some("hunter2"))];
    let why = text(through(&client(), &proxy, URL, &server.into_iter().collect()).await);
    assert!(why.ends_with("offers: Basic"), "{why}");
    assert_eq!(said(&proxy), [None]);
}

#[tokio::test(flavor = "current_thread")]
async fn a_tunnel_is_asked_for_again_with_what_the_proxy_wants_to_know() {
    let digest = "proxy-authenticate: Digest realm=\"r\", nonce=\"n\", qop=\"auth\"";
    let refused = say("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let proxy = Server::start(vec![no(digest), refused]).await;
    let logins = [login(LoginTarget::Proxy, LoginScheme::Digest, Some("hunter2"))];
    let url = "https://nowhere.invalid/f";
    let why = text(through(&client(), &proxy, url, &logins.into_iter().collect()).await);
    assert!(why.contains("403"), "{why}");
    let asked = proxy.requests();
    assert!(asked.iter().all(|it| it.starts_with("connect nowhere.invalid:443 ")), "{asked:?}");
    let said = said(&proxy)[1].clone().unwrap();
    assert!(said.contains("uri=\"nowhere.invalid:443\"") && !said.contains("hunter2"), "{said}");
}

/// Tickets as a test has them.
struct Booth;

impl Tickets for Booth {
    fn begin(
        &self,
        host: &str,
        login: Option<(&str, &str)>,
        binding: Option<&[u8]>,
    ) -> Result<Box<dyn Talk>, String> {
        assert_eq!(binding, None, "there is no TLS");
        assert_eq!((host, login), ("127.0.0.1", None), "the proxy's, not the server's");
        Ok(Box::new(Self))
    }
}

impl Talk for Booth {
    fn answer(&mut self, said: Option<&[u8]>) -> Result<Spoken, String> {
        assert_eq!(said, None);
        Ok(Spoken::Say(b"first".to_vec()))
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_ticket_for_the_proxy_is_shown_to_it_once_and_only_where_that_was_allowed() {
    let negotiate = "proxy-authenticate: Negotiate";
    let client = Client::with_tickets(Trust::load(None).unwrap(), Some(Arc::new(Booth)));
    let implicit = |target| [login(target, LoginScheme::Negotiate, None)].into_iter().collect();
    let proxy = Server::start(vec![no(negotiate), yes()]).await;
    assert_done(&through(&client, &proxy, URL, &implicit(LoginTarget::Proxy)).await, 9);
    // "first", in lower case.
    assert_eq!(said(&proxy)[1].as_deref(), Some("proxy-authorization: negotiate zmlyc3q="));
    let proxy = Server::start(vec![no(negotiate); 3]).await;
    let why = text(through(&client, &proxy, URL, &implicit(LoginTarget::Proxy)).await);
    assert!(why.ends_with("; it rejected the credentials for Negotiate"), "{why}");
    assert_eq!(said(&proxy).iter().flatten().count(), 1);
    let proxy = Server::start(vec![no(negotiate)]).await;
    let why = text(through(&client, &proxy, URL, &implicit(LoginTarget::Server)).await);
    assert!(why.ends_with("offers: Negotiate"), "{why}");
    assert_eq!(said(&proxy), [None]);
}

const NTLM: &str = "proxy-authenticate: NTLM";
/// "NTLMSSP", 2, no name, Unicode, a nonce, and nothing about the target.
const CHALLENGE: &str = "proxy-authenticate: NTLM TlRMTVNTUAACAAAAAAAAAAAAAAABAAAAASNFZ4mrze8=";

fn ntlm() -> Logins {
    [login(LoginTarget::Proxy, LoginScheme::Ntlm, Some("hunter2"))].into_iter().collect()
}

/// Which message of NTLM each request had with it; 0 for none.
fn messages(proxy: &Server) -> Vec<u8> {
    let message = |said: Option<String>| match said.as_deref() {
        // "NTLMSSP", 1 and 3, in lower case.
        Some(said) if said.starts_with("proxy-authorization: ntlm tlrmtvntuaab") => 1,
        Some(said) if said.starts_with("proxy-authorization: ntlm tlrmtvntuaad") => 3,
        Some(said) => panic!("{said}"),
        None => 0,
    };
    said(proxy).into_iter().map(message).collect()
}

#[tokio::test(flavor = "current_thread")]
async fn a_proxy_gets_the_messages_of_ntlm_on_one_connection_which_it_knows_from_then_on() {
    // It closes after its first 407, as some do.
    let closing = no(&format!("{NTLM}\r\nConnection: close"));
    let proxy = Server::start(vec![closing, no(CHALLENGE), yes(), yes()]).await;
    let client = client();
    assert_done(&through(&client, &proxy, URL, &ntlm()).await, 9);
    assert_done(&through(&client, &proxy, URL, &ntlm()).await, 9);
    assert_eq!(messages(&proxy), [0, 1, 3, 0]);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_tunnel_is_asked_for_message_by_message_on_one_connection() {
    let refused = say("HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
    let proxy = Server::start(vec![no(NTLM), no(CHALLENGE), refused]).await;
    let why = text(through(&client(), &proxy, "https://nowhere.invalid/f", &ntlm()).await);
    assert!(why.contains("403"), "{why}");
    let asked = proxy.requests();
    assert!(asked.iter().all(|it| it.starts_with("connect nowhere.invalid:443 ")), "{asked:?}");
    assert_eq!(messages(&proxy), [0, 1, 3]);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test(flavor = "current_thread")]
async fn a_talk_with_a_proxy_that_leads_nowhere_is_not_begun_again() {
    let closing = format!("{CHALLENGE}\r\nConnection: close");
    let endless = "x".repeat(100_000);
    let endless = format!(
        "HTTP/1.1 407 Who\r\n{CHALLENGE}\r\nContent-Length: {}\r\n\r\n{endless}",
        endless.len()
    );
    let nonsense = no("proxy-authenticate: NTLM eHh4");
    for (acts, wanted, why) in [
        (vec![no(NTLM), no(CHALLENGE), no(NTLM)], [0, 1, 3].as_slice(), "it rejected the"),
        (vec![no(NTLM), no(&closing), no(NTLM)], &[0, 1], "closed the connection in the middle"),
        (vec![no(NTLM), say(&endless), no(NTLM)], &[0, 1], "closed the connection in the middle"),
        (vec![no(NTLM), nonsense, no(NTLM)], &[0, 1], "its challenge makes no sense"),
        (vec![no(NTLM), no(NTLM), no(NTLM)], &[0, 1], "it rejected the"),
        (vec![no(NTLM), no(CHALLENGE), no(CHALLENGE), no(NTLM)], &[0, 1, 3], "it rejected the"),
    ] {
        for url in [URL, "https://nowhere.invalid/f"] {
            let proxy = Server::start(acts.clone()).await;
            let said = text(through(&client(), &proxy, url, &ntlm()).await);
            assert!(said.contains(why) && said.contains("NTLM"), "{url}: {said}");
            assert_eq!(messages(&proxy), wanted, "{url}: {said}");
        }
    }
}

/// Tickets that are never enough.
struct Endless;

impl Tickets for Endless {
    fn begin(
        &self,
        _: &str,
        _: Option<(&str, &str)>,
        _: Option<&[u8]>,
    ) -> Result<Box<dyn Talk>, String> {
        Ok(Box::new(Self))
    }
}

impl Talk for Endless {
    fn answer(&mut self, _: Option<&[u8]>) -> Result<Spoken, String> {
        Ok(Spoken::Say(b"more".to_vec()))
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_proxy_that_asks_on_and_on_is_given_up() {
    let client = Client::with_tickets(Trust::load(None).unwrap(), Some(Arc::new(Endless)));
    let logins = [login(LoginTarget::Proxy, LoginScheme::Negotiate, None)].into_iter().collect();
    for url in [URL, "https://nowhere.invalid/f"] {
        let proxy = Server::start(vec![no("proxy-authenticate: Negotiate bW9yZQ=="); 12]).await;
        let why = text(through(&client, &proxy, url, &logins).await);
        assert!(why.contains("Negotiate") && why.contains("goes on and on"), "{why}");
        assert_eq!(proxy.requests().len(), 1 + 5);
    }
}

#[tokio::test(flavor = "current_thread")]
async fn a_server_that_is_talked_to_through_a_proxy_keeps_its_connection_and_the_proxy_its_password()
 {
    let ask = |field: &str| {
        say(&format!("HTTP/1.1 401 Who\r\n{field}\r\nContent-Length: 4\r\n\r\nno.\n"))
    };
    let (offer, challenge) = ("www-authenticate: NTLM", CHALLENGE.replace("proxy-", "www-"));
    let proxy = Server::start(vec![no(BASIC), ask(offer), ask(&challenge), yes()]).await;
    let logins = [
        login(LoginTarget::Proxy, LoginScheme::Basic, Some("hunter2")),
        login(LoginTarget::Server, LoginScheme::Ntlm, Some("hunter3")),
    ];
    let ended = through(&client(), &proxy, URL, &logins.into_iter().collect()).await;
    assert_done(&ended, 9);
    let told = Some(SAID.to_owned());
    assert_eq!(said(&proxy), [None, told.clone(), told.clone(), told]);
    assert_eq!(proxy.connections(), 2);
}
