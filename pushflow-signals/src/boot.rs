//! What a process is told at its start, and what it tells at its end: the two frames on its link.
//!
//! A frame that does not parse ends the process that reads it, or is taken for no answer: nothing is executed from it but
//! functions that the program has registered.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

use crate::daemonic::Children;

/// Of the frames of one build: both sides are the same program.
const MAGIC: [u8; 4] = *b"pfs1";

/// What a process is told at its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Boot {
    /// The registered function; empty for a closure that is there already.
    pub(crate) name: String,
    pub(crate) daemonic: bool,
    /// Whether it ends with its parent: daemonic, or below a daemonic one.
    pub(crate) tied: bool,
    pub(crate) children: Children,
    /// Process id of the parent, to see whether it still lives.
    pub(crate) parent: u32,
    /// The place in the tree of processes, see `tree`.
    pub(crate) tree: String,
    pub(crate) grace: Duration,
    pub(crate) input: Vec<u8>,
}

/// What a process tells at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Returned(Vec<u8>),
    Failed(String),
    Panicked(String),
}

impl Boot {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let mut head = Vec::with_capacity(64 + self.name.len() + self.tree.len());
        head.extend_from_slice(&MAGIC);
        head.push(u8::from(self.daemonic));
        head.push(u8::from(self.tied));
        head.push(u8::from(self.children == Children::Allow));
        head.extend_from_slice(&self.parent.to_le_bytes());
        head.extend_from_slice(&u64::try_from(self.grace.as_millis()).unwrap_or(u64::MAX).to_le_bytes());
        for text in [&self.name, &self.tree] {
            head.extend_from_slice(&(text.len() as u64).to_le_bytes());
            head.extend_from_slice(text.as_bytes());
        }
        head.extend_from_slice(&(self.input.len() as u64).to_le_bytes());
        to.write_all(&head)?;
        to.write_all(&self.input)
    }

    pub(crate) fn read(from: &mut impl Read) -> io::Result<Boot> {
        let magic: [u8; 4] = array(from)?;
        if magic != MAGIC {
            return Err(io::Error::new(ErrorKind::InvalidData, "not the start of a process of this program"));
        }
        let [daemonic, tied, children] = array(from)?;
        let parent = u32::from_le_bytes(array(from)?);
        let grace = Duration::from_millis(u64::from_le_bytes(array(from)?));
        let name = text(from)?;
        let tree = text(from)?;
        let input = bytes(from)?;
        let children = if children == 0 { Children::ByRule } else { Children::Allow };
        Ok(Boot { name, daemonic: daemonic != 0, tied: tied != 0, children, parent, tree, grace, input })
    }
}

impl Told {
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        let (tag, bytes) = match self {
            Told::Returned(bytes) => (0, bytes.as_slice()),
            Told::Failed(text) => (1, text.as_bytes()),
            Told::Panicked(text) => (2, text.as_bytes()),
        };
        let mut head = vec![tag];
        head.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
        to.write_all(&head)?;
        to.write_all(bytes)
    }

    /// Reads what a process told, from all that it has written; `None` when it said nothing, or not all.
    pub(crate) fn parse(all: &[u8]) -> Option<Told> {
        let (head, bytes) = all.split_first_chunk::<9>()?;
        let (tag, length) = head.split_first()?;
        if u64::from_le_bytes(length.try_into().ok()?) != bytes.len() as u64 {
            return None;
        }
        let text = || String::from_utf8_lossy(bytes).into_owned();
        match tag {
            0 => Some(Told::Returned(bytes.to_vec())),
            1 => Some(Told::Failed(text())),
            2 => Some(Told::Panicked(text())),
            _ => None,
        }
    }
}

fn array<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut array = [0; N];
    from.read_exact(&mut array)?;
    Ok(array)
}

fn bytes(from: &mut impl Read) -> io::Result<Vec<u8>> {
    let length = u64::from_le_bytes(array(from)?);
    let mut bytes = Vec::new();
    // Not allocated in advance: the length may be a lie.
    if from.take(length).read_to_end(&mut bytes)? as u64 == length {
        Ok(bytes)
    } else {
        Err(ErrorKind::UnexpectedEof.into())
    }
}

fn text(from: &mut impl Read) -> io::Result<String> {
    String::from_utf8(bytes(from)?).map_err(|_| ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot() -> Boot {
        Boot {
            name: "näme".to_owned(),
            daemonic: true,
            tied: true,
            children: Children::Allow,
            parent: 7,
            tree: "a.b".to_owned(),
            grace: Duration::from_millis(1500),
            input: (0..=255).collect(),
        }
    }

    #[test]
    fn frames_come_back() {
        let mut bytes = Vec::new();
        boot().write(&mut bytes).unwrap();
        assert_eq!(Boot::read(&mut bytes.as_slice()).unwrap(), boot());
        for told in [Told::Returned(vec![0, 1]), Told::Failed("x".to_owned()), Told::Panicked(String::new())] {
            let mut bytes = Vec::new();
            told.write(&mut bytes).unwrap();
            assert_eq!(Told::parse(&bytes), Some(told));
        }
    }

    #[test]
    fn whatever_is_cut_or_wrong_is_refused() {
        let mut bytes = Vec::new();
        boot().write(&mut bytes).unwrap();
        for end in 0..bytes.len() {
            assert!(Boot::read(&mut &bytes[..end]).is_err(), "{end}");
        }
        for place in 0..bytes.len() {
            let mut wrong = bytes.clone();
            wrong[place] ^= 0xFF;
            // Without panic, and without the memory that a wrong length asks for.
            let _ = Boot::read(&mut wrong.as_slice());
        }
        let mut told = Vec::new();
        Told::Returned(vec![1, 2, 3]).write(&mut told).unwrap();
        for end in 0..told.len() {
            assert_eq!(Told::parse(&told[..end]), None);
        }
        told[0] = 9;
        assert_eq!(Told::parse(&told), None);
    }
}
