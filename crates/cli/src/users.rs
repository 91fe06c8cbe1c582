//! User names for user ids, and numbers for names of groups, for people.
//!
//! What is shown and what a person types; nothing is decided by it. The password file is read
//! here, and where it does not know, `getent` asks whatever else the machine is set up to ask.

use std::process::Command;

/// One user, as far as we care.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    /// The name.
    pub(crate) name: String,
    /// The user id.
    pub(crate) uid: u32,
}

/// The name of a user id; nothing where there is none.
#[must_use]
pub(crate) fn name_of(uid: u32) -> Option<String> {
    find(&uid.to_string(), |user| user.uid == uid).map(|user| user.name)
}

/// The number of a group, by name or number.
#[must_use]
pub(crate) fn group(name: &str) -> Option<u32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let output = Command::new("getent").args(["--", "group", name]).output().ok()?;
    let line = String::from_utf8_lossy(&output.stdout).into_owned();
    line.split(':').nth(2)?.parse().ok()
}

fn find(key: &str, fits: impl Fn(&User) -> bool) -> Option<User> {
    let file = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let known = file.lines().filter_map(read_line).find(|user| fits(user));
    known.or_else(|| ask(key).filter(|user| fits(user)))
}

fn ask(key: &str) -> Option<User> {
    let output = Command::new("getent").args(["--", "passwd", key]).output().ok()?;
    read_line(String::from_utf8_lossy(&output.stdout).lines().next()?)
}

fn read_line(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let (name, _password) = (fields.next()?, fields.next()?);
    let uid = fields.next()?.parse().ok()?;
    Some(User { name: name.to_owned(), uid })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_password_file_is_a_user() {
        let alice = User { name: "alice".into(), uid: 1000 };
        assert_eq!(read_line("alice:x:1000:1001:Alice,,,:/home/alice:/bin/sh"), Some(alice));
        assert_eq!(read_line("alice:x:many:1:::"), None);
        assert_eq!(read_line(""), None);
    }

    #[test]
    fn root_is_known_and_nobody_else_is_invented() {
        assert_eq!(name_of(0).as_deref(), Some("root"));
        assert_eq!(name_of(u32::MAX - 1), None);
    }
}
