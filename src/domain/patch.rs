//! The patch of a committed change: RFC 6902 operations whose values are texts, encoded once.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json::JsonText;

/// One operation of RFC 6902. The hub writes these three; requests may use all six.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "op", rename_all = "lowercase")]
pub enum Op {
    /// Inserts into a list or sets a member.
    Add {
        /// JSON pointer of the new place.
        path: String,
        /// What is put there.
        #[schema(value_type = serde_json::Value)]
        value: JsonText,
    },
    /// Takes something out.
    Remove {
        /// JSON pointer of what is taken out.
        path: String,
    },
    /// Puts something in the place of what was there.
    Replace {
        /// JSON pointer of the place.
        path: String,
        /// What is put there.
        #[schema(value_type = serde_json::Value)]
        value: JsonText,
    },
}

impl Op {
    /// Returns the JSON pointer of the place.
    pub fn path(&self) -> &str {
        match self {
            Op::Add { path, .. } | Op::Remove { path } | Op::Replace { path, .. } => path,
        }
    }

    /// Returns the bytes of the operation's JSON text.
    pub(super) fn encoded_len(&self) -> usize {
        let (around, value) = match self {
            Op::Add { value, .. } => (r#"{"op":"add","path":,"value":}"#, value.as_str()),
            Op::Remove { .. } => (r#"{"op":"remove","path":}"#, ""),
            Op::Replace { value, .. } => (r#"{"op":"replace","path":,"value":}"#, value.as_str()),
        };
        around.len() + quoted_len(self.path()) + value.len()
    }
}

/// RFC 6902 operations that turn the document before a change into the one after it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Patch(pub Vec<Op>);

impl Patch {
    /// Says whether the change left the document as it was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the operations in the order in which they apply.
    pub fn ops(&self) -> &[Op] {
        &self.0
    }

    /// Returns the bytes of the patch's JSON text.
    pub fn encoded_len(&self) -> usize {
        let ops: usize = self.0.iter().map(Op::encoded_len).sum();
        "[]".len() + ops + self.0.len().saturating_sub(1)
    }
}

/// Returns the bytes of a string as JSON, quotes included.
fn quoted_len(text: &str) -> usize {
    let escapes = text.bytes().map(|byte| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => r"\u00XX".len() - 1,
        _ => 0,
    });
    text.len() + 2 + escapes.sum::<usize>()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_patch_as_clients_read_it() {
        let value = JsonText::of(&json!({"id": "P7", "title": "T"}));
        let patch = Patch(vec![
            Op::Add { path: "/priorities/0".into(), value: value.clone() },
            Op::Replace { path: "/system".into(), value },
            Op::Remove { path: "/calendar/3".into() },
        ]);
        let text = serde_json::to_string(&patch).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"[{"op":"add","path":"/priorities/0","value":{"id":"P7","title":"T"}},"#,
                r#"{"op":"replace","path":"/system","value":{"id":"P7","title":"T"}},"#,
                r#"{"op":"remove","path":"/calendar/3"}]"#
            )
        );
        assert_eq!(serde_json::from_str::<Patch>(&text).unwrap(), patch);
        assert_eq!(patch.encoded_len(), text.len());
        assert_eq!(Patch::default().encoded_len(), 2);
    }

    proptest! {
        #[test]
        fn the_length_of_any_path_is_known(path in any::<String>()) {
            let op = Op::Remove { path };
            prop_assert_eq!(op.encoded_len(), serde_json::to_string(&op).unwrap().len());
        }
    }
}
