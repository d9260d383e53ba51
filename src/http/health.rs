//! Whether the hub does its work, for people, orchestrators and Prometheus.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix::Addr;
use actix_web::web::Data;
use actix_web::{HttpMessage, HttpRequest, HttpResponse};

use tokio::sync::Mutex;

use crate::auth::Principal;
use crate::domain::{Error, Right};
use crate::protocol::error::ErrorBody;
use crate::protocol::server::DatabaseStatus;
use crate::protocol::{Health, HealthStatus};
use crate::store::{Db, Probe};
use crate::telemetry::clock::now;

use super::error::ApiError;
use super::observe::OwnForm;
use super::state::AppState;
use super::types::{Alive, BareHealth, HealthAnswer};

/// How long the DB actor has to answer.
const PROBE_WAIT: Duration = Duration::from_secs(2);
/// How long its answer holds.
const PROBE_HOLDS: Duration = Duration::from_millis(200);

/// Whether everything works; the database is asked for real work.
#[utoipa::path(
    get, path = "/health", tag = "operations",
    responses(
        (status = 200, description = "healthy; the bare status for who may not read", body = HealthAnswer),
        (status = 503, description = "degraded: reads and live connections work, changes cannot be stored", body = HealthAnswer),
    )
)]
pub(super) async fn get_health(request: HttpRequest, state: Data<AppState>) -> HttpResponse {
    let view = state.live.view();
    let writes = view.storage_ok && state.probe.works().await;
    let health = Health {
        status: if writes { HealthStatus::Healthy } else { HealthStatus::Degraded },
        service: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        database: if writes { DatabaseStatus::Connected } else { DatabaseStatus::Disconnected },
        websocket: state.connections.health(),
        seq: view.committed.seq,
        uptime_s: state.started.elapsed().as_secs(),
        timestamp: now(),
    };
    let mut response = if writes { HttpResponse::Ok() } else { HttpResponse::ServiceUnavailable() };
    // The bare status is for all; the rest for who may read.
    let may_read =
        request.extensions().get::<Principal>().is_some_and(|principal| principal.check(Right::Read).is_ok());
    let answer = match may_read {
        true => HealthAnswer::Details(health),
        false => HealthAnswer::Bare(BareHealth { status: health.status }),
    };
    let mut response = response.json(answer);
    if writes {
        return response;
    }
    response.extensions_mut().insert(OwnForm);
    response
}

/// Asks the DB actor for real work, for all that want to know at the same time.
///
/// One probe is under way at most, so that however often the hub is asked, and however long the disk
/// hangs, no more than one waits before the commits.
#[derive(Debug)]
pub struct DatabaseProbe {
    db: Addr<Db>,
    last: Arc<Mutex<Option<(Instant, bool)>>>,
}

impl DatabaseProbe {
    /// Probes `db`.
    pub fn new(db: Addr<Db>) -> DatabaseProbe {
        DatabaseProbe { db, last: Arc::default() }
    }

    /// Whether the database takes writes; no answer in time means no.
    async fn works(&self) -> bool {
        tokio::time::timeout(PROBE_WAIT, self.ask()).await.unwrap_or(false)
    }

    async fn ask(&self) -> bool {
        let mut last = self.last.clone().lock_owned().await;
        if let Some((at, works)) = *last
            && at.elapsed() < PROBE_HOLDS
        {
            return works;
        }
        let probe = self.db.send(Probe);
        // A task of its own holds the lock until there is an answer, even if nobody waits for it any more.
        let asked = actix_web::rt::spawn(async move {
            let works = matches!(probe.await, Ok(Ok(_)));
            *last = Some((Instant::now(), works));
            works
        });
        asked.await.unwrap_or(false)
    }
}

/// Whether the process runs.
#[utoipa::path(get, path = "/livez", tag = "operations", responses((status = 200, description = "it does", body = Alive)))]
pub(super) async fn get_livez() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: "alive" })
}

/// Whether the hub takes requests.
#[utoipa::path(
    get, path = "/readyz", tag = "operations",
    responses(
        (status = 200, description = "it does", body = Alive),
        (status = 503, description = "it is shutting down, or its actor is gone", body = ErrorBody),
    )
)]
pub(super) async fn get_readyz(state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    if state.connections.is_closed() {
        return Err(Error::ShuttingDown.into());
    }
    if !state.hub.addr().connected() {
        return Err(Error::NotReady.into());
    }
    Ok(HttpResponse::Ok().json(Alive { status: "ready" }))
}

/// The figures for Prometheus; `docs/metrics.md` lists them.
#[utoipa::path(
    get, path = "/metrics", tag = "operations",
    responses((status = 200, description = "Prometheus text format", content_type = "text/plain"))
)]
pub(super) async fn get_metrics(state: Data<AppState>) -> HttpResponse {
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(state.metrics.render())
}
