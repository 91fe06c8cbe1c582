//! Authorities by which fetches have servers judged, for jobs that have a say in that.
//!
//! Answers one question: *which authorities does this fetch mean?* The service hands each on as its owner
//! gave it, and says when it is not needed any more. Here it is parsed, as what servers send is. What
//! makes no sense is kept as the reason why, for the fetches that mean it.

use ebb_http::Authorities;
use ebb_wire::net::AuthoritiesId;
use std::collections::HashMap;
use std::sync::Arc;

/// No job has more than one, and no agent so many jobs at the same time.
const MOST: usize = 1024;

/// Those in hand.
#[derive(Default)]
pub(crate) struct Trusted(HashMap<AuthoritiesId, Result<Authorities, Arc<str>>>);

impl Trusted {
    /// Takes some; false if that cannot be.
    pub(crate) fn take(&mut self, id: AuthoritiesId, pem: &[u8], alone: bool) -> bool {
        if self.0.contains_key(&id) || self.0.len() == MOST {
            return false;
        }
        let parsed = Authorities::parse(pem, alone).map_err(|error| error.to_string().into());
        self.0.insert(id, parsed);
        true
    }

    /// They are not needed any more; who still uses them may go on.
    pub(crate) fn forget(&mut self, id: AuthoritiesId) {
        self.0.remove(&id);
    }

    /// Those, or why they cannot be used; nothing where there are none of that name.
    pub(crate) fn of(&self, id: AuthoritiesId) -> Option<Result<Authorities, Arc<str>>> {
        self.0.get(&id).cloned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_are_taken_once_and_nonsense_is_kept_as_the_reason() {
        let (mut trusted, id) = (Trusted::default(), AuthoritiesId(7));
        assert!(trusted.of(id).is_none());
        assert!(trusted.take(id, b"nonsense", true));
        assert!(!trusted.take(id, b"nonsense", true), "a second time");
        let why = trusted.of(id).unwrap().unwrap_err();
        assert!(why.contains("no PEM certificate"), "{why}");
        trusted.forget(id);
        assert!(trusted.of(id).is_none());
    }
}
