//! The chain that links each row of the log to the one before.

use std::fmt;

use hmac::Mac;
use sha2::{Digest, Sha256};

use crate::domain::{Seq, Timestamp};

use super::audit_key::Linking;

/// One link: HMAC-SHA-256 over the link before and a row, with the key of the log; in rows from before
/// there was one the plain SHA-256.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Chain([u8; 32]);

/// What the first row of a log is linked to.
pub(super) const CHAIN_ROOT: Chain = Chain([0; 32]);

/// What a row says, as it is linked.
pub(super) struct Linked<'a> {
    pub(super) number: Seq,
    pub(super) at: Timestamp,
    pub(super) kind: &'a str,
    pub(super) meta: Option<&'a str>,
    pub(super) text: &'a str,
}

impl Linked<'_> {
    /// Gives everything to `take`, piece by piece.
    ///
    /// Texts go in with their lengths in front, so that no two rows give the same input.
    fn feed(&self, before: Chain, mut take: impl FnMut(&[u8])) {
        take(&before.0);
        take(&self.number.get().to_be_bytes());
        take(&self.at.millis().to_be_bytes());
        for text in [self.kind, self.meta.unwrap_or_default(), self.text] {
            take(&(text.len() as u64).to_be_bytes());
            take(text.as_bytes());
        }
        take(&[u8::from(self.meta.is_some())]);
    }
}

impl Chain {
    /// The link of the row that comes after this one; none where it was made by a key that is lost.
    pub(super) fn next(self, linking: Linking, row: &Linked<'_>) -> Option<Chain> {
        match linking {
            Linking::Keyed(mut mac) => {
                row.feed(self, |piece| mac.update(piece));
                Some(Chain(mac.finalize().into_bytes().into()))
            }
            Linking::Unkeyed => {
                let mut hash = Sha256::new();
                row.feed(self, |piece| hash.update(piece));
                Some(Chain(hash.finalize().into()))
            }
            Linking::Lost => None,
        }
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
    use super::super::audit_key::{AuditKey, Before};
    use super::*;

    fn link(key: &AuditKey, before: Chain, seq: u64, kind: &str, meta: Option<&str>, text: &str) -> Chain {
        let at = Timestamp::from_millis(1);
        let row = Linked { number: Seq::new(seq), at, kind, meta, text };
        before.next(key.for_event(seq), &row).unwrap()
    }

    #[test]
    fn every_part_of_a_row_counts() {
        for key in
            [AuditKey::generate(1, 1, Before::Unkeyed), AuditKey::generate(u64::MAX, 1, Before::Unkeyed)]
        {
            let from_root = |seq, kind, meta, text| link(&key, CHAIN_ROOT, seq, kind, meta, text);
            let base = from_root(1, "a", None, "{}");
            for other in [
                from_root(2, "a", None, "{}"),
                from_root(1, "b", None, "{}"),
                from_root(1, "a", Some(""), "{}"),
                from_root(1, "a", None, "{ }"),
                from_root(1, "a{", None, "}"),
                link(&key, base, 1, "a", None, "{}"),
            ] {
                assert_ne!(base, other);
            }
            assert_eq!(base, from_root(1, "a", None, "{}"));
            assert_eq!(Chain::from_bytes(base.as_bytes()), Some(base));
        }
    }

    #[test]
    fn a_link_needs_the_key() {
        let [one, other] = [0, 1].map(|_| AuditKey::generate(1, 1, Before::Unkeyed));
        let by = |key| link(key, CHAIN_ROOT, 1, "a", None, "{}");
        assert_ne!(by(&one), by(&other));
    }

    #[test]
    fn a_link_from_before_there_were_keys_is_the_plain_hash() {
        let key = AuditKey::generate(2, 1, Before::Unkeyed);
        let made = link(&key, CHAIN_ROOT, 1, "a", None, "{}");
        let mut hash = Sha256::new();
        hash.update([0; 32]);
        hash.update([0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1]);
        hash.update([0, 0, 0, 0, 0, 0, 0, 1, b'a']);
        hash.update([0; 8]);
        hash.update([0, 0, 0, 0, 0, 0, 0, 2, b'{', b'}']);
        hash.update([0]);
        let plain: [u8; 32] = hash.finalize().into();
        assert_eq!(made.as_bytes(), plain);
        let row =
            Linked { number: Seq::new(1), at: Timestamp::from_millis(1), kind: "a", meta: None, text: "{}" };
        let lost = AuditKey::generate(2, 1, Before::Lost);
        assert_eq!(CHAIN_ROOT.next(lost.for_event(1), &row), None);
    }
}
