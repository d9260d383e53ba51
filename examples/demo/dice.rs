//! Chance that can be repeated: the same seed gives the same day.

/// A small generator (SplitMix64): good enough for a story, and the same on every machine.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A whole number from `low` to `high`, both included.
    pub(crate) fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = high.abs_diff(low) + 1;
        low + (self.roll() % span) as i64
    }

    /// Yes, `percent` times of a hundred.
    pub(crate) fn chance(&mut self, percent: i64) -> bool {
        self.between(1, 100) <= percent
    }

    /// One of `choices`; nothing where there is none.
    pub(crate) fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let last = choices.len().checked_sub(1)?;
        choices.get(self.between(0, last as i64) as usize)
    }

    /// `count` of `choices`, each once, in a new order.
    pub(crate) fn deal<'a, T>(&mut self, choices: &'a [T], count: usize) -> Vec<&'a T> {
        let mut rest: Vec<&T> = choices.iter().collect();
        let mut hand = Vec::new();
        while hand.len() < count && !rest.is_empty() {
            let at = self.between(0, rest.len() as i64 - 1) as usize;
            hand.push(rest.swap_remove(at));
        }
        hand
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_falls_the_same_way() {
        let falls = |seed| {
            let mut dice = Dice::new(seed);
            (0..50).map(|_| dice.between(-3, 1_000)).collect::<Vec<_>>()
        };
        assert_eq!(falls(7), falls(7));
        assert_ne!(falls(7), falls(8));
    }

    #[test]
    fn every_number_of_the_span_falls_and_no_other() {
        let mut dice = Dice::new(1);
        let mut seen = [0; 5];
        for _ in 0..1_000 {
            seen[dice.between(-2, 2).checked_add(2).unwrap() as usize] += 1;
        }
        assert!(seen.iter().all(|times| *times > 100), "{seen:?}");
    }

    #[test]
    fn a_hand_holds_nothing_twice() {
        let mut hand = Dice::new(3).deal(&[1, 2, 3, 4, 5], 9);
        hand.sort();
        assert_eq!(hand, [&1, &2, &3, &4, &5]);
        assert_eq!(Dice::new(3).pick::<u8>(&[]), None);
    }
}
