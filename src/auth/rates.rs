//! How often somebody may try to sign in.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use crate::domain::Error;
use crate::net::counted_as;

/// Tries for one account: some at once, then one each so often, whoever makes them.
const ACCOUNT_BURST: NonZeroU32 = NonZeroU32::new(10).expect("not zero");
const ACCOUNT_EVERY: Duration = Duration::from_secs(10);
/// Tries from one address, whatever the account.
const ADDRESS_BURST: NonZeroU32 = NonZeroU32::new(20).expect("not zero");
const ADDRESS_EVERY: Duration = Duration::from_secs(3);
/// Keys that are remembered before those are forgotten that may try as often as they like.
const REMEMBERED: usize = 10_000;

/// Counts tries by account and by address.
pub(super) struct SignInRates {
    accounts: DefaultKeyedRateLimiter<String>,
    addresses: DefaultKeyedRateLimiter<IpAddr>,
}

impl Default for SignInRates {
    fn default() -> Self {
        let quota =
            |every, burst| Quota::with_period(every).expect("the period is not zero").allow_burst(burst);
        SignInRates {
            accounts: RateLimiter::keyed(quota(ACCOUNT_EVERY, ACCOUNT_BURST)),
            addresses: RateLimiter::keyed(quota(ADDRESS_EVERY, ADDRESS_BURST)),
        }
    }
}

impl SignInRates {
    /// Counts one try of an account, by its one spelling; accounts that there are not are counted as others are.
    ///
    /// # Errors
    /// `rate_limited` with the time to wait.
    pub(super) fn count(&self, account: &str, address: Option<IpAddr>) -> Result<(), Error> {
        if self.accounts.len() > REMEMBERED {
            self.accounts.retain_recent();
        }
        if self.addresses.len() > REMEMBERED {
            self.addresses.retain_recent();
        }
        let by_address = address.map_or(Ok(()), |address| self.addresses.check_key(&counted_as(address)));
        // Who is refused already must not use up the tries of an account.
        let checked = by_address.and_then(|()| self.accounts.check_key(&account.to_owned()));
        checked.map_err(|refused| {
            let wait = refused.wait_time_from(DefaultClock::default().now());
            Error::SlowDown { seconds: u32::try_from(wait.as_secs() + 1).unwrap_or(u32::MAX) }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_counted_by_account_and_by_network() {
        let rates = SignInRates::default();
        let from = |text: &str| Some(text.parse().unwrap());
        for _ in 0..ACCOUNT_BURST.get() {
            rates.count("ana@example.com", from("192.0.2.1")).unwrap();
        }
        let refused = rates.count("ana@example.com", from("192.0.2.2")).unwrap_err();
        assert!(matches!(refused, Error::SlowDown { seconds: 1..=11 }), "{refused:?}");
        for number in 0..ADDRESS_BURST.get() {
            rates.count(&format!("{number}@example.com"), from(&format!("2001:db8::{number}"))).unwrap();
        }
        for _ in 0..ACCOUNT_BURST.get() {
            assert!(rates.count("new@example.com", from("2001:db8::ffff")).is_err());
        }
        assert!(rates.count("new@example.com", from("2001:db8:0:1::1")).is_ok());
    }
}
