//! Values of settings, read and checked.

use std::time::Duration;

use super::error::{GraphError, GraphErrorKind};
use super::item::Item;
use crate::value::{Map, Value};

/// Reads the value of a setting of a node, which has to be as `expected`.
pub(super) fn needed<T>(
    item: &Item<'_>,
    key: &str,
    expected: &str,
    read: impl FnOnce(&Value) -> Option<T>,
) -> Result<T, GraphError> {
    let value = item.value()?;
    read(&value).ok_or_else(|| {
        let message = format!("'{key}' of a node: expected {expected}, found {}", value.python_repr());
        GraphError::value(GraphErrorKind::Value, message).at(item.place())
    })
}

pub(super) fn count(value: &Value) -> Option<u32> {
    value.as_int().and_then(|count| u32::try_from(count).ok())
}

pub(super) fn delay(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_float()?).ok()
}

pub(super) fn factor(value: &Value) -> Option<f64> {
    value.as_float().filter(|factor| factor.is_finite() && *factor >= 1.0)
}

pub(super) fn seconds(value: &Value) -> Option<Duration> {
    Duration::try_from_secs_f64(value.as_float()?).ok().filter(|duration| !duration.is_zero())
}

pub(super) fn amounts(value: &Value) -> Option<Map> {
    let map = value.as_map()?;
    map.values().all(|amount| amount.as_float().is_some_and(|amount| amount >= 0.0)).then(|| map.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_out_of_range_are_none() {
        let (one, minus) = (Value::Int(1), Value::Int(-1));
        assert_eq!((count(&Value::Int(0)), count(&minus), count(&Value::Int(1 << 32))), (Some(0), None, None));
        assert_eq!((seconds(&one), seconds(&Value::Int(0))), (Some(Duration::from_secs(1)), None));
        assert_eq!((delay(&Value::Int(0)), delay(&minus)), (Some(Duration::ZERO), None));
        assert_eq!(
            (factor(&one), factor(&Value::Float(0.5)), factor(&Value::Float(f64::INFINITY))),
            (Some(1.0), None, None)
        );
        let amount = |amount: Value| amounts(&Value::map([("gpu", amount)])).is_some();
        assert_eq!((amount(one), amount(minus), amount(Value::from("1"))), (true, false, false));
    }
}
