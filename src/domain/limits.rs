//! How large the document, its lists and one change may become.

/// The bounds that [`decide`](super::decide) keeps; past them a change is refused as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of the document in its canonical form.
    pub document_bytes: usize,
    /// The most items of any one list.
    pub list_items: usize,
    /// The most bytes of one change's frame; 16 KiB of them are kept for what is around its patch.
    pub change_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { document_bytes: 1024 * 1024, list_items: 10_000, change_bytes: 512 * 1024 }
    }
}
