//! Equality as Python has it, for the conditions of links.

use super::Value;

impl Value {
    /// Compares as Python's `==` does.
    ///
    /// `1 == 1.0 == True`, `0 == False`, `"1" != 1`; null equals only null; lists and maps compare by content, and
    /// maps in any order. A missing value and NaN equal nothing, not even themselves.
    pub fn python_eq(&self, other: &Value) -> bool {
        use Value::{Array, BigInt, Bool, Bytes, Float, Int, List, Map, Null, Opaque, Str};
        match (self, other) {
            (Null, Null) => true,
            (Str(a), Str(b)) => a == b,
            (Bytes(a), Bytes(b)) => a == b,
            (Bool(_) | Int(_), Bool(_) | Int(_)) => self.small_integer() == other.small_integer(),
            (BigInt(a), BigInt(b)) => a == b,
            (Float(a), Float(b)) => a == b,
            (Float(float), Bool(_) | Int(_)) => float_is_integer(*float, other),
            (Bool(_) | Int(_), Float(float)) => float_is_integer(*float, self),
            (Float(float), BigInt(big)) | (BigInt(big), Float(float)) => {
                // Formatting a float without fraction prints all digits of its exact value.
                float.is_finite() && float.fract() == 0.0 && format!("{float:.0}") == big.digits()
            }
            (List(a), List(b)) => a.len() == b.len() && a.iter().zip(b.iter()).all(|(x, y)| x.python_eq(y)),
            (Map(a), Map(b)) => {
                a.len() == b.len() && a.iter().all(|(key, x)| b.get(key).is_some_and(|y| x.python_eq(y)))
            }
            (Array(a), Array(b)) => a == b,
            (Opaque(a), Opaque(b)) if a == b => true,
            (Opaque(a), b) if a.single().is_some() => a.single().is_some_and(|a| a.python_eq(b)),
            (_, Opaque(b)) => b.single().is_some_and(|b| self.python_eq(b)),
            _ => false,
        }
    }

    /// Whether Python can look it up in a set; lists, maps and what was not set cannot be, but a set can.
    pub fn is_hashable(&self) -> bool {
        const UNHASHABLE: [&str; 4] = ["list", "dict", "bytearray", "numpy.ndarray"];
        match self {
            Value::List(_) | Value::Map(_) | Value::Array(_) | Value::Missing => false,
            Value::Opaque(opaque) => !UNHASHABLE.contains(&opaque.type_name.as_str()),
            _ => true,
        }
    }

    fn small_integer(&self) -> Option<i64> {
        match self {
            Value::Bool(truth) => Some(i64::from(*truth)),
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }
}

fn float_is_integer(float: f64, integer: &Value) -> bool {
    const TWO_TO_63: f64 = 9_223_372_036_854_775_808.0;
    let exact = float.fract() == 0.0 && (-TWO_TO_63..TWO_TO_63).contains(&float);
    exact && integer.small_integer() == Some(float as i64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_compare_across_types() {
        let equal = [
            (Value::Int(1), Value::Bool(true)),
            (Value::Float(1.0), Value::Bool(true)),
            (Value::Int(0), Value::Bool(false)),
            (Value::Float(-0.0), Value::Int(0)),
            (Value::integer("18446744073709551616").unwrap(), Value::Float(18_446_744_073_709_551_616.0)),
            (Value::list([1, 0]), Value::list([Value::Bool(true), Value::Float(0.0)])),
        ];
        for (a, b) in equal {
            assert!(a.python_eq(&b) && b.python_eq(&a), "{a:?} {b:?}");
        }
        let different = [
            (Value::from("1"), Value::Int(1)),
            (Value::Null, Value::Bool(false)),
            (Value::Int(i64::MAX), Value::Float(9_223_372_036_854_775_807.0)),
            (Value::Int(9_007_199_254_740_993), Value::Float(9_007_199_254_740_992.0)),
            (Value::Float(f64::NAN), Value::Float(f64::NAN)),
            (Value::Missing, Value::Missing),
            (Value::Missing, Value::Null),
        ];
        for (a, b) in different {
            assert!(!a.python_eq(&b) && !b.python_eq(&a), "{a:?} {b:?}");
        }
    }

    #[test]
    fn maps_compare_in_any_order() {
        let a = Value::map([("x", 1), ("y", 2)]);
        let b = Value::map([("y", 2), ("x", 1)]);
        assert!(a.python_eq(&b));
        assert!(!a.python_eq(&Value::map([("x", 1)])));
    }
}
