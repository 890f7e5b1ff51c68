//! [`Payload`]: the named values that a trigger carries.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

use indexmap::IndexMap;
use smol_str::SmolStr;

use crate::value::Value;

/// Name of a datum in a payload: a text, or a position among the arguments of a task.
///
/// Semantics: the input names of an ewoks workflow, where an integer is a position counted from zero.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Key {
    /// A named input or output.
    Name(SmolStr),
    /// A positional argument, counted from zero.
    Position(u64),
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Name(name) => f.write_str(name),
            Key::Position(position) => write!(f, "{position}"),
        }
    }
}

impl From<&str> for Key {
    fn from(name: &str) -> Key {
        Key::Name(name.into())
    }
}

impl From<String> for Key {
    fn from(name: String) -> Key {
        Key::Name(name.into())
    }
}

impl From<SmolStr> for Key {
    fn from(name: SmolStr) -> Key {
        Key::Name(name)
    }
}

impl From<u64> for Key {
    fn from(position: u64) -> Key {
        Key::Position(position)
    }
}

/// An immutable, ordered set of named values, shared by reference count.
///
/// Cloning copies one pointer. Changing a payload that others hold copies its entries, never what large values refer to.
/// Entries keep the order in which their keys first came, as in a Python dictionary.
#[derive(Clone, Default)]
pub struct Payload(Entries);

/// Small payloads are searched in a row, which beats a hash table up to about this many entries.
const SMALL: usize = 12;

#[derive(Clone, Default)]
enum Entries {
    #[default]
    Empty,
    Small(Arc<[(Key, Value)]>),
    Large(Arc<IndexMap<Key, Value>>),
}

impl Payload {
    /// Creates a payload without entries; allocates nothing.
    pub const fn new() -> Payload {
        Payload(Entries::Empty)
    }

    /// Creates a payload of one entry.
    pub fn single(key: impl Into<Key>, value: impl Into<Value>) -> Payload {
        Payload(Entries::Small(Arc::new([(key.into(), value.into())])))
    }

    /// Creates the payload of positional arguments, with one allocation for up to twelve of them.
    pub fn positions<I: IntoIterator<Item = Value, IntoIter: ExactSizeIterator>>(values: I) -> Payload {
        let values = values.into_iter();
        let count = values.len();
        let entries = values.enumerate().map(|(position, value)| (Key::Position(position as u64), value));
        match count {
            0 => Payload::new(),
            1..=SMALL => Payload(Entries::Small(entries.collect())),
            _ => entries.collect(),
        }
    }

    /// Takes over entries as they stand; a few are not copied.
    ///
    /// # Errors
    ///
    /// The first key that is there twice.
    pub fn from_row(row: Arc<[(Key, Value)]>) -> Result<Payload, Key> {
        if row.is_empty() {
            return Ok(Payload::new());
        }
        if row.len() <= SMALL {
            let twice = row.iter().enumerate().find(|(index, (key, _))| row[..*index].iter().any(|(k, _)| k == key));
            return match twice {
                Some((_, (key, _))) => Err(key.clone()),
                None => Ok(Payload(Entries::Small(row))),
            };
        }
        let mut entries = IndexMap::with_capacity(row.len());
        for (key, value) in row.iter() {
            if entries.insert(key.clone(), value.clone()).is_some() {
                return Err(key.clone());
            }
        }
        Ok(Payload(Entries::Large(Arc::new(entries))))
    }

    /// Returns the number of entries.
    pub fn len(&self) -> usize {
        match &self.0 {
            Entries::Empty => 0,
            Entries::Small(entries) => entries.len(),
            Entries::Large(entries) => entries.len(),
        }
    }

    /// Whether there is no entry.
    pub fn is_empty(&self) -> bool {
        matches!(self.0, Entries::Empty)
    }

    /// Returns the value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        match &self.0 {
            Entries::Empty => None,
            Entries::Small(entries) => {
                entries.iter().find(|(key, _)| matches!(key, Key::Name(known) if known == name)).map(|(_, value)| value)
            }
            Entries::Large(entries) => entries.get(&Key::Name(name.into())),
        }
    }

    /// Returns the value under a key.
    pub fn get_key(&self, key: &Key) -> Option<&Value> {
        match &self.0 {
            Entries::Empty => None,
            Entries::Small(entries) => entries.iter().find(|(known, _)| known == key).map(|(_, value)| value),
            Entries::Large(entries) => entries.get(key),
        }
    }

    /// Returns the entries in their order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Key, &Value)> + Clone {
        (0..self.len()).map(|index| match &self.0 {
            Entries::Empty => unreachable!("an empty payload has no index"),
            Entries::Small(entries) => (&entries[index].0, &entries[index].1),
            Entries::Large(entries) => entries.get_index(index).expect("the index is below the length"),
        })
    }

    /// Sets a value; a new key goes to the end. Entries are copied first when others hold the payload too.
    pub fn insert(&mut self, key: impl Into<Key>, value: impl Into<Value>) {
        self.set(key.into(), value.into());
    }

    /// Returns the payload with one value set; [`insert`](Self::insert) for chains of calls.
    #[must_use]
    pub fn with(mut self, key: impl Into<Key>, value: impl Into<Value>) -> Payload {
        self.set(key.into(), value.into());
        self
    }

    fn set(&mut self, key: Key, value: Value) {
        match &mut self.0 {
            Entries::Empty => self.0 = Entries::Small(Arc::new([(key, value)])),
            Entries::Small(entries) => {
                if let Some(index) = entries.iter().position(|(known, _)| *known == key) {
                    Arc::make_mut(entries)[index].1 = value;
                } else if entries.len() < SMALL {
                    self.0 = Entries::Small(entries.iter().cloned().chain(std::iter::once((key, value))).collect());
                } else {
                    let all = entries.iter().cloned().chain(std::iter::once((key, value)));
                    self.0 = Entries::Large(Arc::new(all.collect()));
                }
            }
            Entries::Large(entries) => {
                Arc::make_mut(entries).insert(key, value);
            }
        }
    }

    /// Returns this payload overwritten, name by name, by another.
    ///
    /// Keys of this one come first, in their order. When one side brings nothing, the other is returned as it is.
    ///
    /// Semantics: `{**self, **over}` of Python.
    #[must_use]
    pub fn merge(&self, over: &Payload) -> Payload {
        if over.is_empty() || self.same_as(over) {
            return self.clone();
        }
        if self.is_empty() || (self.len() <= over.len() && self.keys_begin(over)) {
            return over.clone();
        }
        Payload::merge_all([self, over])
    }

    /// Merges many payloads at once, later ones over earlier ones.
    #[must_use]
    pub fn merge_all<'a>(payloads: impl IntoIterator<Item = &'a Payload>) -> Payload {
        let mut parts = payloads.into_iter().filter(|payload| !payload.is_empty());
        let Some(first) = parts.next() else { return Payload::new() };
        let Some(second) = parts.next() else { return first.clone() };
        let mut entries = Collector::default();
        for part in [first, second].into_iter().chain(parts) {
            for (key, value) in part.iter() {
                entries.set(key, value);
            }
        }
        entries.finish()
    }

    /// Whether both are the very same entries in memory.
    pub fn same_as(&self, other: &Payload) -> bool {
        match (&self.0, &other.0) {
            (Entries::Empty, Entries::Empty) => true,
            (Entries::Small(a), Entries::Small(b)) => Arc::ptr_eq(a, b),
            (Entries::Large(a), Entries::Large(b)) => Arc::ptr_eq(a, b),
            _ => false,
        }
    }

    /// Whether the first keys of `other` are all of this one's, so that a merge would change no order.
    fn keys_begin(&self, other: &Payload) -> bool {
        self.iter().zip(other.iter()).all(|((a, _), (b, _))| a == b)
    }
}

/// Collects entries: in a row while they are few, in a table when they become many.
#[derive(Default)]
struct Collector {
    small: Vec<(Key, Value)>,
    large: Option<IndexMap<Key, Value>>,
}

impl Collector {
    fn set(&mut self, key: &(impl Borrow<Key> + ?Sized), value: &Value) {
        self.take(key.borrow().clone(), value.clone());
    }

    fn take(&mut self, key: Key, value: Value) {
        if let Some(large) = &mut self.large {
            large.insert(key, value);
        } else if let Some((_, old)) = self.small.iter_mut().find(|(known, _)| *known == key) {
            *old = value;
        } else if self.small.len() < SMALL {
            self.small.push((key, value));
        } else {
            let mut large: IndexMap<Key, Value> = self.small.drain(..).collect();
            large.insert(key, value);
            self.large = Some(large);
        }
    }

    fn finish(self) -> Payload {
        match self.large {
            Some(large) => Payload(Entries::Large(Arc::new(large))),
            None if self.small.is_empty() => Payload::new(),
            None => Payload(Entries::Small(self.small.into())),
        }
    }
}

impl<K: Into<Key>, V: Into<Value>> FromIterator<(K, V)> for Payload {
    /// Collects entries; of equal keys the last value counts, at the place of the first.
    fn from_iter<I: IntoIterator<Item = (K, V)>>(entries: I) -> Payload {
        let mut collector = Collector::default();
        for (key, value) in entries {
            collector.take(key.into(), value.into());
        }
        collector.finish()
    }
}

impl<K: Into<Key>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Payload {
    fn from(entries: [(K, V); N]) -> Payload {
        entries.into_iter().collect()
    }
}

impl PartialEq for Payload {
    /// Strict equality of the entries, in any order.
    fn eq(&self, other: &Payload) -> bool {
        self.same_as(other)
            || (self.len() == other.len() && self.iter().all(|(key, value)| other.get_key(key) == Some(value)))
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().map(|(key, value)| (key.to_string(), value))).finish()
    }
}

impl serde::Serialize for Payload {
    /// Writes a map with text keys; positions become their digits.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter().map(|(key, value)| (key.to_string(), value)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn payload() -> impl Strategy<Value = Payload> {
        let key = prop_oneof![(0_u64..6).prop_map(Key::Position), "[a-e]{1,2}".prop_map(Key::from)];
        prop::collection::vec((key, any::<i64>()), 0..30).prop_map(|entries| entries.into_iter().collect())
    }

    /// What Python's dictionaries do, said as simply as possible.
    fn model(payloads: &[&Payload]) -> Vec<(Key, Value)> {
        let mut all: Vec<(Key, Value)> = Vec::new();
        for payload in payloads {
            for (key, value) in payload.iter() {
                match all.iter_mut().find(|(known, _)| known == key) {
                    Some((_, old)) => *old = value.clone(),
                    None => all.push((key.clone(), value.clone())),
                }
            }
        }
        all
    }

    fn entries(payload: &Payload) -> Vec<(Key, Value)> {
        payload.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    proptest! {
        #[test]
        fn merging_is_what_python_does(a in payload(), b in payload(), c in payload()) {
            prop_assert_eq!(entries(&a.merge(&b)), model(&[&a, &b]));
            prop_assert_eq!(entries(&Payload::merge_all([&a, &b, &c])), model(&[&a, &b, &c]));
            prop_assert_eq!(a.merge(&b).merge(&c), a.merge(&b.merge(&c)));
        }

        #[test]
        fn changing_a_clone_leaves_the_original(a in payload(), b in payload()) {
            let before = entries(&a);
            let mut changed = a.clone();
            for (key, value) in b.iter() {
                changed.insert(key.clone(), value.clone());
            }
            prop_assert_eq!(entries(&a), before);
            prop_assert_eq!(entries(&changed), model(&[&a, &b]));
        }

        #[test]
        fn rows_are_taken_over_unless_a_key_is_there_twice(a in payload()) {
            let mut row = entries(&a);
            let taken = Payload::from_row(row.clone().into());
            prop_assert_eq!(taken.as_ref().map(entries), Ok(row.clone()));
            prop_assert_eq!(taken.is_ok_and(|taken| taken.is_empty()), row.is_empty());
            if let Some(first) = row.first().cloned() {
                row.push(first.clone());
                prop_assert_eq!(Payload::from_row(row.into()), Err(first.0));
            }
        }

        #[test]
        fn what_is_there_is_found(a in payload()) {
            for (key, value) in a.iter() {
                prop_assert_eq!(a.get_key(key), Some(value));
                if let Key::Name(name) = key {
                    prop_assert_eq!(a.get(name), Some(value));
                }
            }
            prop_assert_eq!(a.get("zz"), None);
        }
    }

    #[test]
    fn nothing_is_copied_that_did_not_change() {
        let big = Value::list(0..1000);
        let a = Payload::from([("big", big.clone()), ("x", Value::Int(1))]);
        assert!(a.clone().same_as(&a));
        assert!(a.merge(&Payload::new()).same_as(&a));
        assert!(Payload::new().merge(&a).same_as(&a));
        assert!(Payload::single("big", 0).merge(&a).same_as(&a));
        let merged = a.merge(&Payload::single("x", 2));
        let (Some(Value::List(old)), Some(Value::List(new))) = (a.get("big"), merged.get("big")) else {
            panic!("not lists")
        };
        assert!(Arc::ptr_eq(old, new));
    }

    #[test]
    fn positions_are_counted_from_zero() {
        assert!(Payload::positions([]).is_empty());
        let payload = Payload::positions([Value::from("a"), Value::Null]);
        assert_eq!(payload, Payload::from([(0, Value::from("a")), (1, Value::Null)]));
        let many = Payload::positions(vec![Value::Null; 20]);
        assert!(matches!(many.0, Entries::Large(_)) && many.get_key(&Key::Position(19)).is_some());
    }

    #[test]
    fn a_sole_owner_changes_in_place() {
        let mut a = Payload::from([("x", 1), ("y", 2)]);
        let Entries::Small(before) = &a.0 else { panic!("not small") };
        let before = before.as_ptr();
        a.insert("y", 3);
        let Entries::Small(after) = &a.0 else { panic!("not small") };
        assert_eq!(before, after.as_ptr());
    }
}
