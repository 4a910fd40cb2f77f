use prost::Message as _;
use prost_types::FileDescriptorSet;

use super::FILE_DESCRIPTOR_SET;
use super::v1::{PeerConfig, peer_config::RemoteAs};

/// Every method, as `Service.Method`: a change of the API is a change of this list.
const METHODS: [&str; 15] = [
    "KernelService.ListKernelRoutes",
    "NodeControlService.Drain",
    "NodeControlService.Undrain",
    "PeerControlService.CreatePeer",
    "PeerControlService.DeletePeer",
    "PeerControlService.DisablePeer",
    "PeerControlService.EnablePeer",
    "PeerControlService.ResetPeer",
    "PeerService.GetPeer",
    "PeerService.ListPeers",
    "RouteControlService.Announce",
    "RouteControlService.Withdraw",
    "RouteService.ListRoutes",
    "StatusService.GetStatus",
    "WatchService.Watch",
];

#[test]
fn the_descriptor_set_names_every_method() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let mut methods: Vec<String> = set
        .file
        .iter()
        .filter(|file| file.package() == "bgpd.v1")
        .flat_map(|file| &file.service)
        .flat_map(|service| {
            let name = service.name().to_owned();
            service
                .method
                .iter()
                .map(move |m| format!("{name}.{}", m.name()))
        })
        .collect();
    methods.sort();
    assert_eq!(methods, METHODS);
}

#[test]
fn the_descriptor_set_is_closed() {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).unwrap();
    let names: Vec<&str> = set.file.iter().map(|file| file.name()).collect();
    for file in &set.file {
        for import in &file.dependency {
            assert!(names.contains(&import.as_str()), "{import} is missing");
        }
    }
}

#[test]
fn absent_and_zero_are_different_settings() {
    let absent = PeerConfig::default();
    let zero = PeerConfig {
        port: Some(0),
        passive: Some(false),
        hold_time: Some(prost_types::Duration::default()),
        remote_as: Some(RemoteAs::AsNumber(0)),
        ..PeerConfig::default()
    };
    let back = PeerConfig::decode(zero.encode_to_vec().as_slice()).unwrap();
    assert_eq!(back, zero);
    assert_ne!(back, absent);
}
