//! How a certificate on a token is named: a `pkcs11:` URI (RFC 7512).
//!
//! Answers one question: *what does this name say of the token, and of the object on it?* It is taken
//! apart once, when it is set, so that what makes no sense is refused then, and nobody who opens tokens
//! has to read text of a user's. What it means is found out where the token is.
//!
//! Never here: a PIN. A name is shown and written down, so one with a PIN in it is refused.

use crate::refusal::Refusal;

/// What a name can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// The token's label.
    Token,
    /// Who made it.
    Manufacturer,
    /// Its serial number.
    Serial,
    /// Its model.
    Model,
    /// The slot's number.
    SlotId,
    /// What the slot is called.
    SlotDescription,
    /// Who made the slot.
    SlotManufacturer,
    /// The object's label.
    Object,
    /// The object's id: any bytes.
    Id,
    /// Whether it is the certificate or its key that is named.
    Type,
    /// Which library speaks to it: its file.
    ModulePath,
    /// The same: the name of the file without `lib` and what follows the first dot.
    ModuleName,
}

/// A name, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenUri(Vec<(Said, Vec<u8>)>);

const BEGINNING: &[u8] = b"pkcs11:";

const PATH: [(&str, Said); 10] = [
    ("token", Said::Token),
    ("manufacturer", Said::Manufacturer),
    ("serial", Said::Serial),
    ("model", Said::Model),
    ("slot-id", Said::SlotId),
    ("slot-description", Said::SlotDescription),
    ("slot-manufacturer", Said::SlotManufacturer),
    ("object", Said::Object),
    ("id", Said::Id),
    ("type", Said::Type),
];

const QUERY: [(&str, Said); 2] =
    [("module-path", Said::ModulePath), ("module-name", Said::ModuleName)];

impl TokenUri {
    /// Takes a name apart.
    ///
    /// # Errors
    ///
    /// [`Refusal::InvalidArgument`] for what is no such name, or has a PIN in it;
    /// [`Refusal::NotSupported`] for what it says and nobody here can compare: to leave it out would be
    /// to show another certificate.
    pub fn parse(text: &[u8]) -> Result<Self, Refusal> {
        let beginning = text.get(..BEGINNING.len()).unwrap_or_default();
        if !beginning.eq_ignore_ascii_case(BEGINNING) {
            let why = "a certificate on a token is named by an address that begins with pkcs11:";
            return Err(Refusal::InvalidArgument(why));
        }
        let rest = &text[BEGINNING.len()..];
        let (path, query) = match rest.iter().position(|byte| *byte == b'?') {
            Some(at) => (&rest[..at], &rest[at + 1..]),
            None => (rest, &[][..]),
        };
        let mut this = Self(Vec::new());
        for (parts, mark, known) in [(path, b';', &PATH[..]), (query, b'&', &QUERY[..])] {
            for part in parts.split(|byte| *byte == mark).filter(|part| !part.is_empty()) {
                this.take(part, known)?;
            }
        }
        Ok(this)
    }

    fn take(&mut self, part: &[u8], known: &[(&str, Said)]) -> Result<(), Refusal> {
        let malformed = "a pkcs11: address has the form pkcs11:token=NAME;object=NAME";
        let at = part.iter().position(|byte| *byte == b'=');
        let (name, value) = part.split_at(at.ok_or(Refusal::InvalidArgument(malformed))?);
        if name == b"pin-value" || name == b"pin-source" {
            let why = "a PIN does not belong into an address, which is shown and written down: \
                       give it apart, like a passphrase";
            return Err(Refusal::InvalidArgument(why));
        }
        let found = known.iter().find(|(known, _)| known.as_bytes() == name);
        let Some((_, said)) = found else {
            let why = "known in a pkcs11: address are token, manufacturer, serial, model, slot-id, \
                       slot-description, slot-manufacturer, object, id, type, module-path and \
                       module-name";
            return Err(Refusal::NotSupported(why));
        };
        let value = decoded(&value[1..]).ok_or(Refusal::InvalidArgument(malformed))?;
        check(*said, &value)?;
        if self.0.iter().any(|(other, _)| other == said) {
            return Err(Refusal::InvalidArgument("a pkcs11: address says one thing twice"));
        }
        self.0.push((*said, value));
        Ok(())
    }

    /// What it says, in its order.
    #[must_use]
    pub fn said(&self) -> &[(Said, Vec<u8>)] {
        &self.0
    }
}

/// Whether this can be said at all.
fn check(said: Said, value: &[u8]) -> Result<(), Refusal> {
    let text = core::str::from_utf8(value);
    let (holds, why) = match said {
        Said::Id => (true, ""),
        Said::SlotId => (
            text.is_ok_and(|text| text.parse::<u64>().is_ok()),
            "the slot-id of a pkcs11: address is a number",
        ),
        Said::Type => (
            matches!(value, b"cert" | b"private"),
            "the type in a pkcs11: address is cert, or private for the certificate of that key",
        ),
        Said::ModulePath => (
            value.first() == Some(&b'/') && !value.contains(&0),
            "the module-path of a pkcs11: address is an absolute path",
        ),
        Said::Token
        | Said::Manufacturer
        | Said::Serial
        | Said::Model
        | Said::SlotDescription
        | Said::SlotManufacturer
        | Said::Object
        | Said::ModuleName => (
            text.is_ok_and(|text| !text.chars().any(char::is_control)),
            "what a pkcs11: address says is printable text; only an id is any bytes",
        ),
    };
    if holds { Ok(()) } else { Err(Refusal::InvalidArgument(why)) }
}

/// With what is written as `%2F` as it is meant. What may not stand in a URI as it is is no value.
fn decoded(value: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            let is_plain = first.is_ascii_graphic() && !b"\"<>\\^`{|}#;?".contains(first);
            is_plain.then(|| bytes.push(*first))?;
            continue;
        }
        let (digits, after) = rest.split_at_checked(2)?;
        let digit = |at: usize| char::from(digits[at]).to_digit(16);
        bytes.push(u8::try_from(digit(0)? << 4 | digit(1)?).ok()?);
        rest = after;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Vec<(Said, Vec<u8>)>, Refusal> {
        TokenUri::parse(text.as_bytes()).map(|uri| uri.said().to_vec())
    }

    fn says(pairs: &[(Said, &[u8])]) -> Result<Vec<(Said, Vec<u8>)>, Refusal> {
        Ok(pairs.iter().map(|(said, value)| (*said, value.to_vec())).collect())
    }

    #[test]
    fn an_address_of_a_token_is_taken_apart() {
        let text = "pkcs11:token=The%20Software%20PKCS%2311;object=mine;id=%01%ff;type=cert\
                    ?module-path=/usr/lib/p11-kit-proxy.so&module-name=softhsm2";
        let expected = says(&[
            (Said::Token, b"The Software PKCS#11"),
            (Said::Object, b"mine"),
            (Said::Id, &[1, 255]),
            (Said::Type, b"cert"),
            (Said::ModulePath, b"/usr/lib/p11-kit-proxy.so"),
            (Said::ModuleName, b"softhsm2"),
        ]);
        assert_eq!(parsed(text), expected);
        assert_eq!(parsed("PKCS11:slot-id=12;"), says(&[(Said::SlotId, b"12")]));
        assert_eq!(parsed("pkcs11:"), says(&[]), "whichever there is");
        let key = says(&[(Said::Object, b"a/b:c&d"), (Said::Type, b"private")]);
        assert_eq!(parsed("pkcs11:object=a/b:c&d;type=private"), key);
    }

    #[test]
    fn an_address_with_a_pin_is_refused_and_so_is_what_cannot_be_compared() {
        for text in ["pkcs11:token=a?pin-value=1234", "pkcs11:?pin-source=file:/etc/pin"] {
            let refused = parsed(text).unwrap_err();
            assert!(matches!(refused, Refusal::InvalidArgument(_)), "{text}");
            assert!(!refused.to_string().contains("1234"), "{refused}");
        }
        for text in ["pkcs11:library-version=3", "pkcs11:x-vendor=1", "pkcs11:module-path=/a"] {
            assert!(matches!(parsed(text), Err(Refusal::NotSupported(_))), "{text}");
        }
        for text in [
            "",
            "pkcs12:a",
            "/etc/pkcs11:token=a",
            "pkcs11:token",
            "pkcs11:token=a;token=b",
            "pkcs11:token=%4",
            "pkcs11:token=%zz",
            "pkcs11:token=%0a",
            "pkcs11:token=%ff",
            "pkcs11:token=a b",
            "pkcs11:type=data",
            "pkcs11:slot-id=-1",
            "pkcs11:?module-path=lib.so",
        ] {
            assert!(matches!(parsed(text), Err(Refusal::InvalidArgument(_))), "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_id_can_be_said(id in proptest::collection::vec(any::<u8>(), 0..64)) {
            let written: String = id.iter().map(|byte| format!("%{byte:02x}")).collect();
            assert_eq!(parsed(&format!("pkcs11:id={written}")), says(&[(Said::Id, &id)]));
        }

        #[test]
        fn no_text_is_too_strange_to_be_looked_at(text in "pkcs11:[a-z%=;?&/0-9]{0,60}|.{0,60}") {
            let _ = parsed(&text);
        }
    }
}
