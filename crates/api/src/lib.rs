//! gRPC services as adapters over the speaker.
