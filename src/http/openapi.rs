//! The OpenAPI document, made from the descriptions beside the routes.

use utoipa::OpenApi;

use super::{changes, connections, docs, events, health, stream, system, ws};

/// Every route of the hub.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "opshub",
        description = "One live picture of a team's operations. Changes are acknowledged once they are on disk; \
            the live protocol is described in /asyncapi.json.",
        license(name = "MIT OR Apache-2.0"),
    ),
    paths(
        health::get_root,
        health::get_health,
        health::get_livez,
        health::get_readyz,
        health::get_metrics,
        docs::get_dashboard,
        docs::get_docs,
        docs::get_openapi,
        docs::get_asyncapi,
        changes::get_state,
        changes::patch_state,
        changes::put_item,
        changes::delete_item,
        system::get_status,
        system::post_status,
        system::post_command,
        system::trigger_collection,
        system::trigger_collection_by_get,
        connections::get_connections,
        events::get_events,
        stream::get_stream,
        ws::get_ws,
    ),
    tags(
        (name = "state", description = "the document: reading and changing it"),
        (name = "system", description = "what the system does just now"),
        (name = "commands", description = "what people and bots say"),
        (name = "events", description = "what was committed"),
        (name = "live", description = "what is pushed"),
        (name = "operations", description = "how the hub does"),
        (name = "docs", description = "these documents"),
    )
)]
struct ApiDoc;

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    ApiDoc::openapi()
}
