//! How often a file is looked at although no one gave a hint.

use crate::units::PathId;

/// Which files a sweep looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sweep {
    /// All of them.
    All,
    /// Those that were not quiet for long, and a share of the others: this is the number of the sweep.
    Lively(u64),
}

impl Sweep {
    /// A file that was quiet for long is looked at by every so many sweeps.
    const RARELY: u64 = 6;

    /// A file counts as quiet for long after so many sweeps that found nothing, and from the start if it was found quiet.
    pub(super) const QUIET: u8 = 3;

    /// Each sweep that finds nothing doubles how long a file is left alone.
    pub(super) fn is_for(self, key: PathId, quiet_sweeps: u8) -> bool {
        let Sweep::Lively(number) = self else { return true };
        let every =
            1_u64.checked_shl(quiet_sweeps.into()).map_or(Sweep::RARELY, |every| every.min(Sweep::RARELY));
        (number + key.0).is_multiple_of(every)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_file_is_quiet_the_rarer_it_is_looked_at_but_never_not_at_all() {
        for (quiet_sweeps, looks) in [(0, 60), (1, 30), (2, 15), (3, 10), (200, 10)] {
            for key in (0..20).map(PathId) {
                let found = (0..60).filter(|number| Sweep::Lively(*number).is_for(key, quiet_sweeps)).count();
                assert_eq!(found, looks, "after {quiet_sweeps} quiet sweeps");
            }
        }
        assert!((0..20).all(|key| Sweep::All.is_for(PathId(key), 200)));
    }
}
