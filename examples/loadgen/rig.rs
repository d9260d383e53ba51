//! A measurement in parts: connect, settle, calibrate, run. Ties sockets, books and pacing together.

use std::time::{Duration, Instant};

use crate::changes::{Changes, Mix};
use crate::client::{Cause, Event, Fleet};
use crate::error::{Error, Result};
use crate::frame::Kind;
use crate::ledger::Ledger;
use crate::pacer::{Outcome, Pace, Pacer, Plan};
use crate::server::Target;

/// Handshakes under way at once; more would only queue in the server's backlog.
const OPENING_AT_ONCE: usize = 128;

/// How long all the handshakes may take together.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(120);

/// The server is at rest when nothing has come for so long, or at the latest after so long.
const QUIET: Duration = Duration::from_millis(400);
const QUIET_AT_LATEST: Duration = Duration::from_secs(4);

/// How long one change may be under way.
pub(crate) const CHANGE_TIMEOUT: Duration = Duration::from_secs(20);

/// Files beside the connections: epoll, pipes, `/proc`, the posting connections' spare.
pub(crate) const SPARE_FILES: usize = 64;

/// Everything on the client's side of one measurement.
#[derive(Debug)]
pub(crate) struct Rig {
    pub(crate) fleet: Fleet,
    pub(crate) ledger: Ledger,
    pub(crate) changes: Changes,
    events: Vec<Event>,
    /// Connections that ended although nobody on this side wanted it.
    pub(crate) dropped: u64,
    /// Why the first of them did.
    pub(crate) dropped_why: Option<String>,
}

impl Rig {
    /// Makes a rig of `readers` clients that are in the books, `muted` clients behind them that
    /// do not read, and `posters` posting connections. Nothing is connected yet.
    ///
    /// # Errors
    /// Not so many files may be open.
    pub(crate) fn new(
        target: &Target,
        readers: usize,
        muted: usize,
        posters: usize,
        mix: Mix,
    ) -> Result<Rig> {
        crate::proc::allow_open_files(readers + muted + posters + SPARE_FILES)?;
        let mut fleet = Fleet::new(target.address(), readers + muted, posters)?;
        (readers..readers + muted).for_each(|client| fleet.mute(client));
        Ok(Rig {
            fleet,
            ledger: Ledger::new(readers),
            changes: Changes::new(target.address().to_string(), mix),
            events: Vec::new(),
            dropped: 0,
            dropped_why: None,
        })
    }

    /// Connects the clients `from..to` and waits until each has a state; muted ones, until their
    /// handshake is through. Returns how long it took.
    ///
    /// # Errors
    /// A connection was refused or ended, or it took more than two minutes.
    pub(crate) fn connect(&mut self, from: usize, to: usize, muted: bool) -> Result<Duration> {
        let began = Instant::now();
        let (mut opened, mut ready) = (from, from);
        while ready < to {
            while opened < to && opened - ready < OPENING_AT_ONCE {
                self.fleet.open(opened, None)?;
                opened += 1;
            }
            self.turn(Duration::from_millis(100), |event| match event {
                Event::Opened { .. } if muted => {
                    ready += 1;
                    Ok(())
                }
                Event::Frame { frame, .. } if !muted && is_first_state(frame.kind) => {
                    ready += 1;
                    Ok(())
                }
                Event::Closed { client, cause } => {
                    Err(Error::Unmet(format!("client {client} was not let in: {cause:?}")))
                }
                _ => Ok(()),
            })?;
            if began.elapsed() > CONNECT_TIMEOUT {
                let text = format!("{} of {} clients got a state in time", ready - from, to - from);
                return Err(Error::Unmet(text));
            }
        }
        Ok(began.elapsed())
    }

    /// Waits until the server has nothing more to say about the connections that came.
    ///
    /// # Errors
    /// As [`Fleet::turn`].
    pub(crate) fn settle(&mut self) -> Result<()> {
        let began = Instant::now();
        let mut heard = began;
        while heard.elapsed() < QUIET && began.elapsed() < QUIET_AT_LATEST {
            let mut any = false;
            self.turn(Duration::from_millis(20), |_| {
                any = true;
                Ok(())
            })?;
            if any {
                heard = Instant::now();
            }
        }
        Ok(())
    }

    /// Reads and answers pings for so long, calling `look` about every 20 ms.
    ///
    /// # Errors
    /// As [`Fleet::turn`], or what `look` returns.
    pub(crate) fn attend(&mut self, duration: Duration, mut look: impl FnMut() -> Result<()>) -> Result<()> {
        let began = Instant::now();
        while let Some(left) = duration.checked_sub(began.elapsed()) {
            self.turn(left.min(Duration::from_millis(20)), |_| Ok(()))?;
            look()?;
        }
        Ok(())
    }

    /// Writes every item once, then makes titles as long as frames of `frame_bytes` take. Frames
    /// that are longer without any padding stay as they are.
    ///
    /// # Errors
    /// The server refuses a change, or does not show it to every client in time.
    pub(crate) fn calibrate(&mut self, frame_bytes: usize, mix: Mix) -> Result<()> {
        self.changes.set_mix(Mix::Items);
        let round = self.changes.round();
        self.try_out(round)?;
        self.ledger.begin();
        self.try_out(1)?;
        let counts = self.ledger.counts();
        if let Some(bare) = counts.delivered_bytes.checked_div(counts.deliveries) {
            let bare = usize::try_from(bare).unwrap_or(usize::MAX);
            self.changes.pad(frame_bytes.saturating_sub(bare));
        }
        self.try_out(round)?;
        self.changes.set_mix(mix);
        Ok(())
    }

    /// Posts by `plan` and follows every change to its last arrival; `look` is called after each
    /// turn of the loop, at least every 20 ms or so, with what happened in it.
    ///
    /// # Errors
    /// A change was not answered, or the sockets fail, or what `look` returns.
    pub(crate) fn run(
        &mut self,
        plan: Plan,
        mut look: impl FnMut(&mut Fleet, &mut Ledger, &[Event]) -> Result<()>,
    ) -> Result<Outcome> {
        let mut pacer = Pacer::new(plan, self.fleet.now());
        loop {
            let now = self.fleet.now();
            while let Some(poster) = pacer.next_post(now) {
                self.fleet.post(poster, &self.changes.next())?;
            }
            let mut events = std::mem::take(&mut self.events);
            self.fleet.turn(pacer.wait(now), &mut events)?;
            for event in &mut events {
                match event {
                    Event::Answered { poster, at, answer } => {
                        let answer = std::mem::take(answer);
                        pacer.answered(*poster, *at, answer, &mut self.ledger);
                    }
                    Event::PostFailed { poster, error } => {
                        pacer.failed(*poster, error.to_string());
                    }
                    event => self.enter(event),
                }
            }
            look(&mut self.fleet, &mut self.ledger, &events)?;
            events.clear();
            self.events = events;
            let now = self.fleet.now();
            pacer.sweep(now, &self.ledger)?;
            if pacer.is_over(now, &self.ledger) {
                return Ok(pacer.into_outcome());
            }
        }
    }

    /// Takes what has piled up for a muted client, and returns it.
    pub(crate) fn unmute(&mut self, client: usize) -> Vec<Event> {
        let mut events = Vec::new();
        self.fleet.unmute(client, &mut events);
        events
    }

    /// One turn of the loop without posting: enters what happened, then shows it to `look`.
    pub(crate) fn turn(&mut self, wait: Duration, mut look: impl FnMut(&Event) -> Result<()>) -> Result<()> {
        let mut events = std::mem::take(&mut self.events);
        self.fleet.turn(wait, &mut events)?;
        for event in events.drain(..) {
            self.enter(&event);
            look(&event)?;
        }
        self.events = events;
        Ok(())
    }

    /// Posts changes one after the other that all must come through.
    fn try_out(&mut self, count: u64) -> Result<()> {
        let pace = Pace::InFlight(1);
        let plan = Plan { pace, count: Some(count), duration: None, timeout: CHANGE_TIMEOUT };
        let outcome = self.run(plan, |_, _, _| Ok(()))?;
        if let Some(refusal) = outcome.refusal {
            return Err(Error::Unmet(format!("the server refuses a change: {refusal}")));
        }
        if outcome.timed_out + outcome.failed > 0 {
            return Err(Error::Unmet("a change did not reach every client in time".into()));
        }
        Ok(())
    }

    /// Enters what happened to a client in the books. Muted clients are not in them.
    fn enter(&mut self, event: &Event) {
        match event {
            Event::Frame { client, at, frame } if self.keeps_books_of(*client) => {
                self.ledger.frame(*client, *at, *frame);
            }
            Event::Closed { client, cause } if self.keeps_books_of(*client) => {
                self.ledger.closed(*client);
                if *cause != Cause::Own {
                    self.dropped += 1;
                    self.dropped_why.get_or_insert_with(|| format!("{cause:?}"));
                }
            }
            _ => {}
        }
    }

    fn keeps_books_of(&self, client: usize) -> bool {
        client < self.ledger.clients()
    }
}

/// A client is ready with its state, or when the changes that it missed follow its greeting.
fn is_first_state(kind: Kind) -> bool {
    matches!(kind, Kind::State { .. } | Kind::Connected { recovered: true })
}
