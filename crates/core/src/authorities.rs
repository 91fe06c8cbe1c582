//! Authorities that an owner gives a job, by which servers' certificates are judged
//! (`docs/design/034-authorities-of-a-job.md`).
//!
//! They are PEM, and here they are bytes: the service keeps them, bounds them and hands them on, and only
//! the network agent looks into them. What makes no sense there is trouble of the job. They are no
//! secret: who may see the job may read them.

use core::fmt;
use std::sync::Arc;

use crate::refusal::Refusal;

/// The most bytes of them, as PEM.
pub const AUTHORITIES_LIMIT: usize = 48 * 1024;

/// Certificates of authorities, and lists of what they have revoked; cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorities {
    pem: Arc<[u8]>,
    alone: bool,
}

impl Authorities {
    /// Takes PEM as it was given; nothing of it is none. `alone`: whom else the machine trusts does not
    /// count.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidArgument`] where it is too much, or where nobody at all would be trusted.
    pub fn new(pem: Vec<u8>, alone: bool) -> Result<Option<Self>, Refusal> {
        if pem.len() > AUTHORITIES_LIMIT {
            return Err(Refusal::InvalidArgument(
                "the authorities are more than 49,152 bytes: give those that the job's servers need",
            ));
        }
        match (pem.is_empty(), alone) {
            (true, true) => Err(Refusal::InvalidArgument(
                "no authorities, and none of the machine's: no server could be trusted",
            )),
            (true, false) => Ok(None),
            (false, _) => Ok(Some(Self { pem: pem.into(), alone })),
        }
    }

    /// As it was given.
    #[must_use]
    pub fn pem(&self) -> &[u8] {
        &self.pem
    }

    /// Whether whom else the machine trusts does not count.
    #[must_use]
    pub fn alone(&self) -> bool {
        self.alone
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alone = if self.alone { ", alone" } else { "" };
        write!(f, "Authorities({} bytes{alone})", self.pem.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_bounded_and_never_looked_into() {
        let most = Authorities::new(vec![0xff; AUTHORITIES_LIMIT], true).unwrap().unwrap();
        assert_eq!((most.pem().len(), most.alone()), (AUTHORITIES_LIMIT, true));
        assert_eq!(format!("{most:?}"), "Authorities(49152 bytes, alone)");
        let long = Authorities::new(vec![b'x'; AUTHORITIES_LIMIT + 1], false);
        assert!(matches!(long, Err(Refusal::InvalidArgument(_))));
    }

    #[test]
    fn no_authorities_are_none_but_never_none_at_all() {
        assert_eq!(Authorities::new(Vec::new(), false), Ok(None));
        assert!(matches!(Authorities::new(Vec::new(), true), Err(Refusal::InvalidArgument(_))));
    }
}
