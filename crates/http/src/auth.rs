//! Who we are, where a server asks.
//!
//! | file    | holds                                |
//! |---------|--------------------------------------|
//! | `login` | what there is to log on with         |

mod login;

pub use login::{Login, LoginScheme, LoginTarget, Logins, Secret};
