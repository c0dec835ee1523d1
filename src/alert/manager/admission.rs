//! Admits new series by path or pattern: makes room for them, or refuses them and reports that.

use super::room::{DROPPED_AT_ONCE, SeriesFate, SeriesOverflow};
use super::{AlertKey, AlertManager};
use crate::alert::AlertSpec;
use crate::units::{AlertSpecId, WallTime};

impl AlertManager {
    /// Whether there is room for the new series `key` of `spec`, for which others may be dropped.
    pub(super) fn make_room(&mut self, key: AlertKey, spec: &AlertSpec, now: WallTime) -> bool {
        let Some(member) = key.member() else { return true };
        if self.room.has_room(key.alert) {
            return true;
        }
        // A series that waits for silence is at rest while lines come, and lost if it is dropped.
        let may_drop = !spec.condition.expects_lines() && self.room.is_worth_a_look(key.alert, now);
        if may_drop && self.drop_at_rest(key.alert, spec) {
            return true;
        }
        let due = self.room.refuse(key.alert, member, &spec.name, now);
        self.is_due_at(due);
        false
    }

    /// Drops a tenth of the series of an alert, as far as they are at rest. False if none is.
    fn drop_at_rest(&mut self, alert: AlertSpecId, spec: &AlertSpec) -> bool {
        let is_of_it = |key: &AlertKey| key.alert == alert && key.is_one_of_many();
        let mut at_rest: Vec<(Option<i64>, AlertKey)> = self
            .entries
            .iter()
            .filter(|(key, entry)| is_of_it(key) && entry.is_at_rest())
            .map(|(key, entry)| (entry.instance.judged_ms(), *key))
            .collect();
        at_rest.sort_unstable();
        at_rest.truncate(DROPPED_AT_ONCE);
        if at_rest.is_empty() {
            return false;
        }
        let (alert, count) = (spec.name.clone(), at_rest.len());
        self.overflows.push(SeriesOverflow { alert, fate: SeriesFate::Dropped, count });
        at_rest.into_iter().for_each(|(_, key)| self.remove(key));
        true
    }

    /// Reports what was refused, if it is time for that.
    pub(super) fn report_refused(&mut self, now: WallTime) {
        let (refused, later) = self.room.take_refused(Some(now));
        self.overflows.extend(refused);
        self.is_due_at(later);
    }

    /// Reports what was refused and not reported yet, at an end.
    pub fn report_all_refused(&mut self) {
        let (refused, _) = self.room.take_refused(None);
        self.overflows.extend(refused);
    }
}
