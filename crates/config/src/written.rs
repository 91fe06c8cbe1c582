//! A value as one would write it into the configuration, on one line.

use toml::de::DeValue;

/// The value, in TOML.
pub(crate) fn value(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => string(text),
        DeValue::Integer(number) => number.to_string(),
        DeValue::Float(number) => number.to_string(),
        DeValue::Boolean(truth) => truth.to_string(),
        DeValue::Datetime(time) => time.to_string(),
        DeValue::Array(values) => {
            let values = values.iter().map(|it| self::value(it.get_ref()));
            format!("[{}]", values.collect::<Vec<_>>().join(", "))
        }
        DeValue::Table(table) => {
            let pairs = table.iter().map(|(name, it)| {
                format!("{} = {}", string(name.get_ref()), self::value(it.get_ref()))
            });
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
    }
}

/// A basic string: what has a meaning in one, and what cannot be seen, is escaped.
fn string(text: &str) -> String {
    let mut written = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            c if c.is_control() => written.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => written.push(c),
        }
    }
    written.push('"');
    written
}

#[cfg(test)]
mod tests {
    use toml::de::DeTable;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        for text in [
            "1",
            "true",
            "\"a\\\"b\\\\\"",
            "[\"sat\", \"sun\"]",
            "{ \"high\" = 8, \"low\" = 0 }",
            "\"\\u0007\"",
        ] {
            let table = format!("key = {text}");
            let table = DeTable::parse(&table).unwrap();
            assert_eq!(super::value(table.get_ref()["key"].get_ref()), text);
        }
    }
}
