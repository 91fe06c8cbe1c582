//! A dictionary from the bus, read strictly.
//!
//! Answers one question: *does this dictionary hold what the contract says, in the type it says?*
//! A key that is missing or of another type is a breach of the contract. A key we do not know is
//! passed over: a newer service may tell more than an older client asks for.

use std::collections::HashMap;

use zbus::{OwnedVariant, Variant};

use crate::client::FileRanges;
use crate::errors::ClientError;

/// A dictionary of named values (`a{sv}`).
#[derive(Clone, Debug, Default)]
pub struct Fields(HashMap<String, OwnedVariant>);

impl From<HashMap<String, OwnedVariant>> for Fields {
    fn from(map: HashMap<String, OwnedVariant>) -> Self {
        Fields(map)
    }
}

impl Fields {
    /// The names of all values, in no order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether there is a value of this name.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A text (`s`) or an object path (`o`).
    ///
    /// # Errors
    /// `Protocol` where it is missing or of another type; so do all below.
    pub fn text(&self, name: &str) -> Result<String, ClientError> {
        self.read(name, |value| {
            if let Variant::ObjectPath(path) = value {
                return Some(path.as_str().to_owned());
            }
            value.downcast_ref::<&str>().ok().map(str::to_owned)
        })
    }

    /// A yes or no (`b`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn flag(&self, name: &str) -> Result<bool, ClientError> {
        self.read(name, |value| bool::try_from(value).ok())
    }

    /// A small number (`u`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn small(&self, name: &str) -> Result<u32, ClientError> {
        self.read(name, |value| u32::try_from(value).ok())
    }

    /// A large number (`t`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn large(&self, name: &str) -> Result<u64, ClientError> {
        self.read(name, |value| u64::try_from(value).ok())
    }

    /// A size (`t`) whose largest value means *unknown*.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn size(&self, name: &str) -> Result<Option<u64>, ClientError> {
        self.large(name).map(|size| (size != u64::MAX).then_some(size))
    }

    /// A time (`x`), seconds since the epoch, whose 0 means *not yet*.
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn time(&self, name: &str) -> Result<Option<i64>, ClientError> {
        let seconds = self.read(name, |value| i64::try_from(value).ok())?;
        Ok((seconds != 0).then_some(seconds))
    }

    /// A path or another string of bytes (`ay`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn bytes(&self, name: &str) -> Result<Vec<u8>, ClientError> {
        self.read(name, |value| {
            let Variant::Array(array) = value else {
                return None;
            };
            array.iter().map(|byte| u8::try_from(byte).ok()).collect()
        })
    }

    /// Pairs of large numbers (`a(tt)`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn pairs(&self, name: &str) -> Result<Vec<(u64, u64)>, ClientError> {
        self.read(name, |value| Vec::try_from(value.try_clone().ok()?).ok())
    }

    /// Strings of bytes (`aay`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn byte_strings(&self, name: &str) -> Result<Vec<Vec<u8>>, ClientError> {
        self.read(name, |value| Vec::try_from(value.try_clone().ok()?).ok())
    }

    /// Pairs of large numbers, by file (`a(ua(tt))`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn pairs_by_file(&self, name: &str) -> Result<FileRanges, ClientError> {
        self.read(name, |value| Vec::try_from(value.try_clone().ok()?).ok())
    }

    /// Three texts together (`(sss)`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn three_texts(&self, name: &str) -> Result<(String, String, String), ClientError> {
        self.read(name, |value| value.try_clone().ok()?.try_into().ok())
    }

    /// Numbers by name (`a{su}`).
    ///
    /// # Errors
    /// As [`Self::text`].
    pub fn counts(&self, name: &str) -> Result<HashMap<String, u32>, ClientError> {
        self.read(name, |value| HashMap::try_from(value.try_clone().ok()?).ok())
    }

    fn read<T>(
        &self,
        name: &str,
        convert: impl Fn(&Variant<'_>) -> Option<T>,
    ) -> Result<T, ClientError> {
        let value = self.0.get(name);
        let value = value.ok_or_else(|| ClientError::Protocol(format!("{name} is missing")))?;
        convert(value)
            .ok_or_else(|| ClientError::Protocol(format!("{name} is of another type: {value:?}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(name: &str, value: Variant<'_>) -> Fields {
        Fields::from(HashMap::from([(name.to_owned(), value.try_to_owned().unwrap())]))
    }

    #[test]
    fn a_missing_key_is_a_breach_of_the_contract() {
        let error = Fields::default().text("Name").unwrap_err();
        assert!(matches!(error, ClientError::Protocol(text) if text == "Name is missing"));
    }

    #[test]
    fn a_value_of_another_type_is_a_breach_of_the_contract() {
        assert!(fields("Code", Variant::from(7u64)).small("Code").is_err());
        assert!(fields("Name", Variant::from(7u32)).text("Name").is_err());
        assert!(fields("LocalName", Variant::from("/x")).bytes("LocalName").is_err());
    }

    #[test]
    fn an_unknown_size_is_not_a_number() {
        assert_eq!(fields("Size", Variant::from(u64::MAX)).size("Size").unwrap(), None);
        assert_eq!(fields("Size", Variant::from(0u64)).size("Size").unwrap(), Some(0));
        assert_eq!(fields("Time", Variant::from(0i64)).time("Time").unwrap(), None);
    }

    #[test]
    fn bytes_and_counts_are_read_as_they_are() {
        let name = fields("LocalName", Variant::from(vec![47u8, 0xff]));
        assert_eq!(name.bytes("LocalName").unwrap(), [47, 0xff]);
        let jobs = fields("Jobs", Variant::from(HashMap::from([("queued".to_owned(), 2u32)])));
        assert_eq!(jobs.counts("Jobs").unwrap()["queued"], 2);
    }
}
