//! Compiles `bgpd/v1/*.proto` with a compiler written in Rust, so that a build
//! needs no `protoc`.

use std::path::PathBuf;
use std::{env, error::Error, fs};

use prost::Message as _;

const FILES: [&str; 9] = [
    "bgpd/v1/bgp.proto",
    "bgpd/v1/kernel.proto",
    "bgpd/v1/node_control.proto",
    "bgpd/v1/peer.proto",
    "bgpd/v1/peer_control.proto",
    "bgpd/v1/route.proto",
    "bgpd/v1/route_control.proto",
    "bgpd/v1/status.proto",
    "bgpd/v1/watch.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, ["."])?;
    let mut bare = descriptors.clone();
    for file in &mut bare.file {
        file.source_code_info = None; // comments: half its size, and reflection has no use for them
    }
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("bgpd.v1.bin"), bare.encode_to_vec())?;
    tonic_prost_build::configure()
        .build_transport(false)
        .boxed(".bgpd.v1.WatchResponse.event.peer")
        .boxed(".bgpd.v1.WatchResponse.event.route")
        .compile_fds(descriptors)?;
    Ok(())
}
