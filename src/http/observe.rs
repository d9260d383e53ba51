//! What happens around every request: an id, a log line, figures, a caught panic, one form of errors.

use std::panic::AssertUnwindSafe;
use std::time::Instant;

use actix_web::body::{BoxBody, EitherBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpResponse};
use futures_util::FutureExt;

use crate::domain::Error;
use crate::fanout::SharedSocket;
use crate::net::{Client, Networks, ProxyHeader};

use super::answer_body::AnswerBody;
use super::error::{self, ApiError};
use super::headers::Dress;
use super::state::AppState;

/// The header that names a request.
pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id that is taken over from a caller, in bytes.
const REQUEST_ID_MAX_BYTES: usize = 128;

/// The id of the request being served.
#[derive(Debug, Clone)]
pub(super) struct RequestId(pub(super) String);

/// The middleware around all others.
///
/// # Errors
/// None: every error is an answer by then.
pub async fn observe<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<AnswerBody>, actix_web::Error> {
    let begun = Instant::now();
    let id = request_id(&request);
    let method = request.method().to_string();
    let path = request.path().to_owned();
    let state = request.app_data::<Data<AppState>>().cloned();
    let told = state.as_deref().map(|state| &**state);
    request.extensions_mut().insert(RequestId(id.clone()));
    let (client, dress) = meet(&request, told);
    let socket = request.conn_data::<SharedSocket>();
    let _under_way = socket.map(SharedSocket::begin_request);
    let answering = socket.map(SharedSocket::begin_answer);

    let outcome = AssertUnwindSafe(next.call(request)).catch_unwind().await;
    let outcome = match outcome {
        Ok(Ok(response)) => Ok(in_one_form(response, &id, told)),
        Ok(Err(error)) => Err(named(&error, &id, &dress, told)),
        Err(panic) => {
            let cause = panic_message(panic.as_ref());
            log::error!(request_id = id.as_str(); "{method} {path} panicked: {cause}");
            Err(named(&ApiError(Error::internal(cause)).into(), &id, &dress, told))
        }
    };
    let (status, route) = match &outcome {
        Ok(response) => (response.status(), response.request().match_pattern()),
        Err(error) => (error.as_response_error().status_code(), None),
    };
    let (route, elapsed) = (route.unwrap_or_else(|| "unknown".to_owned()), begun.elapsed());
    if let Some(state) = state {
        let (metrics, method) = (&state.metrics, known_method(&method));
        metrics.http_requests.with_label_values(&[method, route.as_str(), status.as_str()]).inc();
        metrics
            .http_request_seconds
            .with_label_values(&[method, route.as_str()])
            .observe(elapsed.as_secs_f64());
    }
    log::debug!(
        request_id = id.as_str(), client = client.shown().as_str(), elapsed_ms = elapsed.as_micros() as f64 / 1e3;
        "{method} {path} {}", status.as_u16()
    );
    outcome.map(|mut response| {
        if let Ok(value) = HeaderValue::from_str(&id) {
            response.headers_mut().insert(REQUEST_ID, value);
        }
        dress.put_on(response.headers_mut());
        response.map_body(|_, body| AnswerBody { body: body.boxed(), answering })
    })
}

/// Finds out who asks, for everything that wants to know, and what the answer's headers will depend on.
fn meet(request: &ServiceRequest, state: Option<&AppState>) -> (Client, Dress) {
    let (headers, peer) = (request.headers(), request.request().peer_addr());
    let Some(network) = state.map(|state| &state.network) else {
        let client = Client::of(peer, false, headers, &Networks::default(), ProxyHeader::default());
        return (client, Dress::default());
    };
    let client = Client::of(peer, network.tls, headers, &network.trusted, network.proxy_header);
    let dress = Dress::new(request.request(), network.tls);
    request.extensions_mut().insert(client);
    request.extensions_mut().insert(dress.rates.clone());
    (client, dress)
}

/// The method as a label: any token is a method, and no caller may make up labels.
fn known_method(method: &str) -> &str {
    const KNOWN: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    if KNOWN.contains(&method) { method } else { "other" }
}

/// The caller's id, if it is sane, else one of our own.
fn request_id(request: &ServiceRequest) -> String {
    let given = request.headers().get(REQUEST_ID).and_then(|value| value.to_str().ok());
    match given {
        Some(id) if is_sane(id) => id.to_owned(),
        _ => uuid::Uuid::new_v4().to_string(),
    }
}

fn is_sane(id: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&byte);
    !id.is_empty() && id.len() <= REQUEST_ID_MAX_BYTES && id.bytes().all(allowed)
}

/// Writes the answer again where it tells an error: now the request's id is known.
fn in_one_form<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    id: &str,
    state: Option<&AppState>,
) -> ServiceResponse<EitherBody<B, BoxBody>> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || is_told(&response) {
        return response.map_into_left_body();
    }
    let error = match response.response().error().and_then(|error| error.as_error::<ApiError>()) {
        Some(ApiError(error)) => error.clone(),
        None => error::of_status(status, body_limit(state)),
    };
    tell(&error, id, state);
    let answer = error::write(&error, id);
    let (request, old) = response.into_parts();
    // What the middlewares inside have added (CORS) belongs to the error as well.
    let mut answer = answer;
    for (name, value) in old.headers() {
        if !answer.headers().contains_key(name) && name.as_str().starts_with("access-control-") {
            answer.headers_mut().append(name.clone(), value.clone());
        }
    }
    ServiceResponse::new(request, answer.map_into_right_body())
}

/// `/health` and its like answer 503 in a form of their own.
fn is_told<B>(response: &ServiceResponse<B>) -> bool {
    response.response().error().is_none() && response.response().extensions().contains::<OwnForm>()
}

/// Marks an answer that tells a failure in a form of its own.
pub(super) struct OwnForm;

/// An error of a middleware, told with the request's id.
fn named(error: &actix_web::Error, id: &str, dress: &Dress, state: Option<&AppState>) -> actix_web::Error {
    let error = match error.as_error::<ApiError>() {
        Some(ApiError(error)) => error.clone(),
        None => error::of_status(error.as_response_error().status_code(), body_limit(state)),
    };
    tell(&error, id, state);
    let mut response: HttpResponse = error::write(&error, id);
    if let Ok(value) = HeaderValue::from_str(id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    dress.put_on(response.headers_mut());
    actix_web::error::InternalError::from_response(ApiError(error), response).into()
}

fn body_limit(state: Option<&AppState>) -> usize {
    state.map(|state| state.body_bytes).unwrap_or_default()
}

/// Counts an error; its cause is for the log alone.
fn tell(error: &Error, id: &str, state: Option<&AppState>) {
    if let Some(state) = state {
        state.metrics.rejected.with_label_values(&[error.spec().1]).inc();
    }
    match error {
        Error::Internal { cause } => log::error!(request_id = id; "internal error: {cause}"),
        Error::StorageUnavailable { cause } => log::warn!(request_id = id; "storage unavailable: {cause}"),
        _ => {}
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::StatusCode;
    use actix_web::middleware::from_fn;
    use actix_web::{App, test, web};

    #[actix_web::test]
    async fn a_panic_is_one_answer_and_leaks_nothing() {
        async fn broken() -> HttpResponse {
            panic!("the secret is hunter2")
        }
        let app =
            test::init_service(App::new().route("/", web::get().to(broken)).wrap(from_fn(observe))).await;
        let request = test::TestRequest::get().uri("/").insert_header(("x-request-id", "r-1")).to_request();
        let error = test::try_call_service(&app, request).await.expect_err("it becomes an error response");
        let response = error.error_response();
        assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(response.headers().get("x-request-id").unwrap(), "r-1");
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        let text = std::str::from_utf8(&body).unwrap();
        assert!(text.contains("\"error_type\":\"internal\"") && !text.contains("hunter2"), "{text}");
    }

    #[actix_web::test]
    async fn an_unknown_path_is_told_in_the_one_form_with_an_id() {
        let app = test::init_service(App::new().wrap(from_fn(observe))).await;
        let bad_id = test::TestRequest::get().uri("/x").insert_header(("x-request-id", "a b")).to_request();
        let response = test::call_service(&app, bad_id).await;
        let id = response.headers().get("x-request-id").unwrap().to_str().unwrap().to_owned();
        assert!(uuid::Uuid::parse_str(&id).is_ok());
        let body: serde_json::Value = test::read_body_json(response).await;
        assert_eq!(body["error"]["error_type"], "not_found");
        assert_eq!(body["error"]["request_id"], id.as_str());
    }
}
