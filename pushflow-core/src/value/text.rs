//! Texts of values as Python's `str()` and `repr()` write them: for arguments of scripts and for messages.

use std::fmt::{self, Write};

use super::Value;

/// Displays a value as Python's `str()` does: `True`, `None`, `[1, 'a']`, `{'k': 1.5}`, and a text as it is.
#[derive(Clone, Copy, Debug)]
pub struct PythonText<'a>(pub &'a Value);

impl fmt::Display for PythonText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Str(text) => f.write_str(text),
            value => repr(value, f),
        }
    }
}

impl Value {
    /// Returns Python's `repr()` of the value, which quotes texts.
    pub fn python_repr(&self) -> String {
        struct Repr<'a>(&'a Value);
        impl fmt::Display for Repr<'_> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                repr(self.0, f)
            }
        }
        Repr(self).to_string()
    }
}

fn repr(value: &Value, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match value {
        Value::Null => f.write_str("None"),
        Value::Missing => f.write_str("<MISSING_DATA>"),
        Value::Bool(truth) => f.write_str(if *truth { "True" } else { "False" }),
        Value::Int(number) => write!(f, "{number}"),
        Value::BigInt(big) => f.write_str(big.digits()),
        Value::Float(number) => repr_float(*number, f),
        Value::Str(text) => repr_text(text, f),
        Value::Bytes(bytes) => write!(f, "b'{}'", bytes.as_bytes().escape_ascii()),
        Value::List(items) => {
            f.write_char('[')?;
            separated(items.iter(), f, repr)?;
            f.write_char(']')
        }
        Value::Map(map) => {
            f.write_char('{')?;
            separated(map.iter(), f, |(key, value), f| {
                repr_text(key, f)?;
                f.write_str(": ")?;
                repr(value, f)
            })?;
            f.write_char('}')
        }
        Value::Array(array) => write!(f, "<array {} {:?}>", array.dtype(), array.shape()),
        Value::Opaque(opaque) => match &opaque.shown {
            Some(shown) => repr(shown, f),
            None => write!(f, "<{}>", opaque.type_name),
        },
    }
}

fn separated<T>(
    items: impl Iterator<Item = T>,
    f: &mut fmt::Formatter<'_>,
    mut write: impl FnMut(T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (index, item) in items.enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        write(item, f)?;
    }
    Ok(())
}

/// Python writes the shortest digits that read back, with an exponent outside 1e-4 to 1e16.
fn repr_float(number: f64, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if number.is_nan() {
        return f.write_str("nan");
    }
    if number.is_infinite() {
        return f.write_str(if number > 0.0 { "inf" } else { "-inf" });
    }
    let magnitude = number.abs();
    if magnitude != 0.0 && !(1e-4..1e16).contains(&magnitude) {
        let text = format!("{number:e}");
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        let (sign, exponent) = exponent.strip_prefix('-').map_or(("+", exponent), |rest| ("-", rest));
        return write!(f, "{digits}e{sign}{exponent:0>2}");
    }
    if number.fract() == 0.0 { write!(f, "{number:.1}") } else { write!(f, "{number}") }
}

fn repr_text(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    f.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\\' => f.write_str("\\\\")?,
            c if c == quote => write!(f, "\\{c}")?,
            c if c.is_control() && u32::from(c) < 0x100 => write!(f, "\\x{:02x}", u32::from(c))?,
            c if c.is_control() => write!(f, "\\u{:04x}", u32::from(c))?,
            c => f.write_char(c)?,
        }
    }
    f.write_char(quote)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_those_of_python() {
        let cases: [(Value, &str); 14] = [
            (Value::Null, "None"),
            (Value::Bool(true), "True"),
            (Value::Float(1.0), "1.0"),
            (Value::Float(1.5), "1.5"),
            (Value::Float(1e16), "1e+16"),
            (Value::Float(1.5e-7), "1.5e-07"),
            (Value::Float(-0.0), "-0.0"),
            (Value::Float(123_456_789_012_345.0), "123456789012345.0"),
            (Value::Float(f64::NEG_INFINITY), "-inf"),
            (Value::from("it's"), "it's"),
            (Value::list([Value::Int(1), Value::from("it's"), Value::from("a\n\"'")]), r#"[1, "it's", 'a\n"\'']"#),
            (Value::map([("a", Value::Int(1)), ("b", Value::list([Value::Null]))]), "{'a': 1, 'b': [None]}"),
            (Value::from(Vec::new()), "[]"),
            (Value::Bytes(vec![0, 255, b'a'].into()), r"b'\x00\xffa'"),
        ];
        for (value, text) in cases {
            assert_eq!(PythonText(&value).to_string(), text);
        }
    }
}
