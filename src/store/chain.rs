//! The hash chain that links each row of the log to the one before.

use std::fmt;

use sha2::{Digest, Sha256};

use crate::domain::{Seq, Timestamp};

/// One link: SHA-256 over the link before and a row.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chain([u8; 32]);

/// What the first row of a log is linked to.
pub const CHAIN_ROOT: Chain = Chain([0; 32]);

impl Chain {
    /// The link of the row that comes after this one.
    ///
    /// Texts go in with their lengths in front, so that no two rows give the same input.
    #[must_use]
    pub fn next(self, seq: Seq, at: Timestamp, kind: &str, meta: Option<&str>, frame: &str) -> Chain {
        let mut hash = Sha256::new();
        hash.update(self.0);
        hash.update(seq.get().to_be_bytes());
        hash.update(at.millis().to_be_bytes());
        for text in [kind, meta.unwrap_or_default(), frame] {
            hash.update((text.len() as u64).to_be_bytes());
            hash.update(text.as_bytes());
        }
        hash.update([u8::from(meta.is_some())]);
        Chain(hash.finalize().into())
    }

    /// Reads a link as it is stored; none where it has another length than 32 bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Chain> {
        bytes.try_into().ok().map(Chain)
    }

    /// The link as it is stored.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Chain> for Vec<u8> {
    fn from(chain: Chain) -> Self {
        chain.0.to_vec()
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0[..4].iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(seq: u64, kind: &str, meta: Option<&str>, frame: &str) -> Chain {
        CHAIN_ROOT.next(Seq::new(seq), Timestamp::from_millis(1), kind, meta, frame)
    }

    #[test]
    fn every_part_of_a_row_counts() {
        let base = link(1, "a", None, "{}");
        for other in [
            link(2, "a", None, "{}"),
            link(1, "b", None, "{}"),
            link(1, "a", Some(""), "{}"),
            link(1, "a", None, "{ }"),
            link(1, "a{", None, "}"),
            base.next(Seq::new(1), Timestamp::from_millis(1), "a", None, "{}"),
        ] {
            assert_ne!(base, other);
        }
        assert_eq!(base, link(1, "a", None, "{}"));
        assert_eq!(Chain::from_bytes(base.as_bytes()), Some(base));
    }
}
