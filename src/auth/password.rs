//! Passwords: argon2id, off the workers' threads.

use std::sync::{Arc, LazyLock};

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;

use crate::domain::Error;

/// Today's parameters (OWASP Password Storage Cheat Sheet): 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// The shortest password that is taken (NIST SP 800-63B-4 asks for 15 where it stands alone; 12 is usual).
pub(super) const PASSWORD_MIN_CHARS: usize = 12;
/// The longest, so that hashing one has a bound.
pub(super) const PASSWORD_MAX_BYTES: usize = 256;

/// Hashes that are computed at once; each takes 19 MiB and a core.
const AT_ONCE: usize = 2;
/// Hashes that may wait for their turn; more are refused.
const WAITING_MAX: usize = 64;

fn argon2() -> Argon2<'static> {
    let params =
        Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// The hash of a password that nobody knows, checked in place of an account that there is not.
static NOBODY: LazyLock<String> = LazyLock::new(|| {
    hash_now("an account that does not exist").expect("hashing needs memory alone, which the process has")
});

fn hash_now(password: &str) -> Result<String, Error> {
    let hash = argon2().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string()).map_err(|error| Error::internal(format!("argon2: {error}")))
}

fn verify_now(hash: &str, password: &str) -> bool {
    // The parameters are those of the hash, so that older ones go on to hold.
    PasswordHash::new(hash).is_ok_and(|hash| argon2().verify_password(password.as_bytes(), &hash).is_ok())
}

/// Checks that a new password can be taken.
///
/// # Errors
/// `invalid_value` that names the bounds, never the password.
pub(super) fn check_new(password: &str) -> Result<(), Error> {
    if password.chars().count() < PASSWORD_MIN_CHARS {
        let message = format!("a password has at least {PASSWORD_MIN_CHARS} characters");
        return Err(Error::invalid("password", message));
    }
    if password.len() > PASSWORD_MAX_BYTES {
        let message = format!("a password has at most {PASSWORD_MAX_BYTES} bytes");
        return Err(Error::invalid("password", message));
    }
    Ok(())
}

/// Hashes and checks passwords on threads of their own, a few at a time.
#[derive(Debug, Clone)]
pub(super) struct Passwords {
    working: Arc<Semaphore>,
    waiting: Arc<Semaphore>,
}

impl Default for Passwords {
    fn default() -> Self {
        Passwords {
            working: Arc::new(Semaphore::new(AT_ONCE)),
            waiting: Arc::new(Semaphore::new(AT_ONCE + WAITING_MAX)),
        }
    }
}

impl Passwords {
    /// Hashes a password, as it is to be stored (PHC string format).
    ///
    /// # Errors
    /// `overloaded` where too many wait already.
    pub(super) async fn hash(&self, password: String) -> Result<String, Error> {
        self.work(move || hash_now(&password)).await?
    }

    /// Whether `password` is the one that `hash` was made of. Without a hash the answer is no, after as
    /// much time.
    ///
    /// # Errors
    /// `overloaded` where too many wait already.
    pub(super) async fn verify(&self, hash: Option<String>, password: String) -> Result<bool, Error> {
        self.work(move || match hash {
            Some(hash) => verify_now(&hash, &password),
            None => {
                verify_now(&NOBODY, &password);
                false
            }
        })
        .await
    }

    async fn work<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let _place = self.waiting.clone().try_acquire_owned().map_err(|_| Error::Overloaded)?;
        let turn = self.working.clone().acquire_owned().await.map_err(|_| Error::ShuttingDown)?;
        let done = tokio::task::spawn_blocking(move || {
            // Held until the work is done, also where whoever asked has gone.
            let _turn = turn;
            job()
        });
        done.await.map_err(|error| Error::internal(format!("hashing a password: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_own_hash_alone() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse battery".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(passwords.verify(Some(hash.clone()), "correct horse battery".into()).await.unwrap());
        assert!(!passwords.verify(Some(hash), "correct horse".into()).await.unwrap());
        assert!(!passwords.verify(None, "an account that does not exist".into()).await.unwrap());
        assert!(!passwords.verify(Some("nonsense".into()), "".into()).await.unwrap());
    }

    #[test]
    fn a_new_password_is_neither_short_nor_endless() {
        assert!(check_new("twelve chars").is_ok());
        assert!(check_new("eleven char").is_err());
        assert!(check_new(&"x".repeat(257)).is_err());
        assert!(!check_new("hunter2").unwrap_err().to_string().contains("hunter2"));
    }
}
