//! The gRPC API of `bgpd` and `reflector`, package `bgpd.v1`.
//!
//! Owns the `.proto` files beside it, which are the reference, and the messages,
//! clients and server traits generated from them. It never holds behaviour: the
//! server is `api`, the client is `bgpctl`.
//!
//! Services are split by right, so that a reader can be given a socket without the
//! services that write:
//!
//! | service | right |
//! |---|---|
//! | `StatusService`, `PeerService`, `RouteService`, `KernelService`, `WatchService` | read |
//! | `PeerControlService`, `RouteControlService`, `NodeControlService` | write |

/// Package `bgpd.v1`, generated. Its docs are the comments of the `.proto` files:
/// a message or field without one does not compile (`missing_docs`).
pub mod v1 {
    #![expect(
        clippy::too_many_lines,
        reason = "generated: one arm per method in one function"
    )]
    tonic::include_proto!("bgpd.v1");
}

/// The encoded `google.protobuf.FileDescriptorSet` of the package, for server
/// reflection.
pub const FILE_DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("bgpd.v1");

#[cfg(test)]
mod tests;
