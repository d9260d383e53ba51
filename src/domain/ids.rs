//! The names of things: sequence numbers, epochs, collections, items.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::error::Error;

/// The most characters (Unicode scalar values) of an item's id.
pub const ITEM_ID_MAX_CHARS: usize = 128;

/// The number of a committed change: 1, 2, 3, … without gaps; `ZERO` is the empty log.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(transparent)]
pub struct Seq(u64);

impl Seq {
    /// Before the first change.
    pub const ZERO: Seq = Seq(0);

    /// Names the change with this number.
    pub const fn new(number: u64) -> Self {
        Seq(number)
    }

    /// Returns the bare number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the number after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Seq(self.0.saturating_add(1))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for Seq {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Seq)
    }
}

/// The name of one log from its beginning; another epoch means that sequence numbers say nothing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct Epoch(String);

impl Epoch {
    /// Names an epoch.
    pub fn new(name: impl Into<String>) -> Self {
        Epoch(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Epoch {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Epoch(text.to_owned()))
    }
}

/// The name of one collection, from its start to its end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
pub struct CollectionId(String);

impl CollectionId {
    /// Names a collection.
    pub fn new(name: impl Into<String>) -> Self {
        CollectionId(name.into())
    }

    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for CollectionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id of an item, unique within its list: 1 to 128 characters, case kept.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String, min_length = 1, max_length = 128)]
pub struct ItemId(Arc<str>);

impl ItemId {
    /// Reads an id.
    ///
    /// # Errors
    /// `invalid_value` when it is empty or longer than [`ITEM_ID_MAX_CHARS`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        // No string is longer in characters than in bytes, so most ids need no counting.
        let fits = text.len() <= ITEM_ID_MAX_CHARS || text.chars().count() <= ITEM_ID_MAX_CHARS;
        if text.is_empty() || !fits {
            let found = text.chars().count();
            return Err(Error::invalid(
                "id",
                format!("id must have 1 to {ITEM_ID_MAX_CHARS} characters, got {found}"),
            ));
        }
        Ok(ItemId(text.into()))
    }

    /// Takes an id that was checked when it was stored.
    pub(super) fn trusted(text: &str) -> Self {
        ItemId(text.into())
    }

    /// Returns the id's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ItemId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ItemId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ItemId::parse(text)
    }
}

impl<'de> Deserialize<'de> for ItemId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        ItemId::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may panic")]

    use super::*;

    #[test]
    fn a_seq_is_a_bare_number_on_the_wire() {
        assert_eq!(serde_json::to_string(&Seq::new(7)).unwrap(), "7");
        assert_eq!("8".parse::<Seq>().unwrap(), Seq::new(7).next());
        assert_eq!(Seq::default(), Seq::ZERO);
        assert!("-1".parse::<Seq>().is_err());
    }

    #[test]
    fn an_item_id_counts_characters_and_not_bytes() {
        assert!(ItemId::parse(&"ü".repeat(128)).is_ok());
        assert!(ItemId::parse(&"ü".repeat(129)).is_err());
        assert_eq!(ItemId::parse("").unwrap_err().to_string(), "id must have 1 to 128 characters, got 0");
    }
}
