//! What routes of a kind may answer, said once for all of them.
//!
//! The descriptions beside the routes tell what is their own. What the parts around them answer (the guard, the table
//! of rights, the reading of bodies) follows from what a route is, and is added here.

use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::path::{Operation, Parameter};
use utoipa::openapi::schema::{AllOf, OneOf, Schema, SchemaType, Type};
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, ObjectBuilder, OpenApi, Ref, RefOr, Response, ResponseBuilder,
    SecurityRequirement,
};

use crate::session::handshake::COOKIES;

use super::rights::{Need, TABLE};

/// The names of the ways to say who one is, as the document has them.
const BEARER: &str = "token";
const COOKIE: &str = "session";

/// An answer that routes share.
struct Shared {
    status: &'static str,
    name: &'static str,
    description: &'static str,
    retry_after: bool,
}

const fn shared(status: &'static str, name: &'static str, description: &'static str) -> Shared {
    Shared { status, name, description, retry_after: false }
}

const BAD_REQUEST: Shared =
    shared("400", "BadRequest", "something in the request is wrong; the error names what");
const NOT_AUTHENTICATED: Shared =
    shared("401", "NotAuthenticated", "nothing, or nothing that holds, says who asks");
const FORBIDDEN: Shared = shared("403", "Forbidden", "not with this role, or not from this page");
const REQUEST_TIMEOUT: Shared = shared("408", "RequestTimeout", "the body came too slowly");
const PRECONDITION_FAILED: Shared =
    shared("412", "PreconditionFailed", "`If-Match` names another version than the one in force");
const TOO_LARGE: Shared = shared("413", "TooLarge", "the body is larger than `limits.body_bytes`");
const UNSUPPORTED: Shared =
    shared("415", "UnsupportedMediaType", "the body is of another type, or compressed");
const HOST_REFUSED: Shared =
    shared("421", "HostRefused", "a hub on loopback was asked under a name that is none of its own");
const MISMATCH: Shared =
    shared("422", "IdempotencyMismatch", "the `Idempotency-Key` was used for another request");
const RATE_LIMITED: Shared =
    Shared { retry_after: true, ..shared("429", "RateLimited", "too many requests, come back later") };
const HEAD_TOO_LARGE: Shared =
    shared("431", "HeadTooLarge", "the headers are too many, or too large with the address");
const UNAVAILABLE: Shared = Shared {
    retry_after: true,
    ..shared(
        "503",
        "Unavailable",
        "the disk, or whoever would answer, is not there just now; nothing was lost",
    )
};

const ALL: [Shared; 12] = [
    BAD_REQUEST,
    NOT_AUTHENTICATED,
    FORBIDDEN,
    REQUEST_TIMEOUT,
    PRECONDITION_FAILED,
    TOO_LARGE,
    UNSUPPORTED,
    HOST_REFUSED,
    MISMATCH,
    RATE_LIMITED,
    HEAD_TOO_LARGE,
    UNAVAILABLE,
];

impl Shared {
    fn response(&self) -> Response {
        let body = Ref::from_schema_name("ErrorBody");
        let json = ContentBuilder::new().schema(Some(body)).build();
        let mut response =
            ResponseBuilder::new().description(self.description).content("application/json", json);
        if self.retry_after {
            let seconds = ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer)).build();
            let header = HeaderBuilder::new().schema(Some(seconds)).description(Some("seconds")).build();
            response = response.header("Retry-After", header);
        }
        response.build()
    }
}

/// Adds to each route what it answers by its kind and who may ask, and the ways to say who one is.
pub(super) fn complete(document: &mut OpenApi) {
    let components = document.components.get_or_insert_default();
    open_tagged(components);
    for shared in ALL {
        components.responses.insert(shared.name.to_owned(), shared.response().into());
    }
    let bearer = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("a token of a program (`oph_…`), or a JSON Web Token"));
    components.add_security_scheme(BEARER, SecurityScheme::Http(bearer.build()));
    let cookie = ApiKeyValue::with_description(
        COOKIES[1],
        "the session of a person who has signed in; `__Host-opshub_session` over TLS",
    );
    components.add_security_scheme(COOKIE, SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
    for (method, path, need) in TABLE {
        let Some(item) = document.paths.paths.get_mut(*path) else { continue };
        let operation = match *method {
            "GET" => &mut item.get,
            "PUT" => &mut item.put,
            "POST" => &mut item.post,
            "PATCH" => &mut item.patch,
            _ => &mut item.delete,
        };
        if let Some(operation) = operation {
            describe(operation, *need, *method != "GET");
        }
    }
}

fn describe(operation: &mut Operation, need: Need, changes: bool) {
    let asks_who = !matches!(need, Need::Nothing | Need::Itself);
    let parameters = operation.parameters.as_deref().unwrap_or_default();
    let has =
        |name: &str| parameters.iter().filter_map(inline).any(|own| own.name.eq_ignore_ascii_case(name));
    let has_body = operation.request_body.is_some();
    let kinds = [
        (has_body || !parameters.is_empty(), BAD_REQUEST),
        (asks_who, NOT_AUTHENTICATED),
        (asks_who || changes, FORBIDDEN),
        (has_body, REQUEST_TIMEOUT),
        (has("If-Match"), PRECONDITION_FAILED),
        (has_body, TOO_LARGE),
        (has_body, UNSUPPORTED),
        (true, HOST_REFUSED),
        (has("Idempotency-Key"), MISMATCH),
        (true, RATE_LIMITED),
        (true, HEAD_TOO_LARGE),
        (changes, UNAVAILABLE),
    ];
    for (_, shared) in kinds.into_iter().filter(|(applies, _)| *applies) {
        // What a route says of itself is closer to it.
        operation
            .responses
            .responses
            .entry(shared.status.to_owned())
            .or_insert_with(|| RefOr::Ref(Ref::from_response_name(shared.name)));
    }
    // What signs or says who it is in another way has no scheme of these.
    let none = Vec::<String>::new;
    operation.security = Some(match asks_who {
        true => vec![SecurityRequirement::new(BEARER, none()), SecurityRequirement::new(COOKIE, none())],
        false => vec![],
    });
}

fn inline(parameter: &RefOr<Parameter>) -> Option<&Parameter> {
    match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    }
}

/// Lets the variants of tagged types have their tag.
///
/// They are written as all of the variant's own type and of an object with the tag; a type that is closed to other
/// members would refuse that tag, so that nothing at all were valid.
fn open_tagged(components: &mut Components) {
    let variants = |schema: &RefOr<Schema>| match schema {
        RefOr::T(Schema::OneOf(OneOf { items, .. })) => items.iter().flat_map(all_of).collect(),
        _ => Vec::new(),
    };
    let names: Vec<String> = components.schemas.values().flat_map(variants).collect();
    for name in names {
        if let Some(RefOr::T(Schema::Object(object))) = components.schemas.get_mut(&name) {
            object.additional_properties = None;
        }
    }
}

/// The names of the types that a variant is made of.
fn all_of(variant: &RefOr<Schema>) -> Vec<String> {
    let RefOr::T(Schema::AllOf(AllOf { items, .. })) = variant else { return Vec::new() };
    let name = |item: &RefOr<Schema>| match item {
        RefOr::Ref(reference) => reference.ref_location.rsplit('/').next().map(str::to_owned),
        RefOr::T(_) => None,
    };
    items.iter().filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::openapi::document;

    fn as_json() -> Value {
        serde_json::to_value(document(true)).unwrap()
    }

    #[test]
    fn routes_say_who_may_ask_and_what_is_answered_to_others() {
        let document = as_json();
        let state = &document["paths"]["/api/state"]["patch"];
        assert_eq!(state["responses"]["401"]["$ref"], "#/components/responses/NotAuthenticated");
        assert_eq!(state["security"], json!([{"token": []}, {"session": []}]));
        let live = &document["paths"]["/livez"]["get"];
        assert_eq!((&live["responses"]["401"], &live["security"]), (&Value::Null, &json!([])));
        let limited = &document["components"]["responses"]["RateLimited"];
        assert_eq!(limited["headers"]["Retry-After"]["schema"]["type"], "integer");
    }

    #[test]
    fn a_tagged_type_is_not_closed_against_its_own_tag() {
        let document = as_json();
        assert!(document["components"]["schemas"]["TcpSpec"]["additionalProperties"].is_null());
        assert_eq!(document["components"]["schemas"]["Definition"]["additionalProperties"], false);
    }
}
