//! The values of properties that are more than a number or a text: which there are, and what they
//! are called (`job-model.md` 1.2, 1.3, 3.3, 3.5).
//!
//! Reading one refuses what BITS refuses, with BITS' error. What a value brings about is decided
//! where it takes effect.

use crate::proxy;
use crate::refusal::Refusal;

/// What an owner wants to be told (BITS: `BG_NOTIFY_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotifyFlags(u32);

/// How strictly a server is checked and which redirects are followed (BITS: `BG_SSL_…`,
/// `BG_HTTP_REDIRECT_POLICY_…`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SecurityFlags(u32);

/// The networks a job may use, by their cost (BITS: `BITS_COST_STATE_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CostFlags(u32);

/// What becomes of redirects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Redirects {
    /// Followed.
    Silent,
    /// Followed, and the file's remote name becomes where they led.
    Report,
    /// An error.
    Refuse,
}

/// Whether, and through which proxy, a job gets to the network (BITS: `BG_JOB_PROXY_USAGE`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProxyUsage {
    /// As the machine is set up.
    #[default]
    Preconfig,
    /// Directly.
    None,
    /// Through those of the list.
    Override,
    /// Found out for each file.
    Automatic,
}

/// How a job gets to the network. What the lists say is read by [`crate::proxy`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProxySettings {
    /// In which way.
    pub usage: ProxyUsage,
    /// The proxies to use; empty but for [`ProxyUsage::Override`].
    pub list: String,
    /// The hosts they are not used for.
    pub bypass: String,
}

/// Whom credentials are for (BITS: `BG_AUTH_TARGET`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuthTarget {
    /// The server.
    Server,
    /// The proxy.
    Proxy,
}

/// The characters a proxy list, and a bypass list, may have (Q4).
pub const PROXY_LIST_LIMIT: usize = 4000;

impl NotifyFlags {
    /// The job is TRANSFERRED.
    pub const TRANSFERRED: Self = Self(0x1);
    /// The job is in ERROR.
    pub const ERROR: Self = Self(0x2);
    /// Nothing at all.
    pub const DISABLE: Self = Self(0x4);
    /// Anything about the job changed.
    pub const MODIFICATION: Self = Self(0x8);
    /// A file is transferred.
    pub const FILE_TRANSFERRED: Self = Self(0x10);
    /// Ranges of a file are transferred.
    pub const FILE_RANGES_TRANSFERRED: Self = Self(0x20);

    /// Reads a number.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotSupported`] for bits that mean nothing.
    pub fn from_bits(bits: u32) -> Result<Self, Refusal> {
        match bits & !0x3f {
            0 => Ok(Self(bits)),
            _ => Err(Refusal::NotSupported("notify flags are bits of 0x3f")),
        }
    }

    /// The number.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of these are set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

impl Default for NotifyFlags {
    /// Q1.
    fn default() -> Self {
        Self(Self::TRANSFERRED.0 | Self::ERROR.0)
    }
}

impl SecurityFlags {
    /// A certificate must be shown to be not revoked.
    pub const CHECK_REVOCATION: Self = Self(0x1);
    /// A certificate for another name will do.
    pub const IGNORE_NAME: Self = Self(0x2);
    /// A certificate that is over, or not yet valid, will do.
    pub const IGNORE_DATE: Self = Self(0x4);
    /// A certificate by anybody will do.
    pub const IGNORE_AUTHORITY: Self = Self(0x8);
    /// A certificate for another use will do.
    pub const IGNORE_USAGE: Self = Self(0x10);
    /// Redirects from https to http are followed.
    pub const ALLOW_HTTPS_TO_HTTP: Self = Self(0x800);

    const CHECKS: u32 = 0x1f;
    const POLICY: u32 = 0x700;
    const REPORT: u32 = 0x100;
    const REFUSE: u32 = 0x200;

    /// Reads a number.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotSupported`] for bits, or two policies, that mean nothing.
    pub fn from_bits(bits: u32) -> Result<Self, Refusal> {
        if bits & !(Self::CHECKS | Self::POLICY | Self::ALLOW_HTTPS_TO_HTTP.0) != 0 {
            return Err(Refusal::NotSupported("security flags are bits of 0xb1f"));
        }
        let https_to_http = bits & Self::ALLOW_HTTPS_TO_HTTP.0 != 0;
        match bits & Self::POLICY {
            0 | Self::REPORT => Ok(Self(bits)),
            Self::REFUSE if !https_to_http => Ok(Self(bits)),
            _ => Err(Refusal::NotSupported(
                "the redirect policy is 0, 0x100 or 0x200, and with 0x200 no redirect is allowed",
            )),
        }
    }

    /// The number.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether all of these are set.
    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What becomes of redirects.
    #[must_use]
    pub fn redirects(self) -> Redirects {
        match self.0 & Self::POLICY {
            Self::REPORT => Redirects::Report,
            Self::REFUSE => Redirects::Refuse,
            _ => Redirects::Silent,
        }
    }
}

impl CostFlags {
    /// The presets, by name (BITS: `BITS_JOB_TRANSFER_POLICY_…`).
    pub const PRESETS: [(&'static str, u32); 5] = [
        ("always", 0x8000_00ff),
        ("not-roaming", 0x8000_007f),
        ("no-surcharge", 0x8000_006f),
        ("standard", 0x8000_0067),
        ("unrestricted", 0x8000_0021),
    ];

    /// Every network.
    pub const ALWAYS: Self = Self(0x8000_00ff);

    /// The preset of this name.
    #[must_use]
    pub fn preset(name: &str) -> Option<Self> {
        Self::PRESETS.iter().find(|(preset, _)| *preset == name).map(|(_, bits)| Self(*bits))
    }

    /// Reads a number; nothing for 0, which leaves it to the policy.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidArgument`] for bits that mean nothing.
    pub fn from_bits(bits: u32) -> Result<Option<Self>, Refusal> {
        match bits & !0x8000_00ff {
            0 => Ok((bits != 0).then_some(Self(bits))),
            _ => Err(Refusal::InvalidArgument("cost flags are bits of 0x800000ff")),
        }
    }

    /// The number.
    #[must_use]
    pub fn bits(self) -> u32 {
        self.0
    }
}

impl ProxyUsage {
    /// Every usage.
    pub const ALL: [Self; 4] = [Self::Preconfig, Self::None, Self::Override, Self::Automatic];

    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Preconfig => "preconfig",
            Self::None => "none",
            Self::Override => "override",
            Self::Automatic => "automatic",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotSupported`] for anything that is no usage (BITS: `E_NOTIMPL`).
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        Self::ALL.into_iter().find(|usage| usage.name() == name).ok_or(Refusal::NotSupported(
            "the proxy usage is preconfig, none, override or automatic",
        ))
    }
}

const NO_PROXY: Refusal = Refusal::InvalidArgument("to override the proxy, name at least one");

impl ProxySettings {
    /// Judges them, the lists entry by entry (3.3).
    ///
    /// # Errors
    ///
    /// What is wrong with them.
    pub fn checked(self) -> Result<Self, Refusal> {
        if self.list.chars().count() > PROXY_LIST_LIMIT {
            return Err(Refusal::ProxyListTooLarge);
        }
        if self.bypass.chars().count() > PROXY_LIST_LIMIT {
            return Err(Refusal::ProxyBypassListTooLarge);
        }
        match self.usage {
            ProxyUsage::Preconfig | ProxyUsage::None | ProxyUsage::Automatic
                if !self.list.is_empty() || !self.bypass.is_empty() =>
            {
                Err(Refusal::InvalidArgument("proxies can be named only to override"))
            }
            ProxyUsage::Automatic => Err(Refusal::NotSupported(
                "proxies are not searched for (no WPAD, no PAC): name them, or use preconfig",
            )),
            ProxyUsage::Override => {
                let named = proxy::list(&self.list)?;
                proxy::bypass(&self.bypass)?;
                match named.is_empty() {
                    true => Err(NO_PROXY),
                    false => Ok(self),
                }
            }
            ProxyUsage::Preconfig | ProxyUsage::None => Ok(self),
        }
    }
}

impl AuthTarget {
    /// Its name on every interface.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Proxy => "proxy",
        }
    }

    /// Reads a name.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidAuthTarget`] for anything else.
    pub fn parse(name: &str) -> Result<Self, Refusal> {
        match name {
            "server" => Ok(Self::Server),
            "proxy" => Ok(Self::Proxy),
            _ => Err(Refusal::InvalidAuthTarget),
        }
    }
}
