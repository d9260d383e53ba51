//! Tickets: what lets one WebSocket in, once, soon.

use std::collections::{HashMap, VecDeque};

use crate::domain::{Error, Timestamp};

use super::principal::Principal;
use super::secret::{Secret, SecretHash, SecretKind};

/// How long a ticket lets somebody in, in milliseconds.
pub(super) const TICKET_MS: i64 = 30_000;
/// Tickets that may be out at once; more are refused.
const OUT_MAX: usize = 10_000;

/// The tickets that are out.
#[derive(Default)]
pub(super) struct Tickets {
    out: HashMap<SecretHash, (Timestamp, Principal)>,
    oldest: VecDeque<(Timestamp, SecretHash)>,
}

impl Tickets {
    /// Gives out a ticket for somebody who was let in.
    ///
    /// # Errors
    /// `overloaded` where too many are out.
    pub(super) fn issue(&mut self, principal: Principal, now: Timestamp) -> Result<Secret, Error> {
        self.forget(now);
        if self.out.len() >= OUT_MAX {
            return Err(Error::Overloaded);
        }
        let secret = Secret::generate(SecretKind::Ticket);
        let end = Timestamp::from_millis(now.millis() + TICKET_MS);
        self.oldest.push_back((end, secret.hash()));
        self.out.insert(secret.hash(), (end, principal));
        Ok(secret)
    }

    /// Takes a ticket; it lets nobody in again.
    pub(super) fn take(&mut self, hash: &SecretHash, now: Timestamp) -> Option<Principal> {
        let (end, principal) = self.out.remove(hash)?;
        let taken_back = principal.lease.as_ref().is_some_and(super::Lease::is_over);
        (end > now && !principal.is_over(now) && !taken_back).then_some(principal)
    }

    fn forget(&mut self, now: Timestamp) {
        while self.oldest.front().is_some_and(|(end, _)| *end <= now) {
            if let Some((_, hash)) = self.oldest.pop_front() {
                self.out.remove(&hash);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn a_ticket_lets_in_once_and_soon() {
        let mut tickets = Tickets::default();
        let who = Principal::open(None);
        let ticket = tickets.issue(who.clone(), at(0)).unwrap();
        assert_eq!(tickets.take(&ticket.hash(), at(1)), Some(who.clone()));
        assert_eq!(tickets.take(&ticket.hash(), at(1)), None);
        let late = tickets.issue(who, at(0)).unwrap();
        assert_eq!(tickets.take(&late.hash(), at(TICKET_MS)), None);
    }

    #[test]
    fn tickets_that_nobody_used_are_forgotten_and_their_number_is_bounded() {
        let mut tickets = Tickets::default();
        let who = Principal::open(None);
        for _ in 0..OUT_MAX {
            tickets.issue(who.clone(), at(0)).unwrap();
        }
        assert_eq!(tickets.issue(who.clone(), at(1)).unwrap_err(), Error::Overloaded);
        assert!(tickets.issue(who, at(TICKET_MS)).is_ok());
        assert_eq!((tickets.out.len(), tickets.oldest.len()), (1, 1));
    }
}
