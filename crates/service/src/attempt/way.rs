//! Who stands between a job and the servers it asks.
//!
//! Answers one question: *what do the proxy settings of a job tell its network agent?* What the lists
//! say is `core`'s word, which was asked when they were set; which proxy serves which URL is the
//! agent's business.

use ebb_core::job::{ProxySettings, ProxyUsage};
use ebb_core::proxy::{self, Bypass, ProxyKind, Scheme};
use ebb_wire::net::{self, Way};

/// What the settings tell the agent.
pub(super) fn way(settings: &ProxySettings) -> Way {
    match settings.usage {
        ProxyUsage::None => Way::Direct,
        ProxyUsage::Override => through(settings),
        // No job has the last: it is refused when it is set.
        ProxyUsage::Preconfig | ProxyUsage::Automatic => Way::Preconfigured,
    }
}

fn through(settings: &ProxySettings) -> Way {
    // They were judged when they were set, and are in the store as they were then. Should they be
    // nonsense now, that is no reason to ask anybody directly: through nobody leads nowhere.
    let list = proxy::list(&settings.list).unwrap_or_default();
    let bypass = proxy::bypass(&settings.bypass).unwrap_or_default();
    let list = list.into_iter().map(|proxy| net::Proxy {
        only: proxy.only.map(|scheme| match scheme {
            Scheme::Http => net::Scheme::Http,
            Scheme::Https => net::Scheme::Https,
        }),
        kind: match proxy.kind {
            ProxyKind::Http => net::ProxyKind::Http,
            ProxyKind::Https => net::ProxyKind::Https,
            ProxyKind::Socks5 => net::ProxyKind::Socks5,
        },
        host: proxy.host,
        port: proxy.port,
    });
    let bypass = bypass.into_iter().map(|bypass| match bypass {
        Bypass::Local => net::Bypass::Local,
        Bypass::Name(name) => net::Bypass::Name(name),
        Bypass::Ending(end) => net::Bypass::Ending(end),
        Bypass::Network(address, bits) => net::Bypass::Network(address, bits),
    });
    Way::Through { list: list.collect(), bypass: bypass.collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_goes_the_way_its_owner_named() {
        let settings = |usage, list: &str, bypass: &str| ProxySettings {
            usage,
            list: list.to_owned(),
            bypass: bypass.to_owned(),
        };
        assert_eq!(way(&ProxySettings::default()), Way::Preconfigured);
        assert_eq!(way(&settings(ProxyUsage::None, "", "")), Way::Direct);
        let named = settings(ProxyUsage::Override, "https=socks5://p", "<local> 10.0.0.0/8");
        let proxy = net::Proxy {
            only: Some(net::Scheme::Https),
            kind: net::ProxyKind::Socks5,
            host: "p".to_owned(),
            port: 1080,
        };
        let network = net::Bypass::Network("10.0.0.0".parse().unwrap(), 8);
        let bypass = vec![net::Bypass::Local, network];
        assert_eq!(way(&named), Way::Through { list: vec![proxy], bypass });
    }
}
