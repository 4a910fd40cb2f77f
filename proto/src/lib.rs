//! The gRPC API, package bgpd.v1, and the code generated from it.
