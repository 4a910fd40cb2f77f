//! AS_PATH over a chain of three speakers, under the rules of the one in the middle.

use config::Role;
use wire::Prefix;

use super::network::{MINUTE, addresses, block, block6, config};
use super::peers::{since, up};
use crate::{Net, NodeId};

/// The number of the one in the middle.
const MIDDLE: &str = "65000";

/// One of another AS than the middle, which is 10.0.0.100, with a block of its own.
fn end(net: &mut Net, host: u8, asn: u32, keys: &str) -> NodeId {
    let text = format!(
        "as: {asn}\nrouter-id: 10.0.0.{host}\nadvertise: {{blocks: [10.244.{host}.0/24]}}\npeers:\n\
         - {{address: 10.0.0.100, import: all, export: all, families: [ipv4-unicast], {keys}}}\n"
    );
    net.add(config(Role::Node, &text), &addresses(host))
}

fn middle_text(left: &str, right: &str) -> String {
    format!(
        "as: {MIDDLE}\nrouter-id: 10.0.0.100\nadvertise: {{blocks: [10.244.100.0/24]}}\npeers:\n\
         - {{address: 10.0.0.1, import: all, export: all, families: [ipv4-unicast], {left}}}\n\
         - {{address: 10.0.0.2, import: all, export: all, families: [ipv4-unicast], {right}}}\n"
    )
}

/// Two ends and what is between them.
struct Chain {
    net: Net,
    ends: [NodeId; 2],
    middle: NodeId,
}

impl Chain {
    /// The ends are of these AS, and have these keys for the middle; the middle has those for them.
    fn of(asns: [u32; 2], keys: [&str; 2], middle: [&str; 2]) -> Chain {
        let mut net = Net::new(65_536);
        let ends = [1, 2].map(|host: u8| {
            let at = usize::from(host) - 1;
            end(&mut net, host, asns[at], keys[at])
        });
        let text = middle_text(middle[0], middle[1]);
        let middle = net.add(config(Role::Node, &text), &addresses(100));
        assert!(net.run_until(MINUTE, |net| up(net, middle) == 2));
        net.run_for(std::time::Duration::from_secs(2));
        Chain { net, ends, middle }
    }

    /// The path of a block at the right end; none if it has no such route.
    fn right(&self, host: u8) -> Option<String> {
        path(&self.net, self.ends[1], block(host))
    }

    fn reload(&mut self, left: &str, right: &str) {
        let new = config(Role::Node, &middle_text(left, right));
        let before = since(&self.net, self.middle, [10, 0, 0, 2].into());
        self.net
            .ask(self.middle, |speaker, now| speaker.reload(now, new));
        self.net.run_for(std::time::Duration::from_secs(2));
        let after = since(&self.net, self.middle, [10, 0, 0, 2].into());
        assert_eq!(before, after, "the session is the same");
    }
}

fn path(net: &Net, id: NodeId, prefix: Prefix) -> Option<String> {
    let best = net.speaker(id).rib().best(&prefix)?;
    Some(best.attrs.as_path().to_string())
}

#[test]
fn private_numbers_go_or_are_replaced_and_that_is_live() {
    let mut chain = Chain::of(
        [64_900, 3],
        ["as: 65000", "as: 65000"],
        ["as: 64900", "as: 3, remove-private-as: all"],
    );
    assert_eq!(chain.right(1).unwrap(), "65000");
    assert_eq!(chain.right(100).unwrap(), "65000");
    chain.reload("as: 64900", "as: 3, remove-private-as: replace");
    assert_eq!(chain.right(1).unwrap(), "65000 65000");
    chain.reload("as: 64900", "as: 3");
    assert_eq!(chain.right(1).unwrap(), "65000 64900");
}

#[test]
fn sites_of_one_as_reach_each_other_by_override_or_by_allowance() {
    let both = ["as: 65000", "as: 65000"];
    let chain = Chain::of([64_900, 64_900], both, ["as: 64900", "as: 64900"]);
    assert_eq!(chain.right(1), None, "a loop");
    let mut chain = Chain::of(
        [64_900, 64_900],
        both,
        ["as: 64900", "as: 64900, as-override: true"],
    );
    assert_eq!(chain.right(1).unwrap(), "65000 65000");
    chain.reload("as: 64900", "as: 64900");
    assert_eq!(chain.right(1), None);
    let chain = Chain::of(
        [64_900, 64_900],
        ["as: 65000", "as: 65000, allow-own-as: 1"],
        ["as: 64900", "as: 64900"],
    );
    assert_eq!(chain.right(1).unwrap(), "65000 64900");
}

#[test]
fn an_allowance_that_changes_asks_for_the_routes_again() {
    let mut chain = Chain::of(
        [64_900, 64_900],
        ["as: 65000", "as: 65000"],
        ["as: 64900", "as: 64900"],
    );
    let right = chain.ends[1];
    let text = |keys: &str| {
        format!(
            "as: 64900\nrouter-id: 10.0.0.2\nadvertise: {{blocks: [10.244.2.0/24]}}\npeers:\n\
             - {{address: 10.0.0.100, import: all, export: all, families: [ipv4-unicast], as: 65000{keys}}}\n"
        )
    };
    for (keys, wanted) in [(", allow-own-as: 1", Some("65000 64900")), ("", None)] {
        let new = config(Role::Node, &text(keys));
        chain
            .net
            .ask(right, |speaker, now| speaker.reload(now, new));
        chain.net.run_for(std::time::Duration::from_secs(2));
        assert_eq!(chain.right(1).as_deref(), wanted);
        assert_eq!(up(&chain.net, chain.middle), 2);
    }
}

#[test]
fn another_as_of_ours_stands_in_paths_as_it_is_told_to() {
    // The left end knows the middle as 65010.
    let chain = |keys: &str| {
        let left = format!("as: 64900, local-as: {{as: 65010{keys}}}");
        Chain::of([64_900, 3], ["as: 65010", "as: 65000"], [&left, "as: 3"])
    };
    let paths = |keys: &str| {
        let chain = chain(keys);
        let sent = path(&chain.net, chain.ends[0], block(2)).unwrap();
        (sent, chain.right(1).unwrap())
    };
    let both = |sent: &str, passed: &str| (sent.to_owned(), passed.to_owned());
    assert_eq!(paths(""), both("65010 65000 3", "65000 65010 64900"));
    assert_eq!(
        paths(", no-prepend: true"),
        both("65010 65000 3", "65000 64900")
    );
    assert_eq!(
        paths(", replace-as: true"),
        both("65010 3", "65000 65010 64900")
    );
    assert_eq!(
        paths(", no-prepend: true, replace-as: true"),
        both("65010 3", "65000 64900")
    );
}

#[test]
fn clients_of_a_route_server_hear_each_other_as_they_spoke() {
    let mut net = Net::new(65_536);
    let client = "import: all, export: all, route-server-client: true";
    let text = format!(
        "as: 64512\nrouter-id: 10.0.0.250\npeers:\n\
         - {{address: 10.0.0.1, as: 64513, {client}}}\n\
         - {{address: 10.0.0.2, as: 64514, {client}}}\n"
    );
    let server = net.add(config(Role::Reflector, &text), &addresses(250));
    let ids = [(1, 64_513), (2, 64_514)].map(|(host, asn)| {
        let text = format!(
            "as: {asn}\nadvertise: {{blocks: [10.244.{host}.0/24, \"fd00:244:{host}::/64\"]}}\npeers:\n\
             - {{address: 10.0.0.250, as: 64512, import: all, export: local, enforce-first-as: false}}\n"
        );
        net.add(config(Role::Node, &text), &addresses(host))
    });
    assert!(net.run_until(MINUTE, |net| up(net, server) == 2));
    net.run_for(std::time::Duration::from_secs(2));
    assert_eq!(path(&net, ids[1], block(1)).unwrap(), "64513");
    assert_eq!(path(&net, ids[0], block(2)).unwrap(), "64514");
    // It needs no address of the other family to pass on what is not its own.
    assert_eq!(path(&net, ids[1], block6(1)).unwrap(), "64513");
    for (prefix, hop) in [(block(1), "10.0.0.1"), (block6(1), "fd00::1")] {
        let best = net.speaker(ids[1]).rib().best(&prefix).unwrap();
        assert_eq!(best.next_hop.addr().to_string(), hop);
    }
}

#[test]
fn both_numbers_of_ours_are_loops() {
    let chain = Chain::of(
        [64_900, 65_010],
        ["as: 65010", "as: 65000"],
        ["as: 64900, local-as: {as: 65010}", "as: 65010"],
    );
    // The one who really is 65010 sees itself in what comes by that session.
    assert_eq!(chain.right(1), None);
    assert_eq!(
        path(&chain.net, chain.ends[0], block(2)),
        Some("65010 65000 65010".to_owned())
    );
}
