//! Who is let in: what somebody shows, judged.

use std::net::IpAddr;

use crate::auth::{Access, Incident, IncidentKind, Principal};
use crate::domain::{Error, Right};
use crate::protocol::Topics;

use super::handshake::{Accept, Protocol, Shown};

/// Who somebody is by what they show; none where they show nothing and the hub wants to know.
///
/// # Errors
/// `not_authenticated` where it lets nobody in, which the journal tells.
pub fn identify(access: &Access, shown: &Shown, peer: Option<IpAddr>) -> Result<Option<Principal>, Error> {
    let known = match shown {
        Shown::Nothing if access.is_required() => return Ok(None),
        Shown::Nothing => return Ok(Some(Principal::open(peer))),
        Shown::Bearer(text) => access.by_bearer(text, peer),
        Shown::Ticket(text) => access.by_ticket(text),
        Shown::Cookie(text) => access.by_cookie(text),
    };
    match known {
        Ok(principal) => Ok(Some(principal)),
        // A cookie that ran out is everyday life, and an open hub needs none.
        Err(_) if matches!(shown, Shown::Cookie(_)) && !access.is_required() => {
            Ok(Some(Principal::open(peer)))
        }
        Err(error) => {
            if !matches!(shown, Shown::Cookie(_)) {
                access.tell(Incident::new(IncidentKind::CredentialRefused, "unknown", peer));
            }
            Err(error)
        }
    }
}

/// Lets a WebSocket in; none where it has to say who it is first, which `opshub.v1` can.
///
/// # Errors
/// `not_authenticated` or `forbidden`.
pub fn admit(access: &Access, accept: &Accept, peer: Option<IpAddr>) -> Result<Option<Principal>, Error> {
    match identify(access, &accept.shown, peer)? {
        Some(principal) => {
            check(&principal, accept)?;
            Ok(Some(principal))
        }
        None if accept.protocol == Protocol::V1 => Ok(None),
        None => Err(Error::NotAuthenticated {
            message: "this hub wants to know who you are: show a token or a ticket".to_owned(),
        }),
    }
}

/// Checks that somebody may have the connection that they ask for.
///
/// # Errors
/// `forbidden`.
pub(super) fn check(principal: &Principal, accept: &Accept) -> Result<(), Error> {
    principal.check(Right::Read)?;
    if accept.protocol == Protocol::Plain {
        // It has the document and nothing else.
        return principal.check_state();
    }
    // Who asked for nothing in particular gets what they may have.
    if accept.topics == Topics::default_set() { Ok(()) } else { principal.check_topics(accept.topics) }
}

/// The topics that somebody gets who asked for `asked`.
pub fn allowed(principal: &Principal, asked: Topics) -> Topics {
    match principal.topics {
        Some(allowed) => asked.without(asked.without(allowed)),
        None => asked,
    }
}
