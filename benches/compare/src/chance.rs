//! The random numbers of the world: Mersenne Twister, as `random.Random(seed).random()` of Python makes them.

use rand_mt::Mt;

/// Numbers that follow from a seed.
pub struct Chance(Mt);

impl Chance {
    /// Seeded by an array of one number, as Python seeds with a whole number below 2^32.
    pub fn new(seed: u32) -> Chance {
        Chance(Mt::new_with_key([seed]))
    }

    /// The next number, 0 included and 1 not: of two words the upper 27 and 26 bits.
    pub fn draw(&mut self) -> f64 {
        let (high, low) = (self.0.next_u32() >> 5, self.0.next_u32() >> 6);
        (f64::from(high) * 67_108_864.0 + f64::from(low)) / 9_007_199_254_740_992.0
    }

    /// The next whole number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        (self.draw() * bound as f64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::Chance;

    /// What `python3 -c 'import random; r = random.Random(20260101); print(r.random(), r.random())'` prints.
    #[test]
    fn numbers_are_those_of_python() {
        let mut chance = Chance::new(20_260_101);
        assert_eq!([chance.draw(), chance.draw()], PYTHON);
    }

    const PYTHON: [f64; 2] = [0.044717192733188416, 0.297835610487425];
}
