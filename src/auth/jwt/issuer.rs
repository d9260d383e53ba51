//! An identity provider: its keys, kept fresh, and who somebody is by a token of it.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::{Notify, watch};

use crate::domain::{Error, Timestamp};
use crate::gateway::Toolkit;

use super::definition::JwtDefinition;
use super::keys::Keys;
use super::source::{Source, begin, parse};
use super::verify::{Expected, Flaw, header, verify};
use super::who;
use crate::auth::principal::{Credential, Principal};

/// Keys are read again after so long.
const REFRESH_EVERY: Duration = Duration::from_secs(600);
/// And so soon where that failed.
const RETRY_EVERY: Duration = Duration::from_secs(30);
/// How often a key that is not known has them read again, at most.
const ASK_EVERY: Duration = Duration::from_secs(60);
/// How long a token waits for keys that are being read.
const WAIT_MAX: Duration = Duration::from_secs(6);

/// An identity provider whose tokens are taken.
pub struct Issuer {
    definition: JwtDefinition,
    expected: Expected,
    source: Option<Source>,
    keys: RwLock<Arc<Keys>>,
    loading: Mutex<Loading>,
    /// Wakes whoever reads keys.
    bell: Notify,
    /// Counts how often keys were read, or could not be.
    loads: watch::Sender<u64>,
}

/// Whether keys are being read.
struct Loading {
    now: bool,
    /// When that was last done because of a key that was not known.
    asked: Option<Instant>,
}

impl Issuer {
    /// Reads what the definition names; keys of a server come with [`Issuer::keep_fresh`].
    ///
    /// # Errors
    /// What cannot be read, or does not go with the algorithms; never a secret.
    pub fn open(definition: JwtDefinition) -> Result<Issuer, String> {
        definition.check()?;
        let (keys, source) = begin(&definition)?;
        Issuer::new(definition, keys, source)
    }

    /// Takes keys whose text is at hand already: the secret, the PEM or the key set that the definition speaks of,
    /// which is not looked at.
    ///
    /// # Errors
    /// As [`Issuer::open`].
    pub fn with_keys(definition: JwtDefinition, text: &[u8]) -> Result<Issuer, String> {
        definition.check()?;
        let keys = parse(&definition, text)?;
        Issuer::new(definition, keys, None)
    }

    fn new(definition: JwtDefinition, keys: Keys, source: Option<Source>) -> Result<Issuer, String> {
        let algorithms: Vec<_> = definition.algorithms.iter().map(|algorithm| (*algorithm).into()).collect();
        if keys.len() > 0 && !keys.algorithms().any(|algorithm| algorithms.contains(&algorithm)) {
            return Err("no key fits any of the algorithms".to_owned());
        }
        let from_server = matches!(source, Some(Source::Url(_)));
        Ok(Issuer {
            expected: Expected {
                issuer: definition.issuer.clone(),
                audience: definition.audience.clone(),
                algorithms,
                leeway_s: definition.leeway_s,
            },
            definition,
            source,
            keys: RwLock::new(Arc::new(keys)),
            loading: Mutex::new(Loading { now: from_server, asked: None }),
            bell: Notify::new(),
            loads: watch::Sender::new(0),
        })
    }

    fn keys(&self) -> Arc<Keys> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn loading(&self) -> std::sync::MutexGuard<'_, Loading> {
        self.loading.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says who somebody is by their token.
    ///
    /// # Errors
    /// `not_authenticated` with the flaw, `forbidden` where it is right and gives no role here.
    pub fn let_in(&self, token: &str, now: Timestamp) -> Result<Principal, Error> {
        let verified = verify(token, &self.keys(), &self.expected, now).map_err(refused)?;
        let name = who::name(&verified.claims, &self.definition).map_err(refused)?;
        let role = who::role(&verified.claims, &self.definition).ok_or_else(|| Error::Forbidden {
            message: format!("this token has no role here in its claim {}", self.definition.role_claim),
        })?;
        let subject = verified.claims.get("sub").and_then(Value::as_str).unwrap_or(&name).to_owned();
        Ok(Principal {
            name,
            role,
            credential: Credential::Jwt(subject),
            expires_at: Some(verified.until),
            topics: None,
            lease: None,
        })
    }

    /// Waits for the keys of a token that is signed by one that is not known, if they may be read again.
    pub(in crate::auth) async fn learn(&self, token: &str) {
        if self.source.is_none() {
            return;
        }
        let mut loads = self.loads.subscribe();
        let Ok(header) = header(token) else { return };
        let keys = self.keys();
        let known = match &header.kid {
            Some(id) => keys.knows(id),
            None => keys.len() > 0,
        };
        if known || !self.expected.algorithms.contains(&header.alg) || !self.may_wait() {
            return;
        }
        // Where that takes longer, the token is judged by the keys that there are.
        let _ = tokio::time::timeout(WAIT_MAX, loads.changed()).await;
    }

    /// Whether keys are being read, or are from now on.
    fn may_wait(&self) -> bool {
        let mut loading = self.loading();
        if !loading.now {
            if loading.asked.is_some_and(|asked| asked.elapsed() < ASK_EVERY) {
                return false;
            }
            (loading.now, loading.asked) = (true, Some(Instant::now()));
            self.bell.notify_one();
        }
        true
    }

    /// Reads the keys again now and then, and when somebody asks for one that is not known; ends at once where
    /// they cannot change.
    pub async fn keep_fresh(self: Arc<Issuer>) {
        let Some(source) = &self.source else { return };
        let toolkit = Toolkit::new();
        let mut pause = match source {
            // Those were read when the hub began.
            Source::File(_) => REFRESH_EVERY,
            Source::Url(_) => Duration::ZERO,
        };
        let mut failing = false;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.bell.notified() => {}
            }
            self.loading().now = true;
            let loaded = source.load(&toolkit).await;
            pause = if loaded.is_ok() { REFRESH_EVERY } else { RETRY_EVERY };
            self.take(loaded, &mut failing);
            self.loading().now = false;
            self.loads.send_modify(|loads| *loads += 1);
        }
    }

    /// Goes on with new keys, or with the old ones where there are none.
    fn take(&self, loaded: Result<Keys, String>, failing: &mut bool) {
        let issuer = &self.definition.issuer;
        match loaded {
            Ok(keys) => {
                log::debug!("{} keys of {issuer}", keys.len());
                *self.keys.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys);
                if std::mem::take(failing) {
                    log::info!("the keys of {issuer} can be read again");
                }
            }
            Err(why) if *failing => log::debug!("the keys of {issuer} still cannot be read: {why}"),
            Err(why) => {
                *failing = true;
                let count = self.keys().len();
                log::warn!("the keys of {issuer} cannot be read, the {count} known ones stay: {why}");
            }
        }
    }
}

/// What somebody is told whose token has a flaw.
pub(in crate::auth) fn refused(flaw: Flaw) -> Error {
    Error::NotAuthenticated { message: format!("this token lets nobody in: {flaw}") }
}
