//! The demo's network.
