//! What a connection can subscribe to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use utoipa::ToSchema;

use crate::domain::Error;

/// One stream of frames that a connection may take or leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Topic {
    /// Every committed change that carries a patch, and `state` frames.
    State,
    /// What becomes of gateways: their status, their recovery.
    Gateways,
    /// How long gateways take to answer, at most once a second for each; off unless asked for.
    Latency,
    /// How many clients are connected.
    Presence,
    /// The hub's own health.
    Health,
    /// Log lines of the hub and of services that post theirs; off unless it is asked for.
    Logs,
}

impl Topic {
    /// Every topic there is, in the order in which they are listed to clients.
    pub const ALL: [Topic; 6] =
        [Topic::State, Topic::Gateways, Topic::Latency, Topic::Presence, Topic::Health, Topic::Logs];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Topic::State => "state",
            Topic::Gateways => "gateways",
            Topic::Latency => "latency",
            Topic::Presence => "presence",
            Topic::Health => "health",
            Topic::Logs => "logs",
        }
    }

    /// Whether a connection that never said otherwise receives it.
    fn is_default(self) -> bool {
        !matches!(self, Topic::Latency | Topic::Logs)
    }

    fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl FromStr for Topic {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Topic::ALL.into_iter().find(|topic| topic.as_str() == name).ok_or_else(|| Error::UnknownTopic {
            topic: name.to_owned(),
            known: Topic::ALL.map(Topic::as_str).join(", "),
        })
    }
}

/// A set of topics; on the wire a list of names.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub struct Topics(u16);

impl Topics {
    /// No topic at all: what is left are answers and heartbeats.
    pub const NONE: Topics = Topics(0);

    /// What a connection receives that never said otherwise.
    pub fn default_set() -> Topics {
        Topic::ALL.into_iter().filter(|topic| topic.is_default()).collect()
    }

    /// Reads a comma-separated list as it stands in a URL; blanks are ignored.
    ///
    /// # Errors
    /// `unknown_topic` for the first name that is none.
    pub fn parse_list(list: &str) -> Result<Topics, Error> {
        list.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::parse::<Topic>).collect()
    }

    /// Reads names one by one.
    ///
    /// # Errors
    /// `unknown_topic` for the first name that is none.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Topics, Error> {
        names.into_iter().map(str::parse::<Topic>).collect()
    }

    /// Tells whether any topic is in both sets.
    pub fn intersects(self, other: Topics) -> bool {
        self.0 & other.0 != 0
    }

    /// Tells whether `topic` is in the set.
    pub fn contains(self, topic: Topic) -> bool {
        self.0 & topic.bit() != 0
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Topics) -> Topics {
        Topics(self.0 | other.0)
    }

    /// This set without the other.
    #[must_use]
    pub fn without(self, other: Topics) -> Topics {
        Topics(self.0 & !other.0)
    }

    /// The topics of the set, in the order of [`Topic::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Topic> {
        Topic::ALL.into_iter().filter(move |topic| self.contains(*topic))
    }
}

impl From<Topic> for Topics {
    fn from(topic: Topic) -> Self {
        Topics(topic.bit())
    }
}

impl FromIterator<Topic> for Topics {
    fn from_iter<I: IntoIterator<Item = Topic>>(topics: I) -> Self {
        topics.into_iter().fold(Topics::NONE, |set, topic| set.union(topic.into()))
    }
}

impl fmt::Debug for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

impl Serialize for Topics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Topics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Topic>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_from_a_url_is_read_whatever_its_blanks() {
        let topics = Topics::parse_list("state, presence,,").unwrap();
        assert_eq!(topics, [Topic::State, Topic::Presence].into_iter().collect());
    }

    #[test]
    fn an_unknown_topic_is_named_with_the_known_ones() {
        let error = Topics::parse_list("state,weather").unwrap_err();
        assert_eq!(error.spec(), (400, "unknown_topic"));
        let message = error.to_string();
        assert!(message.contains("weather") && message.contains("presence"), "{message}");
    }

    #[test]
    fn a_set_is_a_list_of_names_on_the_wire() {
        let text = serde_json::to_string(&Topics::default_set()).unwrap();
        assert_eq!(text, r#"["state","gateways","presence","health"]"#);
        assert_eq!(serde_json::from_str::<Topics>(&text).unwrap(), Topics::default_set());
    }

    #[test]
    fn taking_topics_away_leaves_the_others() {
        let left = Topics::default_set().without(Topic::Health.into());
        assert!(left.contains(Topic::State) && !left.contains(Topic::Health));
        assert!(!left.intersects(Topic::Health.into()));
    }
}
