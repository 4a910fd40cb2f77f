//! Every file of `configs/` loads, and means what its comments say.

use std::path::Path;

use config::{Config, RemoteAs, Role};
use policy::{ExportMode, ImportMode};
use wire::Asn;

fn env(name: &str) -> Option<String> {
    let value = match name {
        "NODE_NAME" => "node-1",
        "NODE_IP" => "10.0.0.1",
        "NODE_AS" => "64701",
        "POD_CIDRS" => "10.244.1.0/24,fd00:244:1::/64",
        _ => return None,
    };
    Some(value.to_owned())
}

fn load(name: &str, role: Role) -> Config {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../configs")
        .join(name);
    let text = std::fs::read_to_string(&path).expect("the example can be read");
    match config::parse(&text, name, role, &env) {
        Ok(config) => config,
        Err(faults) => panic!(
            "{}",
            faults.iter().map(|f| format!("{f}\n")).collect::<String>()
        ),
    }
}

#[test]
fn every_file_is_loaded_by_a_test() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../configs");
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".yaml"))
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            "node-full-mesh.yaml",
            "node-with-reflector.yaml",
            "node-with-tor.yaml",
            "reflector.yaml"
        ]
    );
}

#[test]
fn node_with_reflector() {
    let config = load("node-with-reflector.yaml", Role::Node);
    assert_eq!(config.name.as_deref(), Some("node-1"));
    assert_eq!(config.local_as, Asn(64512));
    assert_eq!(config.blocks.len(), 2);
    assert_eq!(config.pools.len(), 2);
    assert_eq!(config.peers.len(), 2);
    for peer in &config.peers {
        assert!(peer.is_internal());
        assert_eq!(
            (&peer.import, &peer.export),
            (&ImportMode::All, &ExportMode::Local)
        );
    }
    assert!(config.kernel.is_some());
}

#[test]
fn node_full_mesh() {
    let config = load("node-full-mesh.yaml", Role::Node);
    let names: Vec<_> = config.peers.iter().map(|peer| peer.name.as_str()).collect();
    assert_eq!(names, ["node-2", "node-3"]);
    assert!(
        config
            .peers
            .iter()
            .all(|peer| peer.remote_as == RemoteAs::Internal)
    );
}

#[test]
fn node_with_tor() {
    let config = load("node-with-tor.yaml", Role::Node);
    assert_eq!(config.local_as, Asn(64701));
    for (peer, asn) in config.peers.iter().zip([64601, 64602]) {
        assert_eq!(
            peer.remote_as,
            RemoteAs::Exactly(Asn(asn)),
            "the peer's own AS wins over its group's"
        );
        assert!(!peer.is_internal());
        assert_eq!(peer.ttl, 1);
        assert_eq!(peer.hold_time.seconds(), 9);
        assert!(matches!(&peer.import, ImportMode::Sets(sets) if sets.len() == 2));
        assert_eq!(peer.export, ExportMode::Local);
    }
    assert!(config.multipath_relax);
}

#[test]
fn reflector() {
    let config = load("reflector.yaml", Role::Reflector);
    assert!(config.kernel.is_none());
    assert!(!config.peers[0].route_reflector_client);
    let range = &config.dynamic[0];
    assert_eq!(range.limit, 5000);
    let client = range.peer_for("10.0.7.9".parse().unwrap());
    assert!(client.route_reflector_client && client.passive);
    assert_eq!(client.name, "10.0.7.9");
    assert_eq!(
        (&client.import, &client.export),
        (&ImportMode::All, &ExportMode::All)
    );
}
