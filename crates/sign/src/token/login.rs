//! The PIN of a token: tried once, or not at all.
//!
//! Answers one question: *may this key be used with this PIN?* A token is open for the whole process
//! once somebody has logged in, and stays so as long as it has a session. Two jobs of one owner may use
//! the same one; then the second has to have the same PIN, and the token is not asked again.

use super::said;
use crate::key::Unusable;
use cryptoki::context::Pkcs11;
use cryptoki::error::{Error, RvError};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::{Slot, TokenInfo};
use cryptoki::types::RawAuthPin;
use ebb_wire::net::Secret;
use ebb_wire::sign::SignTrouble;
use std::rc::{Rc, Weak};

/// The tokens that are open now, by what they are.
#[derive(Default)]
pub(super) struct Logins(Vec<(Token, Weak<Login>)>);

/// What tells tokens apart: slot, maker, serial number.
type Token = (Slot, String, String);

/// A token that is open; it is closed when nobody holds this any more.
pub(super) struct Login {
    pin: Secret,
    /// The session that logged in.
    session: Session,
}

/// What a token says of its PIN.
#[derive(Clone, Copy, Debug)]
struct Says {
    wants_one: bool,
    by_itself: bool,
    is_set: bool,
    locked: bool,
    final_try: bool,
}

impl Logins {
    /// Logs in with this PIN where the token wants one.
    pub(super) fn log_in(
        &mut self,
        module: &Pkcs11,
        slot: Slot,
        pin: Option<&Secret>,
    ) -> Result<Option<Rc<Login>>, Unusable> {
        let about = module.get_token_info(slot).map_err(|error| said(&error))?;
        if !may_try(Says::of(&about), pin.is_some())? {
            return Ok(None);
        }
        let Some(pin) = pin else { return Ok(None) };
        let token = (slot, about.manufacturer_id().to_owned(), about.serial_number().to_owned());
        self.0.retain(|(_, login)| login.strong_count() > 0);
        let open = self.0.iter().find(|(other, _)| *other == token);
        if let Some(login) = open.and_then(|(_, login)| login.upgrade()) {
            return if login.pin.0 == pin.0 {
                Ok(Some(login))
            } else {
                let other = "the token is open with another PIN, so this one is wrong";
                Err(Unusable::new(SignTrouble::Passphrase, other))
            };
        }
        let session = module.open_ro_session(slot).map_err(|error| said(&error))?;
        let given = RawAuthPin::new(Box::new(pin.0.clone()));
        session.login_with_raw(UserType::User, &given).map_err(|error| refused(&error))?;
        let login = Rc::new(Login { pin: pin.clone(), session });
        self.0.push((token, Rc::downgrade(&login)));
        Ok(Some(login))
    }
}

impl Drop for Login {
    fn drop(&mut self) {
        // The last session that is closed does so too; not every library keeps to that.
        drop(self.session.logout());
    }
}

impl Says {
    fn of(about: &TokenInfo) -> Self {
        Self {
            wants_one: about.login_required(),
            by_itself: about.protected_authentication_path(),
            is_set: about.user_pin_initialized(),
            locked: about.user_pin_locked(),
            final_try: about.user_pin_final_try(),
        }
    }
}

/// Whether to try one at all. Pure.
fn may_try(says: Says, has_pin: bool) -> Result<bool, Unusable> {
    let no = |trouble, what| Err(Unusable::new(trouble, what));
    match says {
        Says { wants_one: false, .. } => Ok(false),
        Says { locked: true, .. } => no(SignTrouble::PinLocked, "the token has locked its PIN"),
        Says { final_try: true, .. } => no(
            SignTrouble::PinLocked,
            "the token lets one more PIN be tried and would then lock itself: it was not tried",
        ),
        Says { is_set: false, .. } => no(SignTrouble::Passphrase, "the token has no PIN set"),
        Says { by_itself: true, .. } => no(
            SignTrouble::Passphrase,
            "the token's reader wants the PIN typed in, and nobody is there",
        ),
        _ if !has_pin => no(SignTrouble::Passphrase, "the token needs its PIN"),
        _ => Ok(true),
    }
}

/// What came of the one try.
fn refused(error: &Error) -> Unusable {
    let Error::Pkcs11(what, _) = error else { return said(error) };
    if matches!(what, RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange) {
        return Unusable::new(SignTrouble::Passphrase, "the token does not take this PIN");
    }
    if matches!(what, RvError::PinLocked | RvError::PinExpired) {
        return Unusable::new(SignTrouble::PinLocked, "the token takes no PIN any more");
    }
    said(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: Says =
        Says { wants_one: true, by_itself: false, is_set: true, locked: false, final_try: false };

    #[test]
    fn no_pin_is_tried_that_could_be_the_last_or_that_nobody_asks_for() {
        let judged = |says, has_pin| may_try(says, has_pin).map_err(|no| no.trouble);
        assert_eq!(judged(GOOD, true), Ok(true));
        assert_eq!(judged(GOOD, false), Err(SignTrouble::Passphrase));
        let open = Says { wants_one: false, locked: true, ..GOOD };
        assert_eq!(judged(open, true), Ok(false), "its keys are for everybody");
        for (says, trouble) in [
            (Says { final_try: true, ..GOOD }, SignTrouble::PinLocked),
            (Says { locked: true, ..GOOD }, SignTrouble::PinLocked),
            (Says { is_set: false, ..GOOD }, SignTrouble::Passphrase),
            (Says { by_itself: true, ..GOOD }, SignTrouble::Passphrase),
        ] {
            assert_eq!(judged(says, true), Err(trouble), "{says:?}");
        }
    }
}
