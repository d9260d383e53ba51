//! What stands between the hub and the network: networks and addresses, rates, certificates.
//!
//! Nothing here knows a route or an actor, so that every part may use it.

pub mod client;
pub mod limits;
pub mod networks;
pub mod places;
pub mod tls;

pub use client::{Client, ProxyHeader};
pub use limits::{Rate, RateLimits, RateStatus, SlowDown};
pub use networks::{Networks, counted_as};
pub use places::{Place, Places};
pub use tls::{Certificate, TlsError};
