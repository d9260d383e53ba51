//! The event log in pages.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::{Error, EventKind, Seq};
use crate::protocol::error::ErrorBody;
use crate::session::query;
use crate::store::{EventFilter, Order, Page};

use super::error::ApiError;
use super::state::AppState;
use super::types::EventsAnswer;

/// The most events of one page.
const LIMIT_MAX: usize = 1_000;
/// The events of a page where the caller does not say.
const LIMIT_DEFAULT: usize = 100;

/// Committed changes, the same objects as the live frames.
#[utoipa::path(
    get, path = "/api/events", tag = "events",
    params(
        ("since" = Option<u64>, Query, description = "only after this seq"),
        ("before" = Option<u64>, Query, description = "only before this seq"),
        ("until" = Option<u64>, Query, description = "only up to this seq"),
        ("limit" = Option<usize>, Query, description = "at most so many, up to 1000 (100)"),
        ("order" = Option<String>, Query, description = "asc or desc (asc)"),
        ("type" = Option<Vec<String>>, Query, description = "only of these types; may be repeated"),
        ("actor" = Option<String>, Query, description = "only by this actor"),
    ),
    responses(
        (status = 200, description = "a page", body = EventsAnswer),
        (status = 410, description = "since is older than what is kept", body = ErrorBody),
    )
)]
pub(super) async fn get_events(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    let mut filter = filter(request.query_string())?;
    // The log may be ahead of what is shown by a batch that is being announced just now.
    let shown = state.live.committed().seq;
    filter.until = Some(filter.until.map_or(shown, |until| until.min(shown)));
    let mut page = state.readers.page(filter).await?;
    page.last_seq = page.last_seq.min(shown);
    Ok(HttpResponse::Ok().content_type("application/json").body(body(&page)))
}

/// Reads the query pair by pair, since `type` may be repeated.
fn filter(query: &str) -> Result<EventFilter, Error> {
    let pairs: Vec<(String, String)> = query::read(query)?;
    let mut filter = EventFilter { limit: LIMIT_DEFAULT, ..EventFilter::default() };
    for (name, value) in pairs {
        let bad = |expected: &str| Error::invalid(&name, format!("{name} must be {expected}, got {value:?}"));
        let seq = || value.parse::<Seq>().map_err(|_| bad("a sequence number"));
        match name.as_str() {
            "since" => filter.since = Some(seq()?),
            "before" => filter.before = Some(seq()?),
            "until" => filter.until = Some(seq()?),
            "limit" => {
                filter.limit = match value.parse() {
                    Ok(limit @ 1..=LIMIT_MAX) => limit,
                    _ => return Err(bad(&format!("between 1 and {LIMIT_MAX}"))),
                }
            }
            "order" => {
                filter.order = match value.as_str() {
                    "asc" => Order::Asc,
                    "desc" => Order::Desc,
                    _ => return Err(bad("asc or desc")),
                }
            }
            "type" => filter.kinds.push(value.parse::<EventKind>()?),
            "actor" => filter.actor = Some(value),
            _ => {
                let known = ["since", "before", "until", "limit", "order", "type", "actor"];
                return Err(Error::unknown_field(name, &known));
            }
        }
    }
    Ok(filter)
}

/// The page as JSON: the frames go in as they are stored.
fn body(page: &Page) -> String {
    let size: usize = page.events.iter().map(|(_, frame)| frame.len() + 1).sum();
    let mut body = String::with_capacity(size + 128);
    body.push_str("{\"events\":[");
    for (index, (_, frame)) in page.events.iter().enumerate() {
        if index > 0 {
            body.push(',');
        }
        body.push_str(frame);
    }
    let next = page.events.last().filter(|_| page.more).map(|(seq, _)| seq.to_string());
    let next = next.unwrap_or_else(|| "null".to_owned());
    body.push_str(&format!(
        "],\"first_seq\":{},\"last_seq\":{},\"next\":{next}}}",
        page.first_seq, page.last_seq
    ));
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_may_be_repeated() {
        let filter =
            filter("type=state_change&type=command_executed&limit=5&order=desc&actor=a%40b").unwrap();
        assert_eq!(filter.kinds, [EventKind::StateChange, EventKind::CommandExecuted]);
        assert_eq!((filter.limit, filter.order, filter.actor.as_deref()), (5, Order::Desc, Some("a@b")));
    }

    #[test]
    fn wrong_and_unknown_parameters_are_named() {
        for (query, word) in [
            ("limit=0", "limit"),
            ("limit=1001", "1000"),
            ("since=x", "since"),
            ("sort=asc", "sort"),
            ("order=up", "asc or desc"),
        ] {
            let message = filter(query).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn the_next_page_begins_after_the_last_event() {
        let events = vec![(Seq::new(4), "{\"seq\":4}".to_owned()), (Seq::new(5), "{\"seq\":5}".to_owned())];
        let page = Page { events, first_seq: Seq::new(1), last_seq: Seq::new(9), more: true };
        let value: serde_json::Value = serde_json::from_str(&body(&page)).unwrap();
        assert_eq!(
            value,
            serde_json::json!({"events": [{"seq": 4}, {"seq": 5}], "first_seq": 1, "last_seq": 9, "next": 5})
        );
    }
}
