//! How much each address holds at a time, under one limit.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use super::networks::counted_as;

/// Counts what addresses hold; only those that hold something cost memory.
#[derive(Debug)]
pub struct Places {
    taken: Mutex<HashMap<IpAddr, usize>>,
    limit: usize,
}

/// One place; it is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    /// At most `limit` places for each address; 0 for no limit.
    pub fn new(limit: usize) -> Arc<Places> {
        Arc::new(Places { taken: Mutex::default(), limit })
    }

    /// Takes a place for `address`; none where it has as many as it may. `Ok(None)` without a limit.
    ///
    /// # Errors
    /// It has as many as it may.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Result<Option<Place>, Full> {
        if self.limit == 0 {
            return Ok(None);
        }
        let address = counted_as(address);
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_default();
        if *count >= self.limit {
            return Err(Full);
        }
        *count += 1;
        Ok(Some(Place { places: self.clone(), address }))
    }

    /// How many addresses hold something.
    pub fn addresses(&self) -> usize {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// An address has all the places that it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_its_places_and_gives_them_back() {
        let places = Places::new(2);
        let (one, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held = [places.take(one).unwrap(), places.take(one).unwrap()];
        assert_eq!(places.take(one).unwrap_err(), Full);
        let more = places.take(other).unwrap();
        assert_eq!(places.addresses(), 2);
        drop(held);
        assert!(places.take(one).is_ok());
        drop(more);
        assert_eq!(places.addresses(), 0);
    }

    #[test]
    fn one_customer_of_ipv6_is_one_and_no_limit_costs_nothing() {
        let places = Places::new(1);
        let _held = places.take("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(places.take("2001:db8::2".parse().unwrap()).unwrap_err(), Full);
        let free = Places::new(0);
        assert!(free.take("2001:db8::1".parse().unwrap()).unwrap().is_none());
        assert_eq!(free.addresses(), 0);
    }
}
