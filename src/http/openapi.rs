//! The OpenAPI document, made from the descriptions beside the routes.

use utoipa::OpenApi;

use super::{
    admin, answers, auth, changes, connections, docs, events, gateways, health, login, logs, page, sinks,
    slack, stream, system, ws,
};

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
        page::get_root,
        page::get_dashboard,
        page::get_ui_file,
        health::get_health,
        health::get_livez,
        health::get_readyz,
        health::get_metrics,
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
        gateways::get_gateways,
        gateways::get_gateway,
        gateways::get_history,
        gateways::put_gateway,
        gateways::delete_gateway,
        gateways::post_report,
        connections::get_connections,
        sinks::get_sinks,
        events::get_events,
        stream::get_stream,
        logs::get_logs,
        logs::post_logs,
        ws::get_ws,
        auth::get_me,
        auth::post_session,
        auth::delete_session,
        auth::post_setup,
        auth::put_password,
        auth::post_ticket,
        login::post_login,
        login::post_refresh,
        login::post_logout,
        admin::get_tokens,
        admin::post_token,
        admin::patch_token,
        admin::delete_token,
        admin::get_users,
        admin::post_user,
        admin::patch_user,
        admin::delete_user,
        admin::get_sessions,
        admin::end_session,
        admin::get_audit,
    ),
    tags(
        (name = "state", description = "the document: reading and changing it"),
        (name = "system", description = "what the system does just now"),
        (name = "commands", description = "what people and bots say"),
        (name = "events", description = "what was committed"),
        (name = "logs", description = "what the hub and services say about their work"),
        (name = "live", description = "what is pushed"),
        (name = "gateways", description = "the services that are watched"),
        (name = "access", description = "who may do what"),
        (name = "operations", description = "how the hub does"),
        (name = "page", description = "the dashboard"),
        (name = "docs", description = "these documents"),
    )
)]
struct ApiDoc;

/// The routes that are there where Slack has a door.
#[derive(OpenApi)]
#[openapi(
    paths(slack::post_command, slack::post_interaction),
    tags((name = "slack", description = "what people say and press in Slack; signed by Slack"))
)]
struct SlackDoc;

/// The document of a hub, with or without a door for Slack.
pub fn document(with_slack: bool) -> utoipa::openapi::OpenApi {
    let mut document = ApiDoc::openapi();
    if with_slack {
        document.merge(SlackDoc::openapi());
    }
    answers::complete(&mut document);
    document
}
