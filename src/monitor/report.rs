//! A gateway as `GET /api/gateways` tells it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::domain::{Gateway, GatewayId, Timestamp};
use crate::gateway::{FailureKind, Origin};

use super::watched::Watched;

/// All that is known of a gateway at the moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct GatewayReport {
    /// Its id.
    pub id: GatewayId,
    /// How it stands in the document.
    #[serde(flatten)]
    pub gateway: Gateway,
    /// Whether it stands in the configuration file or was registered over HTTP.
    pub origin: String,
    /// How it is watched; without the values of headers and variables.
    #[schema(value_type = Object)]
    pub definition: Value,
    /// The newest result.
    #[schema(required = true)]
    pub last_check: Option<LastCheck>,
}

/// The newest result of a gateway.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LastCheck {
    /// When it came.
    pub at: Timestamp,
    /// Whether it was right.
    pub ok: bool,
    /// How long it took, in milliseconds.
    pub latency_ms: f64,
    /// What was said, or what went wrong.
    #[schema(required = true)]
    pub message: Option<String>,
    /// In which way it went wrong.
    #[schema(required = true)]
    pub error_kind: Option<FailureKind>,
}

/// Puts together what the document and the monitor know.
pub(super) fn report(id: &GatewayId, gateway: Gateway, watched: &Watched) -> GatewayReport {
    let origin = match watched.origin {
        Origin::Configured => "configured",
        Origin::Registered => "registered",
    };
    let last_check = watched.last.as_ref().map(|(at, result)| LastCheck {
        at: *at,
        ok: result.is_ok(),
        latency_ms: (result.latency.as_secs_f64() * 1e6).round() / 1e3,
        message: result.message().map(str::to_owned),
        error_kind: result.failure(),
    });
    GatewayReport {
        id: id.clone(),
        gateway,
        origin: origin.to_owned(),
        definition: serde_json::to_value(watched.definition.public()).unwrap_or_default(),
        last_check,
    }
}
