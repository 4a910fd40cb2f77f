//! What the bench has to know about the routes of a case.

use crate::Result;

/// Recognises the routes of a case in what a daemon sends.
pub(super) trait Workload {
    /// The slot of a prefix; `None` if nobody announced it. `address` holds its first eight octets.
    fn slot(&self, is_v6: bool, length: u8, address: u64) -> Option<usize>;

    /// Which of the possible routes these attributes belong to: 1 to 15.
    fn mark(&self, attributes: &[u8]) -> Option<u8>;

    /// Whether the attributes are, octet for octet, what a receiver should see for this slot.
    ///
    /// # Errors
    /// When they are not: what they are.
    fn check(&self, attributes: &[u8], slot: usize, mark: u8) -> Result<()>;
}
