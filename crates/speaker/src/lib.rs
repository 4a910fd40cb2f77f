//! The BGP speaker as one value, composed of the pure crates.
