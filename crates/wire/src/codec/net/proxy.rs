//! The bytes of how a fetch gets to the network, and of what goes wrong on that way.
//!
//! Answers one question: *which bytes are these proxies?* Names of hosts are bounded, and so is how
//! many of them there are.

use super::{Part, Reader, Writer};
use crate::codec::{BYPASS_MAX, DecodeError, HOST_MAX, PROXIES_MAX};
use crate::net::{Bypass, Proxy, ProxyKind, ProxyTrouble, Scheme, Way};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

impl Part for Way {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Direct => 1_u8.put(to),
            Self::Preconfigured => 2_u8.put(to),
            Self::Through { list, bypass } => {
                3_u8.put(to);
                to.put_length(list.len(), PROXIES_MAX);
                list.iter().for_each(|proxy| proxy.put(to));
                to.put_length(bypass.len(), BYPASS_MAX);
                bypass.iter().for_each(|bypass| bypass.put(to));
            }
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Direct),
            2 => Ok(Self::Preconfigured),
            3 => {
                Ok(Self::Through { list: from.list(PROXIES_MAX)?, bypass: from.list(BYPASS_MAX)? })
            }
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

impl Part for Proxy {
    fn put(&self, to: &mut Writer) {
        self.only.put(to);
        self.kind.put(to);
        to.put_text(&self.host, HOST_MAX);
        self.port.put(to);
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            only: from.get()?,
            kind: from.get()?,
            host: from.text(HOST_MAX)?,
            port: from.get()?,
        })
    }
}

impl Part for Scheme {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Http => 1_u8.put(to),
            Self::Https => 2_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Http),
            2 => Ok(Self::Https),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

impl Part for ProxyKind {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Http => 1_u8.put(to),
            Self::Https => 2_u8.put(to),
            Self::Socks5 => 3_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Http),
            2 => Ok(Self::Https),
            3 => Ok(Self::Socks5),
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

impl Part for Bypass {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::Local => 1_u8.put(to),
            Self::Name(name) => {
                2_u8.put(to);
                to.put_text(name, HOST_MAX);
            }
            Self::Ending(end) => {
                3_u8.put(to);
                to.put_text(end, HOST_MAX);
            }
            Self::Network(IpAddr::V4(address), bits) => {
                4_u8.put(to);
                u32::from(*address).put(to);
                bits.put(to);
            }
            Self::Network(IpAddr::V6(address), bits) => {
                5_u8.put(to);
                let (high, low) = halves(*address);
                high.put(to);
                low.put(to);
                bits.put(to);
            }
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match from.get::<u8>()? {
            1 => Ok(Self::Local),
            2 => from.text(HOST_MAX).map(Self::Name),
            3 => from.text(HOST_MAX).map(Self::Ending),
            4 => {
                let address = Ipv4Addr::from(from.get::<u32>()?);
                Ok(Self::Network(address.into(), from.get()?))
            }
            5 => {
                let (high, low) = (from.get::<u64>()?, from.get::<u64>()?);
                let address = Ipv6Addr::from(u128::from(high) << 64 | u128::from(low));
                Ok(Self::Network(address.into(), from.get()?))
            }
            _ => Err(DecodeError::UnknownNumber),
        }
    }
}

fn halves(address: Ipv6Addr) -> (u64, u64) {
    let [a, b, c, d, e, f, g, h] = address.segments().map(u64::from);
    (a << 48 | b << 32 | c << 16 | d, e << 48 | f << 32 | g << 16 | h)
}

impl Part for ProxyTrouble {
    fn put(&self, to: &mut Writer) {
        match self {
            Self::NameNotResolved => 1_u8.put(to),
            Self::ConnectFailed => 2_u8.put(to),
            Self::TimedOut => 3_u8.put(to),
            Self::ConnectionLost => 4_u8.put(to),
            Self::TlsFailed => 5_u8.put(to),
            Self::CertificateInvalid => 6_u8.put(to),
            Self::Refused(status) => {
                7_u8.put(to);
                status.put(to);
            }
            Self::SocksRefused(reply) => {
                8_u8.put(to);
                reply.put(to);
            }
            Self::Unauthorized => 9_u8.put(to),
            Self::MalformedAnswer => 10_u8.put(to),
            Self::InvalidSettings => 11_u8.put(to),
        }
    }

    fn get(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(match from.get::<u8>()? {
            1 => Self::NameNotResolved,
            2 => Self::ConnectFailed,
            3 => Self::TimedOut,
            4 => Self::ConnectionLost,
            5 => Self::TlsFailed,
            6 => Self::CertificateInvalid,
            7 => Self::Refused(from.get()?),
            8 => Self::SocksRefused(from.get()?),
            9 => Self::Unauthorized,
            10 => Self::MalformedAnswer,
            11 => Self::InvalidSettings,
            _ => return Err(DecodeError::UnknownNumber),
        })
    }
}
