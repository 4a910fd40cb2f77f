//! Bounds on what is read, so that no file can take the program's memory or stack.

/// Largest configuration text, in octets.
pub const MAX_SIZE: usize = 1024 * 1024;

/// Deepest nesting of lists and mappings.
pub(crate) const MAX_DEPTH: usize = 16;

/// Longest name of a peer, group or prefix set, in octets.
pub(crate) const MAX_NAME: usize = 63;

/// Longest description, in octets.
pub(crate) const MAX_DESCRIPTION: usize = 255;
/// Octets of the name of a network device: IFNAMSIZ without its closing zero.
pub(crate) const MAX_DEVICE: usize = 15;
