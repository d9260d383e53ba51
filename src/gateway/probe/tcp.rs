//! A TCP connection that can be made; that nothing is answered on it does not matter.

use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};

use super::{Answer, Probe, Progress};
use crate::gateway::probe_spec::{TcpSpec, split_address};
use crate::gateway::toolkit::Toolkit;

pub(super) struct TcpProbe {
    host: String,
    port: u16,
    toolkit: Toolkit,
}

impl TcpProbe {
    /// # Errors
    /// The address is none.
    pub(super) fn new(spec: &TcpSpec, toolkit: &Toolkit) -> Result<Self, String> {
        let (host, port) = split_address(&spec.address).ok_or("the address is not host:port")?;
        Ok(TcpProbe { host: host.to_owned(), port, toolkit: toolkit.clone() })
    }
}

impl Probe for TcpProbe {
    fn ask(&self, progress: Rc<Progress>) -> LocalBoxFuture<'_, Answer> {
        async move {
            self.toolkit.resolver().connect(&self.host, self.port, &progress).await?;
            Ok(None)
        }
        .boxed_local()
    }
}
