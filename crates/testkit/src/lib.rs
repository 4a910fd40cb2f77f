//! Builders and a deterministic network for tests.
