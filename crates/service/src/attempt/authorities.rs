//! The authorities of an attempt's job, as its network agents know them.
//!
//! Answers one question: *by which name does this agent know them?* They are told to it when it is first
//! asked for something, and forgotten with the attempt. Nobody here looks into them.

use std::cell::RefCell;
use std::rc::Rc;

use ebb_core::authorities::Authorities;
use ebb_core::failure::Failure;
use ebb_wire::net::AuthoritiesId;

use crate::agents::net::NetAgent;

/// Those of an attempt, if its job has any.
pub(super) struct Trusted {
    authorities: Option<Authorities>,
    known: RefCell<Option<Known>>,
}

/// This agent knows them.
struct Known {
    id: AuthoritiesId,
    by: Rc<NetAgent>,
}

impl Trusted {
    pub(super) fn new(authorities: Option<Authorities>) -> Self {
        Self { authorities, known: RefCell::default() }
    }

    /// Their name for this agent, which knows them from now on; nothing where the machine's count.
    pub(super) fn by(&self, net: &Rc<NetAgent>) -> Result<Option<AuthoritiesId>, Failure> {
        let Some(authorities) = &self.authorities else { return Ok(None) };
        let mut known = self.known.borrow_mut();
        if let Some(known) = known.as_ref().filter(|known| Rc::ptr_eq(&known.by, net)) {
            return Ok(Some(known.id));
        }
        let id = net.trust(authorities)?;
        *known = Some(Known { id, by: Rc::clone(net) });
        Ok(Some(id))
    }
}

impl Drop for Known {
    fn drop(&mut self) {
        self.by.distrust(self.id);
    }
}
