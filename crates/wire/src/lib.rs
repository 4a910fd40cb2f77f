//! BGP messages to bytes and back.
