//! When an observer looks: after every so many steps, or after given ones.

use crate::error::{Error, Result};

/// The steps after which an observer looks, counted from the end of the burn-in.
#[derive(Clone, Debug)]
pub enum Looks {
    /// After every so many steps.
    Every(u64),
    /// After each of these, in rising order.
    At(Vec<u64>),
}

impl Looks {
    /// The same looks, if they are sound.
    ///
    /// # Errors
    /// If a stride is zero, or steps do not rise from 1.
    pub fn checked(self) -> Result<Self> {
        match &self {
            Self::Every(0) => Err(Error::invalid("an observer's every must be at least 1")),
            Self::At(steps) if steps.first() == Some(&0) || !steps.is_sorted_by(|a, b| a < b) => {
                Err(Error::invalid("the steps after which an observer looks must rise from 1"))
            }
            _ => Ok(self),
        }
    }

    /// The first look after so many steps, if there is one.
    #[must_use]
    pub fn next(&self, steps: u64) -> Option<u64> {
        match self {
            Self::Every(every) => (steps / every + 1).checked_mul(*every),
            Self::At(at) => at.get(at.partition_point(|&step| step <= steps)).copied(),
        }
    }

    /// Whether it looks after so many steps.
    #[must_use]
    pub fn is_due(&self, steps: u64) -> bool {
        match self {
            Self::Every(every) => steps > 0 && steps.is_multiple_of(*every),
            Self::At(at) => at.binary_search(&steps).is_ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Looks;

    #[test]
    fn both_kinds_look_when_they_say() {
        let cases = [(Looks::Every(3), vec![3, 6, 9, 12]), (Looks::At(vec![1, 2, 7, 12]), vec![1, 2, 7, 12])];
        for (looks, expected) in cases {
            let due: Vec<u64> = (0..13).filter(|&step| looks.is_due(step)).collect();
            assert_eq!(due, expected);
            let mut next = Vec::new();
            while let Some(step) = looks.next(next.last().copied().unwrap_or(0)).filter(|&step| step < 13) {
                next.push(step);
            }
            assert_eq!(next, expected);
        }
        assert_eq!(Looks::At(vec![5]).next(5), None);
        assert_eq!(Looks::Every(u64::MAX).next(u64::MAX - 1), Some(u64::MAX));
    }

    #[test]
    fn what_does_not_rise_is_refused() {
        for looks in [Looks::Every(0), Looks::At(vec![0, 1]), Looks::At(vec![2, 2]), Looks::At(vec![3, 2])] {
            assert!(looks.checked().is_err());
        }
        assert!(Looks::At(vec![1, 5]).checked().is_ok());
    }
}
