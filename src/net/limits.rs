//! How often somebody may ask: by address before anything is done, by name once it is known.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::domain::Error;

use super::networks::{Networks, counted_as};

/// Checks between two looks at how many keys are kept.
const LOOK_EVERY: u32 = 1_024;
/// Keys from which on those go that say nothing: who has not asked for a while is as new.
const KEYS_KEPT: usize = 4_096;

/// A rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, on and on; 0 for no limit.
    pub per_second: u32,
    /// Requests at once before the rate holds.
    pub burst: u32,
}

/// How somebody stands towards a limit, as the answer's headers tell it
/// (draft-ietf-httpapi-ratelimit-headers-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateStatus {
    /// The limit's name.
    pub policy: &'static str,
    /// Requests in a window.
    pub quota: u32,
    /// The window, in seconds.
    pub window: u32,
    /// Requests that are left now.
    pub remaining: u32,
    /// Seconds until all of the quota is there again, or, where nothing is left, the next request.
    pub reset: u32,
}

impl RateStatus {
    /// The value of `RateLimit-Policy`.
    pub fn policy_header(&self) -> String {
        format!("\"{}\";q={};w={}", self.policy, self.quota, self.window)
    }

    /// The value of `RateLimit`.
    pub fn header(&self) -> String {
        format!("\"{}\";r={};t={}", self.policy, self.remaining, self.reset)
    }
}

/// Somebody asked too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlowDown(pub RateStatus);

impl From<SlowDown> for Error {
    fn from(SlowDown(status): SlowDown) -> Error {
        Error::SlowDown { seconds: status.reset.max(1) }
    }
}

/// The limits by address and by name. All workers share them.
pub struct RateLimits {
    addresses: Option<Keyed<IpAddr>>,
    principals: Option<Keyed<Box<str>>>,
    exempt: Networks,
}

impl RateLimits {
    /// Holds addresses but `exempt` ones to one rate, and names to another.
    pub fn new(address: Rate, principal: Rate, exempt: Networks) -> RateLimits {
        RateLimits {
            addresses: Keyed::new("address", address),
            principals: Keyed::new("principal", principal),
            exempt,
        }
    }

    /// Whether no limit by address holds for `address`.
    pub fn is_exempt(&self, address: IpAddr) -> bool {
        self.exempt.contains(address)
    }

    /// Counts a request of `address`; nothing to tell where no limit holds for it.
    ///
    /// # Errors
    /// It asks too often.
    pub fn check_address(&self, address: IpAddr) -> Result<Option<RateStatus>, SlowDown> {
        match &self.addresses {
            Some(limiter) if !self.is_exempt(address) => limiter.check(&counted_as(address)).map(Some),
            _ => Ok(None),
        }
    }

    /// Counts a request of who is known as `name`, wherever it comes from; nothing to tell where there is no limit.
    ///
    /// # Errors
    /// It asks too often.
    pub fn check_principal(&self, name: &str) -> Result<Option<RateStatus>, SlowDown> {
        self.principals.as_ref().map(|limiter| limiter.check(&name.into())).transpose()
    }
}

type Limiter<K> = RateLimiter<K, HashMapStateStore<K>, DefaultClock, StateInformationMiddleware>;

/// One limit for each key.
struct Keyed<K: Hash + Eq + Clone> {
    policy: &'static str,
    rate: Rate,
    limiter: Limiter<K>,
    clock: DefaultClock,
    checks: AtomicU32,
}

impl<K: Hash + Eq + Clone> Keyed<K> {
    fn new(policy: &'static str, rate: Rate) -> Option<Keyed<K>> {
        let per_second = NonZeroU32::new(rate.per_second)?;
        let burst = NonZeroU32::new(rate.burst).unwrap_or(per_second);
        let quota = Quota::per_second(per_second).allow_burst(burst);
        let clock = DefaultClock::default();
        let limiter = RateLimiter::hashmap_with_clock(quota, clock.clone())
            .with_middleware::<StateInformationMiddleware>();
        let rate = Rate { per_second: per_second.get(), burst: burst.get() };
        Some(Keyed { policy, rate, limiter, clock, checks: AtomicU32::new(0) })
    }

    fn check(&self, key: &K) -> Result<RateStatus, SlowDown> {
        if self.checks.fetch_add(1, Ordering::Relaxed).is_multiple_of(LOOK_EVERY)
            && self.limiter.len() > KEYS_KEPT
        {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
        match self.limiter.check_key(key) {
            Ok(state) => {
                let remaining = state.remaining_burst_capacity();
                let used = self.rate.burst.saturating_sub(remaining);
                Ok(self.status(remaining, used.div_ceil(self.rate.per_second)))
            }
            Err(not_until) => {
                let wait = not_until.wait_time_from(self.clock.now());
                Err(SlowDown(self.status(0, whole_seconds(wait))))
            }
        }
    }

    fn status(&self, remaining: u32, reset: u32) -> RateStatus {
        let window = self.rate.burst.div_ceil(self.rate.per_second);
        RateStatus { policy: self.policy, quota: self.rate.burst, window, remaining, reset }
    }
}

/// Rounded up: who comes back earlier would come too early.
fn whole_seconds(wait: Duration) -> u32 {
    u32::try_from(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const NO: Rate = Rate { per_second: 0, burst: 0 };

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_asks_too_often_is_told_until_when() {
        let rate = Rate { per_second: 1, burst: 3 };
        let limits = RateLimits::new(rate, NO, Networks::default());
        let left: Vec<u32> =
            (0..3).map(|_| limits.check_address(ip("192.0.2.1")).unwrap().unwrap().remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        let SlowDown(status) = limits.check_address(ip("192.0.2.1")).unwrap_err();
        assert_eq!((status.remaining, status.reset), (0, 1));
        assert_eq!(status.policy_header(), "\"address\";q=3;w=3");
        assert_eq!(status.header(), "\"address\";r=0;t=1");
        assert_eq!(Error::from(SlowDown(status)), Error::SlowDown { seconds: 1 });
        // Nobody else is held up.
        assert!(limits.check_address(ip("192.0.2.2")).is_ok());
    }

    #[test]
    fn one_customer_of_ipv6_is_one() {
        let limits = RateLimits::new(Rate { per_second: 1, burst: 1 }, NO, Networks::default());
        assert!(limits.check_address(ip("2001:db8:1:2::1")).is_ok());
        assert!(limits.check_address(ip("2001:db8:1:2::2")).is_err());
        assert!(limits.check_address(ip("2001:db8:1:3::1")).is_ok());
    }

    #[test]
    fn exempt_addresses_and_limits_that_are_off_hold_nobody_up() {
        let exempt = Networks::parse(&["127.0.0.0/8"]).unwrap();
        let limits = RateLimits::new(Rate { per_second: 1, burst: 1 }, NO, exempt);
        for _ in 0..10 {
            assert_eq!(limits.check_address(ip("127.0.0.1")), Ok(None));
            assert_eq!(limits.check_principal("ada"), Ok(None));
        }
    }

    #[test]
    fn names_are_held_to_their_own_rate() {
        let limits = RateLimits::new(NO, Rate { per_second: 1, burst: 2 }, Networks::default());
        assert_eq!(limits.check_principal("ada").unwrap().unwrap().policy, "principal");
        assert!(limits.check_principal("ada").is_ok());
        assert!(limits.check_principal("ada").is_err());
        assert!(limits.check_principal("bob").is_ok());
    }

    #[test]
    fn keys_that_say_nothing_any_more_are_forgotten() {
        // So fast that each key is as new again at once.
        let rate = Rate { per_second: 1_000_000, burst: 1 };
        let limits = RateLimits::new(rate, NO, Networks::default());
        for n in 0..200_000 {
            let _ = limits.check_address(Ipv4Addr::from_bits(n).into());
        }
        let kept = limits.addresses.unwrap().limiter.len();
        assert!(kept <= KEYS_KEPT + LOOK_EVERY as usize + 1, "{kept} keys are kept");
    }
}
