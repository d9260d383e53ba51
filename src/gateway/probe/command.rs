//! A program that exits with 0; the last line that it writes is the message.

use std::rc::Rc;

use futures_util::future::{FutureExt, LocalBoxFuture};

use super::{Answer, Failure, Probe, Progress};
use crate::gateway::probe_spec::CommandSpec;
use crate::gateway::process::Program;
use crate::gateway::result::FailureKind;
use crate::gateway::secret::resolve_all;

pub(super) struct CommandProbe {
    program: Program,
}

impl CommandProbe {
    /// # Errors
    /// A variable or file that it names cannot be read.
    pub(super) fn new(spec: &CommandSpec) -> Result<Self, String> {
        let program =
            Program { argv: spec.command.clone(), env: resolve_all(&spec.env)?, kill_left_behind: true };
        Ok(CommandProbe { program })
    }
}

impl Probe for CommandProbe {
    fn ask(&self, _: Rc<Progress>) -> LocalBoxFuture<'_, Answer> {
        async move {
            let ended = self.program.run().await;
            let ended = ended.map_err(|error| {
                Failure::new(FailureKind::Setup, format!("cannot run {}: {error}", self.program.argv[0]))
            })?;
            ended.success().map_err(|how| Failure::new(FailureKind::Exit, how))
        }
        .boxed_local()
    }
}
