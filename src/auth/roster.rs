//! Everything that is known of who may do what, in memory: asked by every request, altered by what the
//! Db actor has stored.

use std::collections::{BTreeMap, HashMap};

use crate::domain::Timestamp;
use crate::store::{AccessWrite, FamilyRecord, KnownAccess, SignInRecord, TokenRecord, UserRecord};

use super::lease::Lessor;
use super::principal::{Credential, Principal};
use super::secret::SecretHash;

/// How often the time of the last use is written down, in milliseconds.
const NOTE_EVERY_MS: i64 = 60_000;

/// A record, and the leases of those who were let in by it.
struct Held<T> {
    record: T,
    lessor: Lessor,
    /// Used since it was last written down.
    unwritten: bool,
}

impl<T> Held<T> {
    fn new(record: T) -> Held<T> {
        Held { record, lessor: Lessor::new(), unwritten: false }
    }
}

/// Tokens, people, and where they are signed in.
#[derive(Default)]
pub struct Roster {
    tokens: BTreeMap<String, Held<TokenRecord>>,
    token_names: HashMap<SecretHash, String>,
    users: BTreeMap<String, UserRecord>,
    sign_ins: BTreeMap<String, Held<SignInRecord>>,
    sign_in_ids: HashMap<SecretHash, String>,
    families: BTreeMap<String, Held<FamilyRecord>>,
    family_ids: HashMap<SecretHash, String>,
}

impl Roster {
    /// What was stored.
    pub fn new(known: KnownAccess) -> Roster {
        let mut roster = Roster::default();
        let users = known.users.into_iter().map(AccessWrite::PutUser);
        let tokens = known.tokens.into_iter().map(AccessWrite::AddToken);
        let sign_ins = known.sign_ins.into_iter().map(AccessWrite::AddSignIn);
        let families = known.families.into_iter().map(AccessWrite::AddFamily);
        for write in users.chain(tokens).chain(sign_ins).chain(families) {
            roster.apply(write);
        }
        roster
    }

    /// Does here what was done in the database. Who was let in by what is gone learns of it.
    pub fn apply(&mut self, write: AccessWrite) {
        match write {
            AccessWrite::AddToken(token) => {
                self.token_names.insert(token.hash, token.name.clone());
                self.tokens.insert(token.name.clone(), Held::new(token));
            }
            AccessWrite::RenewToken { name, expires_at } => {
                if let Some(held) = self.tokens.get_mut(&name) {
                    // Some may have been let in for longer than it holds now: they come back, or do not.
                    if ends_sooner(expires_at, held.record.expires_at) {
                        held.lessor = Lessor::new();
                    }
                    held.record.expires_at = expires_at;
                }
            }
            AccessWrite::DropToken(name) => {
                if let Some(held) = self.tokens.remove(&name) {
                    self.token_names.remove(&held.record.hash);
                }
            }
            AccessWrite::PutUser(user) => {
                let before = self.users.insert(user.email.clone(), user.clone());
                // Another role or password ends what was begun with the old one.
                if before.is_some_and(|before| before.role != user.role || before.password != user.password) {
                    self.renew_leases(&user.email);
                }
            }
            AccessWrite::DropUser(email) => {
                self.users.remove(&email);
                let theirs = self.sign_ins_of(&email);
                theirs.into_iter().for_each(|id| self.drop_sign_in(&id));
                let theirs = self.families_of(&email);
                theirs.into_iter().for_each(|id| self.drop_family(&id));
            }
            AccessWrite::AddSignIn(sign_in) => {
                self.sign_in_ids.insert(sign_in.hash, sign_in.id.clone());
                self.sign_ins.insert(sign_in.id.clone(), Held::new(sign_in));
            }
            AccessWrite::DropSignIn(id) => self.drop_sign_in(&id),
            AccessWrite::AddFamily(family) => {
                self.family_ids.insert(family.lineage, family.id.clone());
                self.families.insert(family.id.clone(), Held::new(family));
            }
            AccessWrite::TurnFamily { id, hash, at, expires_at } => {
                // What was let in by the family stays: it is the same one.
                if let Some(held) = self.families.get_mut(&id) {
                    let family = &mut held.record;
                    (family.hash, family.seen_at, family.expires_at) = (hash, at, expires_at);
                }
            }
            AccessWrite::DropFamily(id) => self.drop_family(&id),
            // Noted here first, and written down from here.
            AccessWrite::TokenUsed { .. } | AccessWrite::Seen { .. } => {}
        }
    }

    fn drop_sign_in(&mut self, id: &str) {
        if let Some(held) = self.sign_ins.remove(id) {
            self.sign_in_ids.remove(&held.record.hash);
        }
    }

    fn drop_family(&mut self, id: &str) {
        if let Some(held) = self.families.remove(id) {
            self.family_ids.remove(&held.record.lineage);
        }
    }

    fn renew_leases(&mut self, email: &str) {
        for held in self.families.values_mut().filter(|held| held.record.email == email) {
            held.lessor = Lessor::new();
        }
        for held in self.sign_ins.values_mut().filter(|held| held.record.email == email) {
            held.lessor = Lessor::new();
        }
    }

    /// Lets a program in that shows the token with this hash.
    pub fn by_token(&mut self, hash: &SecretHash, from: &str, now: Timestamp) -> Option<Principal> {
        let held = self.tokens.get_mut(self.token_names.get(hash)?)?;
        let token = &mut held.record;
        if token.expires_at.is_some_and(|end| end <= now) {
            return None;
        }
        let due = token.used_at.is_none_or(|at| now.millis() - at.millis() >= NOTE_EVERY_MS);
        if due || token.used_from.as_deref() != Some(from) {
            (token.used_at, token.used_from) = (Some(now), Some(from.to_owned()));
            held.unwritten = true;
        }
        Some(Principal {
            name: token.name.clone(),
            role: token.role,
            credential: Credential::Token(token.name.clone()),
            expires_at: token.expires_at,
            topics: token.topics,
            lease: Some(held.lessor.lease()),
        })
    }

    /// Lets a person in whose cookie has this hash, unless they were away for longer than `idle_ms`.
    pub fn by_session(&mut self, hash: &SecretHash, idle_ms: i64, now: Timestamp) -> Option<Principal> {
        let held = self.sign_ins.get_mut(self.sign_in_ids.get(hash)?)?;
        let sign_in = &mut held.record;
        let away = now.millis() - sign_in.seen_at.millis();
        if sign_in.expires_at <= now || away >= idle_ms {
            return None;
        }
        if away >= NOTE_EVERY_MS {
            sign_in.seen_at = now;
            held.unwritten = true;
        }
        let user = self.users.get(&sign_in.email)?;
        Some(Principal {
            name: user.email.clone(),
            role: user.role,
            credential: Credential::Session(sign_in.id.clone()),
            expires_at: Some(sign_in.expires_at),
            topics: None,
            lease: Some(held.lessor.lease()),
        })
    }

    /// Lets a program in by the id in its access token, which holds until `until`.
    pub fn by_family(&self, id: &str, until: Timestamp, now: Timestamp) -> Option<Principal> {
        let held = self.families.get(id).filter(|held| held.record.expires_at > now)?;
        let user = self.users.get(&held.record.email)?;
        Some(Principal {
            name: user.email.clone(),
            role: user.role,
            credential: Credential::Login(id.to_owned()),
            expires_at: Some(until.min(held.record.expires_at)),
            topics: None,
            lease: Some(held.lessor.lease()),
        })
    }

    /// Takes the uses that are not written down yet.
    pub fn take_unwritten(&mut self) -> Vec<AccessWrite> {
        let tokens = self.tokens.values_mut().filter(|held| held.unwritten).filter_map(|held| {
            held.unwritten = false;
            let TokenRecord { name, used_at, used_from, .. } = &held.record;
            Some(AccessWrite::TokenUsed { name: name.clone(), at: (*used_at)?, from: used_from.clone()? })
        });
        let mut writes: Vec<AccessWrite> = tokens.collect();
        let sign_ins = self.sign_ins.values_mut().filter(|held| held.unwritten).map(|held| {
            held.unwritten = false;
            AccessWrite::Seen { id: held.record.id.clone(), at: held.record.seen_at }
        });
        writes.extend(sign_ins);
        writes
    }

    /// The sessions that nobody can use any more.
    pub fn over(&self, idle_ms: i64, now: Timestamp) -> Vec<String> {
        let over = |sign_in: &SignInRecord| {
            sign_in.expires_at <= now || now.millis() - sign_in.seen_at.millis() >= idle_ms
        };
        self.sign_ins().filter(|sign_in| over(sign_in)).map(|sign_in| sign_in.id.clone()).collect()
    }

    /// Where programs are signed in by refresh tokens that nobody can use any more.
    pub fn families_over(&self, now: Timestamp) -> Vec<String> {
        self.families().filter(|family| family.expires_at <= now).map(|family| family.id.clone()).collect()
    }

    /// Where a program is signed in, by its id.
    pub fn family(&self, id: &str) -> Option<&FamilyRecord> {
        self.families.get(id).map(|held| &held.record)
    }

    /// Where a program is signed in, by what all of its refresh tokens share.
    pub fn family_by(&self, lineage: &SecretHash) -> Option<&FamilyRecord> {
        self.family(self.family_ids.get(lineage)?)
    }

    /// Where programs are signed in for people.
    pub fn families(&self) -> impl ExactSizeIterator<Item = &FamilyRecord> {
        self.families.values().map(|held| &held.record)
    }

    /// Where programs are signed in for one person, the longest ago first.
    pub fn families_of(&self, email: &str) -> Vec<String> {
        let mut theirs: Vec<_> = self.families().filter(|family| family.email == email).collect();
        theirs.sort_by_key(|family| family.created_at);
        theirs.into_iter().map(|family| family.id.clone()).collect()
    }

    /// A token by its name.
    pub fn token(&self, name: &str) -> Option<&TokenRecord> {
        self.tokens.get(name).map(|held| &held.record)
    }

    /// All tokens, by name.
    pub fn tokens(&self) -> impl ExactSizeIterator<Item = &TokenRecord> {
        self.tokens.values().map(|held| &held.record)
    }

    /// A person by their e-mail address.
    pub fn user(&self, email: &str) -> Option<&UserRecord> {
        self.users.get(email)
    }

    /// All people, by e-mail address.
    pub fn users(&self) -> impl ExactSizeIterator<Item = &UserRecord> {
        self.users.values()
    }

    /// Where somebody is signed in.
    pub fn sign_in(&self, id: &str) -> Option<&SignInRecord> {
        self.sign_ins.get(id).map(|held| &held.record)
    }

    /// Where people are signed in.
    pub fn sign_ins(&self) -> impl ExactSizeIterator<Item = &SignInRecord> {
        self.sign_ins.values().map(|held| &held.record)
    }

    /// Where one person is signed in, the longest ago first.
    pub fn sign_ins_of(&self, email: &str) -> Vec<String> {
        let mut theirs: Vec<_> = self.sign_ins().filter(|sign_in| sign_in.email == email).collect();
        theirs.sort_by_key(|sign_in| sign_in.created_at);
        theirs.into_iter().map(|sign_in| sign_in.id.clone()).collect()
    }
}

/// Whether the first end comes before the second; no end comes last.
fn ends_sooner(first: Option<Timestamp>, second: Option<Timestamp>) -> bool {
    first.is_some_and(|first| second.is_none_or(|second| first < second))
}

#[cfg(test)]
#[path = "roster_tests.rs"]
mod tests;
