//! The door to the monitor.

use std::collections::BTreeMap;

use actix::prelude::*;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Error, Gateway, GatewayId};
use crate::gateway::rollup::Summary;
use crate::gateway::{Definition, HistoryWindow, Origin, PushReport};

use super::actor::Monitor;
use super::report::{GatewayReport, report};
use super::watched::Asking;

/// Asks the monitor.
#[derive(Debug, Clone)]
pub struct MonitorHandle(Addr<Monitor>);

/// What `GET /api/gateways/{id}/history` tells: a summary for each window.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HistoryAnswer {
    /// Which gateway.
    pub id: GatewayId,
    /// By the names of the windows: `1h`, `24h`, `7d`, `30d`.
    pub windows: BTreeMap<&'static str, Summary>,
}

impl MonitorHandle {
    /// The door to `monitor`.
    pub fn new(monitor: Addr<Monitor>) -> MonitorHandle {
        MonitorHandle(monitor)
    }

    /// The actor itself.
    pub fn addr(&self) -> &Addr<Monitor> {
        &self.0
    }

    /// Every gateway, by its id.
    ///
    /// # Errors
    /// `internal` where the monitor is gone.
    pub async fn list(&self) -> Result<Vec<GatewayReport>, Error> {
        self.send(List).await
    }

    /// One gateway.
    ///
    /// # Errors
    /// `not_found` where nothing with this id is watched.
    pub async fn get(&self, id: GatewayId) -> Result<GatewayReport, Error> {
        self.send(Get(id)).await?
    }

    /// The past of one gateway.
    ///
    /// # Errors
    /// `not_found` where nothing with this id is watched.
    pub async fn history(&self, id: GatewayId) -> Result<HistoryAnswer, Error> {
        self.send(History(id)).await?
    }

    /// Takes the report of a service.
    ///
    /// # Errors
    /// `not_found` where nothing with this id is watched, `invalid_value` where it does not report.
    pub async fn take_report(&self, id: GatewayId, report: PushReport) -> Result<(), Error> {
        self.send(Report { id, report }).await?
    }

    /// Tells whether a gateway may be registered, or removed, over HTTP.
    ///
    /// # Errors
    /// `read_only` where it stands in the configuration file.
    pub async fn may_change(&self, id: GatewayId) -> Result<(), Error> {
        self.send(MayChange(id)).await?
    }

    /// Watches a gateway whose registration is on disk.
    ///
    /// # Errors
    /// `internal` where the monitor is gone.
    pub async fn watch(&self, definition: Definition) -> Result<(), Error> {
        self.send(Watch(Box::new(definition))).await
    }

    /// Ends the watch over a gateway whose removal is on disk.
    ///
    /// # Errors
    /// `internal` where the monitor is gone.
    pub async fn forget(&self, id: GatewayId) -> Result<(), Error> {
        self.send(Forget(id)).await
    }

    /// Stores what is open of the history, at the end.
    pub async fn save(&self) {
        // Without a monitor there is nothing to save.
        let _ = self.0.send(Save).await;
    }

    async fn send<M>(&self, message: M) -> Result<M::Result, Error>
    where
        M: Message + Send + 'static,
        M::Result: Send,
        Monitor: Handler<M>,
    {
        self.0.send(message).await.map_err(|_| Error::internal("the monitor is gone"))
    }
}

#[derive(Message)]
#[rtype(result = "Vec<GatewayReport>")]
struct List;

impl Handler<List> for Monitor {
    type Result = MessageResult<List>;

    fn handle(&mut self, _: List, _: &mut Context<Self>) -> Self::Result {
        let document = self.live.committed().document.clone();
        let shown = self.watched.iter().filter_map(|(id, watched)| {
            Some(report(id, Gateway::of(document.gateways(), id.as_str())?, watched))
        });
        MessageResult(shown.collect())
    }
}

#[derive(Message)]
#[rtype(result = "Result<GatewayReport, Error>")]
struct Get(GatewayId);

impl Handler<Get> for Monitor {
    type Result = Result<GatewayReport, Error>;

    fn handle(&mut self, Get(id): Get, _: &mut Context<Self>) -> Self::Result {
        let watched = self.watched.get(&id).ok_or(Error::NotFound)?;
        let document = self.live.committed().document.clone();
        let gateway = Gateway::of(document.gateways(), id.as_str()).ok_or(Error::NotFound)?;
        Ok(report(&id, gateway, watched))
    }
}

#[derive(Message)]
#[rtype(result = "Result<HistoryAnswer, Error>")]
struct History(GatewayId);

impl Handler<History> for Monitor {
    type Result = Result<HistoryAnswer, Error>;

    fn handle(&mut self, History(id): History, _: &mut Context<Self>) -> Self::Result {
        let now = (self.clock)();
        let watched = self.watched.get_mut(&id).ok_or(Error::NotFound)?;
        let summaries = HistoryWindow::ALL.map(|window| (window.name(), watched.rollup.summary(now, window)));
        Ok(HistoryAnswer { id, windows: summaries.into() })
    }
}

#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
struct Report {
    id: GatewayId,
    report: PushReport,
}

impl Handler<Report> for Monitor {
    type Result = Result<(), Error>;

    fn handle(&mut self, Report { id, report }: Report, ctx: &mut Context<Self>) -> Self::Result {
        let watched = self.watched.get_mut(&id).ok_or(Error::NotFound)?;
        let Asking::Push(push) = &mut watched.asking else {
            let message = format!("gateway {id} is asked by the hub, it does not report by itself");
            return Err(Error::invalid("id", message));
        };
        let result = push.report(std::time::Instant::now(), &report);
        self.observe(&id, result, ctx);
        Ok(())
    }
}

#[derive(Message)]
#[rtype(result = "Result<(), Error>")]
struct MayChange(GatewayId);

impl Handler<MayChange> for Monitor {
    type Result = Result<(), Error>;

    fn handle(&mut self, MayChange(id): MayChange, _: &mut Context<Self>) -> Self::Result {
        match self.watched.get(&id).map(|watched| watched.origin) {
            Some(Origin::Configured) => Err(Error::ReadOnly { path: format!("/gateways/{id}") }),
            _ => Ok(()),
        }
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Watch(Box<Definition>);

impl Handler<Watch> for Monitor {
    type Result = ();

    fn handle(&mut self, Watch(definition): Watch, ctx: &mut Context<Self>) {
        self.watch(*definition, Origin::Registered, Vec::new(), std::time::Duration::ZERO, ctx);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Forget(GatewayId);

impl Handler<Forget> for Monitor {
    type Result = ();

    fn handle(&mut self, Forget(id): Forget, ctx: &mut Context<Self>) {
        self.forget(&id, ctx);
    }
}

#[derive(Message)]
#[rtype(result = "()")]
struct Save;

impl Handler<Save> for Monitor {
    type Result = ();

    fn handle(&mut self, _: Save, _: &mut Context<Self>) {
        self.save_history(true);
    }
}
