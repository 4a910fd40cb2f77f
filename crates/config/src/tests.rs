use super::*;

fn env(_: &str) -> Option<String> {
    None
}

#[test]
fn an_as_number_is_enough() {
    let config = parse("as: 64512\n", "x.yaml", Role::Node, &env).unwrap();
    assert_eq!(config.local_as, wire::Asn(64512));
    assert!(config.peers.is_empty());
}
