//! [`Array`]: an n-dimensional array over a shared buffer.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Serialize, SerializeStruct, Serializer};

use super::{Buffer, Value, convert};

/// Type of the elements of an [`Array`].
///
/// Semantics: the fixed-size numeric dtypes of numpy, in the machine's byte order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Dtype {
    /// `bool`, one byte.
    Bool,
    /// `int8`.
    I8,
    /// `int16`.
    I16,
    /// `int32`.
    I32,
    /// `int64`.
    I64,
    /// `uint8`.
    U8,
    /// `uint16`.
    U16,
    /// `uint32`.
    U32,
    /// `uint64`.
    U64,
    /// `float32`.
    F32,
    /// `float64`.
    F64,
    /// `complex64`: two `float32`.
    C64,
    /// `complex128`: two `float64`.
    C128,
}

const DTYPES: [(Dtype, &str, usize); 13] = [
    (Dtype::Bool, "bool", 1),
    (Dtype::I8, "int8", 1),
    (Dtype::I16, "int16", 2),
    (Dtype::I32, "int32", 4),
    (Dtype::I64, "int64", 8),
    (Dtype::U8, "uint8", 1),
    (Dtype::U16, "uint16", 2),
    (Dtype::U32, "uint32", 4),
    (Dtype::U64, "uint64", 8),
    (Dtype::F32, "float32", 4),
    (Dtype::F64, "float64", 8),
    (Dtype::C64, "complex64", 8),
    (Dtype::C128, "complex128", 16),
];

impl Dtype {
    /// Returns the name, as numpy spells it.
    pub fn name(self) -> &'static str {
        DTYPES[self as usize].1
    }

    /// Returns the place in the list of types, which stands for the type where a name would be too long.
    ///
    /// For exchange between processes of one build: types that come may move the others.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// Returns the type of a [`number`](Dtype::number); `None` when no type has it.
    pub fn from_number(number: u8) -> Option<Dtype> {
        DTYPES.get(usize::from(number)).map(|(dtype, ..)| *dtype)
    }

    /// Returns the size of an element in bytes.
    pub fn size_bytes(self) -> usize {
        DTYPES[self as usize].2
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Dtype {
    type Err = ArrayError;

    fn from_str(name: &str) -> Result<Dtype, ArrayError> {
        let known = DTYPES.iter().find(|(_, known, _)| *known == name);
        known.map(|(dtype, ..)| *dtype).ok_or_else(|| ArrayError::UnknownDtype { name: name.into() })
    }
}

/// Why bytes are not an array of the wanted type and shape.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ArrayError {
    /// No element type has this name.
    #[error("unknown dtype `{name}`")]
    UnknownDtype {
        /// The name that was given.
        name: String,
    },
    /// The buffer has not the size that type and shape ask for.
    #[error("an array of {dtype} with shape {shape:?} does not fit a buffer of {found} bytes")]
    Size {
        /// Type of the elements.
        dtype: Dtype,
        /// The wanted shape.
        shape: Vec<usize>,
        /// Size of the buffer in bytes.
        found: usize,
    },
}

/// An n-dimensional array in row-major order over a shared buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    dtype: Dtype,
    shape: Box<[usize]>,
    data: Buffer,
}

impl Array {
    /// Lays an array over a buffer, without copying.
    ///
    /// # Errors
    ///
    /// [`ArrayError::Size`] unless the buffer has exactly the bytes that type and shape ask for.
    pub fn new(dtype: Dtype, shape: impl Into<Box<[usize]>>, data: Buffer) -> Result<Array, ArrayError> {
        let shape = shape.into();
        let wanted = shape.iter().try_fold(dtype.size_bytes(), |size, extent| size.checked_mul(*extent));
        let found = data.as_bytes().len();
        if wanted == Some(found) {
            Ok(Array { dtype, shape, data })
        } else {
            Err(ArrayError::Size { dtype, shape: shape.into_vec(), found })
        }
    }

    /// Returns the type of the elements.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Returns the extent of each dimension; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Returns the elements' bytes.
    pub fn data(&self) -> &Buffer {
        &self.data
    }
}

impl Serialize for Array {
    /// Becomes an array over the same buffer in a [`Value`]; `dtype`, `shape` and `data` in other formats.
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        convert::offered(serializer, &Plain(self))
    }
}

struct Plain<'a>(&'a Array);

impl Serialize for Plain<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let array = self.0;
        if convert::offer(|| Value::Array(Arc::new(array.clone()))) {
            return serializer.serialize_unit();
        }
        let mut parts = serializer.serialize_struct("Array", 3)?;
        parts.serialize_field("dtype", array.dtype.name())?;
        parts.serialize_field("shape", &array.shape)?;
        parts.serialize_field("data", &array.data)?;
        parts.end()
    }
}

impl<'de> Deserialize<'de> for Array {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Array, D::Error> {
        convert::accepting(deserializer, Parts)
    }
}

struct Parts;

impl<'de> Visitor<'de> for Parts {
    type Value = Array;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<Array, D::Error> {
        match convert::accept() {
            Some(Value::Array(array)) => Ok(Arc::unwrap_or_clone(array)),
            Some(_) | None => deserializer.deserialize_struct("Array", &["dtype", "shape", "data"], self),
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Array, A::Error> {
        let (mut dtype, mut shape, mut data) = (None, None, None);
        while let Some(name) = entries.next_key::<String>()? {
            match name.as_str() {
                "dtype" => dtype = Some(entries.next_value::<String>()?),
                "shape" => shape = Some(entries.next_value::<Vec<usize>>()?),
                "data" => data = Some(entries.next_value::<Buffer>()?),
                _ => return Err(A::Error::unknown_field(&name, &["dtype", "shape", "data"])),
            }
        }
        let dtype = dtype.ok_or_else(|| A::Error::missing_field("dtype"))?.parse().map_err(A::Error::custom)?;
        let shape = shape.ok_or_else(|| A::Error::missing_field("shape"))?;
        Array::new(dtype, shape, data.ok_or_else(|| A::Error::missing_field("data"))?).map_err(A::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (index, (dtype, name, size)) in DTYPES.into_iter().enumerate() {
            assert_eq!(dtype as usize, index);
            assert_eq!(Dtype::from_number(dtype.number()), Some(dtype));
            assert_eq!(name.parse(), Ok(dtype));
            assert_eq!(dtype.size_bytes(), size);
        }
        assert_eq!(Dtype::from_number(DTYPES.len() as u8), None);
    }

    #[test]
    fn the_buffer_has_to_fit() {
        let bytes = Buffer::from(vec![0; 24]);
        assert!(Array::new(Dtype::F64, [3], bytes.clone()).is_ok());
        assert!(Array::new(Dtype::I16, [3, 4], bytes.clone()).is_ok());
        let error = Array::new(Dtype::F64, [usize::MAX, 2], bytes).unwrap_err();
        assert!(matches!(error, ArrayError::Size { found: 24, .. }), "{error}");
    }
}
