//! That the runs reach all that they should.

use super::Reached;

impl Reached {
    /// Of all runs together.
    pub(super) fn check(&self) {
        assert!(self.resets > 20, "{self:?}");
        assert!(self.detached > 400, "{self:?}");
        assert!(self.gaps > 20, "{self:?}");
        assert!(self.refreshes > 100, "{self:?}");
        assert!(self.changes > 400, "{self:?}");
        assert!(self.aged > 100, "{self:?}");
        assert!(self.images > 500, "{self:?}");
        assert!(self.withdrawals_in_place > 100, "{self:?}");
        assert!(self.several > 1000, "{self:?}");
        assert!(self.holes > 1000, "{self:?}");
        assert!(self.confirmed > 200, "{self:?}");
        assert!(self.dropped > 150, "{self:?}");
        assert!(self.of_one_source > 1000, "{self:?}");
        assert!(self.beyond > 100, "{self:?}");
        assert!(self.outdated > 100, "{self:?}");
        assert!(self.marked > 200, "{self:?}");
    }
}
