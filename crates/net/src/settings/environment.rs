//! What files of variables say about proxies. Pure.
//!
//! ```text
//!  http_proxy   https_proxy   all_proxy     [http://|https://|socks5://][USER@]HOST[:PORT]; empty: none
//!  no_proxy     hosts, domains, addresses and networks, between commas or blanks; *: everything
//! ```
//!
//! This module answers one question: *which proxies do these variables name?* Small letters count more
//! than capitals. What is this machine itself is always reached directly: a proxy would reach itself.
//!
//! A proxy that makes no sense is an error and not nothing: whoever wrote it did not mean "directly". A
//! host in `no_proxy` that makes none is passed over, and so is reached through the proxy. User names and
//! passwords are left out: credentials are set for a job, and go nowhere else.

use ebb_http::{Bypass, Listed, Proxies, Proxy, ProxyKind, ProxyUse, Scheme, printable};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::sync::Arc;
use url::{Host, Url};

/// Those that say how to get to the network.
const NAMES: [&str; 8] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Variables, and in which file each was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables(BTreeMap<&'static str, (String, String)>);

impl Variables {
    /// Takes what a file says; a variable that is there already is replaced.
    pub(super) fn take(&mut self, text: &str, path: &Path) {
        for line in text.lines().map(str::trim) {
            let line = line.strip_prefix("export ").unwrap_or(line);
            let Some((name, value)) = line.split_once('=') else { continue };
            let Some(name) = NAMES.iter().find(|known| **known == name.trim()) else { continue };
            let value = unquoted(value.trim()).to_owned();
            self.0.insert(name, (value, printable(&path.to_string_lossy())));
        }
    }

    /// These, and what they do not say from `others`. A name in capitals is the same variable.
    pub(super) fn or(mut self, others: Self) -> Self {
        for (name, found) in others.0 {
            let said = self.0.keys().any(|own| own.eq_ignore_ascii_case(name));
            if !said {
                self.0.insert(name, found);
            }
        }
        self
    }

    /// What they come to.
    pub(super) fn proxies(&self) -> Result<ProxyUse, String> {
        let mut list = Vec::new();
        for (scheme, name) in [(Scheme::Http, "http_proxy"), (Scheme::Https, "https_proxy")] {
            let named = self.find(name).map(|found| (name, found));
            let named = named.or_else(|| self.find("all_proxy").map(|found| ("all_proxy", found)));
            let Some((name, (value, path))) = named.filter(|(_, (value, _))| !value.is_empty())
            else {
                continue;
            };
            let proxy = proxy(value).map_err(|why| format!("{name} in {path}: {why}"))?;
            list.push(Listed { only: Some(scheme), proxy });
        }
        if list.is_empty() {
            return Ok(ProxyUse::Direct);
        }
        let (hosts, _) = self.find("no_proxy").cloned().unwrap_or_default();
        let named = hosts.split([',', ' ', '\t']).filter_map(bypassed);
        let bypass = this_machine().into_iter().chain(named).collect();
        Ok(ProxyUse::Through(Arc::new(Proxies { list, bypass })))
    }

    fn find(&self, name: &str) -> Option<&(String, String)> {
        let small = self.0.get(name);
        small.or_else(|| self.0.get(name.to_ascii_uppercase().as_str()))
    }
}

fn unquoted(value: &str) -> &str {
    for quote in ['"', '\''] {
        let inner = value.strip_prefix(quote).and_then(|inner| inner.strip_suffix(quote));
        if let Some(inner) = inner {
            return inner;
        }
    }
    value
}

fn proxy(value: &str) -> Result<Proxy, &'static str> {
    // A shell, and systemd, would put something else in its place.
    if value.contains('$') {
        return Err("variables inside of variables are not understood");
    }
    let (kind, rest, usual) = match value.split_once("://") {
        None => (ProxyKind::Http, value, 80),
        Some((scheme, rest)) => match scheme.to_ascii_lowercase().as_str() {
            "http" => (ProxyKind::Http, rest, 80),
            "https" => (ProxyKind::Https, rest, 443),
            "socks5" | "socks5h" => (ProxyKind::Socks5, rest, 1080),
            _ => return Err("a proxy is http://, https:// or socks5://"),
        },
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let bare = authority.rsplit('@').next().unwrap_or(authority);
    // The rules for hosts and ports are those of URLs, whatever is spoken there. Of this scheme 80 is
    // the usual port, and so is not told.
    let wrong = "it names no host and port";
    let url = Url::parse(&format!("ws://{bare}")).map_err(|_| wrong)?;
    let host = url.host().ok_or(wrong)?.to_owned();
    let written = bare.rsplit(':').next().is_some_and(|port| port == "80");
    let port = if written { Some(80) } else { url.port() };
    Ok(Proxy { kind, host, port: port.unwrap_or(usual) })
}

fn this_machine() -> [Bypass; 3] {
    [
        Bypass::Domain("localhost".to_owned()),
        Bypass::Network(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8),
        Bypass::Network(IpAddr::V6(Ipv6Addr::LOCALHOST), 128),
    ]
}

/// One entry of `no_proxy`; a domain stands for all names below it. A port is not looked at.
fn bypassed(entry: &str) -> Option<Bypass> {
    if entry == "*" {
        return Some(Bypass::Ending(String::new()));
    }
    if let Some((address, bits)) = entry.split_once('/') {
        let address: IpAddr = address.parse().ok()?;
        let all = if address.is_ipv4() { 32 } else { 128 };
        return Some(Bypass::Network(address, bits.parse().ok().filter(|bits| *bits <= all)?));
    }
    if let Ok(address) = entry.parse::<Ipv6Addr>() {
        return Some(Bypass::Network(address.into(), 128));
    }
    let entry = entry.trim_start_matches('*').trim_start_matches('.');
    let end = if entry.starts_with('[') { "]:" } else { ":" };
    let host =
        entry.split_once(end).map_or(entry, |(host, _)| &entry[..host.len() + end.len() - 1]);
    match Host::parse(host).ok()? {
        Host::Domain(name) => Some(Bypass::Domain(name)),
        Host::Ipv4(address) => Some(Bypass::Network(address.into(), 32)),
        Host::Ipv6(address) => Some(Bypass::Network(address.into(), 128)),
    }
}
