//! What a request must be before anything is done for it: not too often, not too large a head.

use std::cell::Cell;
use std::rc::Rc;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest};

use crate::domain::Error;
use crate::fanout::SharedSocket;
use crate::net::{Client, RateStatus, SlowDown};

use super::error::ApiError;
use super::state::{AppState, NetworkSettings};

/// Requests of one connection that may be under way: HTTP/2 has many at a time.
const UNDER_WAY_MAX: u32 = 256;
/// What a header's colon, space and line end are counted as, in bytes.
const HEADER_EXTRA: usize = 4;

/// How the caller stands towards the limits that were looked at, for the answer's headers.
#[derive(Clone, Default)]
pub(super) struct Rates(Rc<Cell<[Option<RateStatus>; 2]>>);

impl Rates {
    fn note(&self, status: Option<RateStatus>) {
        let [first, second] = self.0.get();
        self.0.set(if first.is_none() { [status, second] } else { [first, status.or(second)] });
    }

    /// What was noted, in its order.
    pub(super) fn all(&self) -> impl Iterator<Item = RateStatus> {
        self.0.get().into_iter().flatten()
    }
}

/// Refuses requests that are too many or too large, before anything else looks at them.
///
/// # Errors
/// None of its own: what it refuses is an answer, so that the headers for foreign pages are added to it.
pub async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B, BoxBody>>, actix_web::Error> {
    match judge(request.request()) {
        Ok(()) => next.call(request).await.map(ServiceResponse::map_into_left_body),
        Err(error) => Ok(request.error_response(ApiError(error)).map_into_right_body()),
    }
}

fn judge(request: &HttpRequest) -> Result<(), Error> {
    let Some(state) = request.app_data::<Data<AppState>>() else { return Ok(()) };
    if request.conn_data::<SharedSocket>().is_some_and(|socket| socket.under_way() > UNDER_WAY_MAX) {
        return Err(Error::SlowDown { seconds: 1 });
    }
    if let Some(ip) = client(request).ip {
        noted(request, state.network.limits.check_address(ip))?;
    }
    check_head(request, &state.network)
}

/// Holds who is known as `name` to its rate; for whatever finds out who asks.
///
/// # Errors
/// `rate_limited`.
pub fn hold_principal(request: &HttpRequest, name: &str) -> Result<(), ApiError> {
    match request.app_data::<Data<AppState>>() {
        Some(state) => Ok(noted(request, state.network.limits.check_principal(name))?),
        None => Ok(()),
    }
}

fn noted(request: &HttpRequest, checked: Result<Option<RateStatus>, SlowDown>) -> Result<(), Error> {
    let status = match checked {
        Ok(status) => status,
        Err(SlowDown(status)) => Some(status),
    };
    if let Some(rates) = request.extensions().get::<Rates>() {
        rates.note(status);
    }
    checked.map(|_| ()).map_err(Error::from)
}

fn check_head(request: &HttpRequest, network: &NetworkSettings) -> Result<(), Error> {
    let count = request.headers().len();
    if count > network.headers_max {
        let message = format!("a request may have {} headers, this one has {count}", network.headers_max);
        return Err(Error::HeadTooLarge { message });
    }
    let headers = request.headers().iter();
    let bytes: usize = headers.map(|(name, value)| name.as_str().len() + value.len() + HEADER_EXTRA).sum();
    let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
    if bytes + target > network.header_bytes_max {
        let limit = network.header_bytes_max;
        let message =
            format!("the headers and the address of a request must not be larger than {limit} bytes");
        return Err(Error::HeadTooLarge { message });
    }
    Ok(())
}

/// Who is at the other end of a request.
pub fn client(request: &HttpRequest) -> Client {
    let known = request.extensions().get::<Client>().copied();
    known.unwrap_or_else(|| {
        let peer = request.peer_addr();
        Client {
            ip: peer.map(|peer| peer.ip()),
            port: peer.map(|peer| peer.port()),
            secure: false,
            proxied: false,
        }
    })
}
