//! Lists of proxies, and of hosts that are reached without (`job-model.md` 3.3).
//!
//! This module answers one question: *what does a list say?* It is asked when a list is set, so that
//! a list that makes no sense is refused then and there, with the entry that makes none, and again
//! when a job runs. Which proxy is used for which URL is decided where the bytes are fetched.
//!
//! ```text
//!  list    entries between blanks, ";" or ",":   [http=|https=][http://|https://|socks5://]HOST[:PORT]
//!  bypass  entries between blanks, ";" or ",":   HOST  *END-OF-A-HOST  ADDRESS  ADDRESS/BITS  <local>
//! ```
//!
//! A user name or a password has no place in a list: lists are shown to whoever may see the job.

use std::net::{IpAddr, Ipv4Addr};

use crate::refusal::Refusal;

/// The most proxies of a list.
pub const MOST_PROXIES: usize = 32;
/// The most hosts of a bypass list.
pub const MOST_BYPASSED: usize = 256;
/// The longest name of a host.
const LONGEST_HOST: usize = 253;
/// An entry is repeated up to here.
const LONGEST_SHOWN: usize = 80;

/// A proxy of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// For which URLs.
    pub only: Option<Scheme>,
    /// How it is spoken to.
    pub kind: ProxyKind,
    /// Its name or address; an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// The scheme of a URL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// `http:`
    Http,
    /// `https:`
    Https,
}

/// How a proxy is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyKind {
    /// In HTTP.
    Http,
    /// In HTTP over TLS.
    Https,
    /// In SOCKS 5.
    Socks5,
}

/// A kind of hosts that are reached without proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bypass {
    /// Names without a dot.
    Local,
    /// This name.
    Name(String),
    /// Names that end like this; empty: everything.
    Ending(String),
    /// Addresses whose first bits are these.
    Network(IpAddr, u8),
}

/// Reads a list of proxies.
///
/// # Errors
///
/// [`Refusal::InvalidProxyInfo`] with the first entry that is none; [`Refusal::ProxyListTooLarge`].
pub fn list(text: &str) -> Result<Vec<Proxy>, Refusal> {
    let found = entries(text).map(proxy).collect::<Result<Vec<_>, _>>()?;
    if found.len() > MOST_PROXIES { Err(Refusal::ProxyListTooLarge) } else { Ok(found) }
}

/// Reads a list of hosts that are reached without proxy.
///
/// # Errors
///
/// [`Refusal::InvalidProxyInfo`] with the first entry that is none;
/// [`Refusal::ProxyBypassListTooLarge`].
pub fn bypass(text: &str) -> Result<Vec<Bypass>, Refusal> {
    let found = entries(text).map(bypassed).collect::<Result<Vec<_>, _>>()?;
    if found.len() > MOST_BYPASSED { Err(Refusal::ProxyBypassListTooLarge) } else { Ok(found) }
}

fn entries(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| c.is_ascii_whitespace() || c == ';' || c == ',').filter(|e| !e.is_empty())
}

fn proxy(entry: &str) -> Result<Proxy, Refusal> {
    let wrong = |why| refused(entry, why);
    let (only, rest) = match entry.split_once('=') {
        None => (None, entry),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(Scheme::Http), rest),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(Scheme::Https), rest),
        Some(_) => return Err(wrong("before = stands http or https")),
    };
    let (kind, rest) = match rest.split_once("://") {
        None => (ProxyKind::Http, rest),
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http, rest),
            "https" => (ProxyKind::Https, rest),
            "socks5" | "socks5h" => (ProxyKind::Socks5, rest),
            _ => return Err(wrong("a proxy is http://, https:// or socks5://")),
        },
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    if rest.contains('@') {
        return Err(wrong(
            "no user and no password stands in a list; set credentials for the proxy",
        ));
    }
    let (host, port) = split_port(rest).ok_or_else(|| wrong("after : stands a port"))?;
    let usual = match kind {
        ProxyKind::Http => 80,
        ProxyKind::Https => 443,
        ProxyKind::Socks5 => 1080,
    };
    let host = host_of(host).ok_or_else(|| wrong("it names no host"))?;
    Ok(Proxy { only, kind, host, port: port.unwrap_or(usual) })
}

/// What stands before the last colon, and the port behind it. An IPv6 address stands in brackets.
fn split_port(text: &str) -> Option<(&str, Option<u16>)> {
    let outside = text.rfind(']').map_or(0, |at| at + 1);
    match text[outside..].find(':').map(|at| at + outside) {
        None => Some((text, None)),
        Some(at) => {
            let port = text[at + 1..].parse().ok().filter(|port| *port > 0)?;
            Some((&text[..at], Some(port)))
        }
    }
}

/// A name, or an address without its brackets.
fn host_of(text: &str) -> Option<String> {
    if let Some(inner) = text.strip_prefix('[') {
        let address: IpAddr = inner.strip_suffix(']')?.parse().ok()?;
        return address.is_ipv6().then(|| address.to_string());
    }
    is_name(text).then(|| text.to_ascii_lowercase())
}

/// Letters, digits, hyphens and underscores between dots, or an IPv4 address.
fn is_name(text: &str) -> bool {
    let name = text.strip_suffix('.').unwrap_or(text);
    let fits = |label: &str| {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        (1..=63).contains(&label.len()) && label.bytes().all(plain)
    };
    // What ends in a number is taken for an address wherever it is used.
    let number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let address = !name.rsplit('.').next().is_some_and(number) || text.parse::<Ipv4Addr>().is_ok();
    text.len() <= LONGEST_HOST && address && name.split('.').all(fits)
}

fn bypassed(entry: &str) -> Result<Bypass, Refusal> {
    let wrong = |why| refused(entry, why);
    if entry.eq_ignore_ascii_case("<local>") {
        return Ok(Bypass::Local);
    }
    if let Some(network) = network(entry) {
        return Ok(network);
    }
    if let Some(end) = entry.strip_prefix('*') {
        let end = end.to_ascii_lowercase();
        let name = end.strip_prefix('.').unwrap_or(&end);
        if !end.is_empty() && !is_name(name) {
            return Err(wrong("after * stands the end of a name, and no other *"));
        }
        return Ok(Bypass::Ending(end));
    }
    if !is_name(entry) {
        let why = "it is no host, no address, no * with the end of a name, and not <local>";
        return Err(wrong(why));
    }
    Ok(Bypass::Name(entry.to_ascii_lowercase()))
}

/// An address, or the first bits of one.
fn network(entry: &str) -> Option<Bypass> {
    let (address, bits) = match entry.split_once('/') {
        None => (entry, None),
        Some((address, bits)) => (address, Some(bits)),
    };
    let inner = address.strip_prefix('[').and_then(|inner| inner.strip_suffix(']'));
    let address: IpAddr = inner.unwrap_or(address).parse().ok()?;
    let all = if address.is_ipv4() { 32 } else { 128 };
    let bits = bits.map_or(Some(all), |bits| bits.parse().ok().filter(|bits| *bits <= all))?;
    Some(Bypass::Network(address, bits))
}

fn refused(entry: &str, why: &'static str) -> Refusal {
    // Nothing of a password that has been written where it does not belong.
    let shown = entry.rsplit('@').next().unwrap_or(entry);
    let plain = |c: char| if c.is_ascii_graphic() { c } else { '?' };
    Refusal::InvalidProxyInfo { entry: shown.chars().take(LONGEST_SHOWN).map(plain).collect(), why }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn one(text: &str) -> (Option<Scheme>, ProxyKind, String, u16) {
        let found = list(text).unwrap();
        assert_eq!(found.len(), 1, "{text}");
        let Proxy { only, kind, host, port } = found[0].clone();
        (only, kind, host, port)
    }

    #[test]
    fn an_entry_says_for_which_urls_in_which_language_where_and_on_which_port() {
        use ProxyKind::{Http, Https, Socks5};
        let plain = |kind, host: &str, port| (None, kind, host.to_owned(), port);
        for (text, wanted) in [
            ("proxy1", plain(Http, "proxy1", 80)),
            ("PROXY.Example:3128", plain(Http, "proxy.example", 3128)),
            ("http://p/", plain(Http, "p", 80)),
            ("https://p", plain(Https, "p", 443)),
            ("socks5://p", plain(Socks5, "p", 1080)),
            ("socks5h://p:9050", plain(Socks5, "p", 9050)),
            ("10.0.0.1:8080", plain(Http, "10.0.0.1", 8080)),
            ("[2001:DB8::1]:8080", plain(Http, "2001:db8::1", 8080)),
            ("[::1]", plain(Http, "::1", 80)),
            ("http=p:1", (Some(Scheme::Http), Http, "p".into(), 1)),
            ("HTTPS=https://p:1", (Some(Scheme::Https), Https, "p".into(), 1)),
        ] {
            assert_eq!(one(text), wanted, "{text}");
        }
        let several = list(" a:1;b\tc,,http=d ").unwrap();
        let hosts: Vec<_> = several.iter().map(|proxy| proxy.host.as_str()).collect();
        assert_eq!(hosts, ["a", "b", "c", "d"]);
        assert_eq!(list(" ;, ").unwrap(), []);
    }

    #[test]
    fn an_entry_that_makes_no_sense_is_named_and_a_password_is_not() {
        let name = |refusal: Refusal| {
            let Refusal::InvalidProxyInfo { entry, .. } = refusal else { panic!("{refusal:?}") };
            entry
        };
        for text in [
            "p:0",
            "p:65536",
            "p:x",
            "p:",
            ":80",
            "ftp=p",
            "socks4://p",
            "p/path",
            "p?q",
            "ü",
            "::1",
            "1.2.3",
            "p.999",
            "[::1",
            "[1.2.3.4]",
            "a..b",
            "-=p",
            "http=",
            "a\u{1b}b",
        ] {
            let shown = text.replace(['ü', '\u{1b}'], "?");
            assert_eq!(name(list(&format!("fine {text} also")).unwrap_err()), shown);
        }
        let told = list("http://alice:hunter2@p:80").unwrap_err();
        assert!(told.to_string().contains("p:80") && !told.to_string().contains("hunter2"));
        for text in ["aaa.*", "*a*", "<locals>", "a b:80", "10.0.0.0/33", "*.", "host/8"] {
            assert!(bypass(text).is_err(), "{text}");
        }
        assert_eq!(name(bypass(&"*".repeat(500)).unwrap_err()).len(), LONGEST_SHOWN);
    }

    #[test]
    fn a_bypass_is_a_host_an_address_the_end_of_a_name_or_all_that_is_local() {
        let network = |text: &str, bits| Bypass::Network(text.parse().unwrap(), bits);
        let found = bypass("<LOCAL> H.Example;*.example.com *b.com,* 10.0.0.0/8 ::1 [::2] 1.2.3.4");
        let wanted = [
            Bypass::Local,
            Bypass::Name("h.example".into()),
            Bypass::Ending(".example.com".into()),
            Bypass::Ending("b.com".into()),
            Bypass::Ending(String::new()),
            network("10.0.0.0", 8),
            network("::1", 128),
            network("::2", 128),
            network("1.2.3.4", 32),
        ];
        assert_eq!(found.unwrap(), wanted);
    }

    #[test]
    fn more_than_a_machine_could_need_is_too_much() {
        assert!(list(&"p ".repeat(MOST_PROXIES)).is_ok());
        assert_eq!(list(&"p ".repeat(MOST_PROXIES + 1)), Err(Refusal::ProxyListTooLarge));
        assert!(bypass(&"h ".repeat(MOST_BYPASSED)).is_ok());
        let many = bypass(&"h ".repeat(MOST_BYPASSED + 1));
        assert_eq!(many, Err(Refusal::ProxyBypassListTooLarge));
    }

    proptest! {
        #[test]
        fn whatever_a_list_says_it_is_understood_or_refused(text in "\\PC{0,60}") {
            for proxy in list(&text).unwrap_or_default() {
                prop_assert!(!proxy.host.is_empty() && proxy.host.is_ascii() && proxy.port > 0);
            }
            drop(bypass(&text));
        }

        #[test]
        fn what_is_put_together_by_the_grammar_is_taken_apart_again(
            scheme in prop_oneof!["", "http=", "https="],
            kind in prop_oneof!["", "http://", "https://", "socks5://"],
            host in "([a-z0-9]{1,9}\\.){0,3}[a-z][a-z0-9-]{0,9}",
            port in 1_u16..,
        ) {
            let found = one(&format!("{scheme}{kind}{host}:{port}"));
            prop_assert_eq!((found.2, found.3), (host, port));
            prop_assert_eq!(found.0.is_some(), !scheme.is_empty());
        }
    }
}
