use wire::{Asn, Role};

use super::*;
use crate::testing::{Bench, LOCAL_AS, block, config, plain, source};
use crate::{PeerKind, SourceKind};

const ROLES: [Role; 5] = [
    Role::Provider,
    Role::RouteServer,
    Role::RouteServerClient,
    Role::Customer,
    Role::Peer,
];
/// Those to whom nothing goes that is for customers only.
const UP: [Role; 3] = [Role::RouteServerClient, Role::Customer, Role::Peer];

fn with(otc: Option<u32>) -> AttrBuilder {
    let mut attrs = plain(&[65002]);
    if let Some(otc) = otc {
        attrs.set_otc(Asn(otc));
    }
    attrs
}

fn from(role: Role) -> SourceInfo {
    SourceInfo {
        role: Some(role),
        ..source(PeerId(2), SourceKind::Ebgp)
    }
}

#[test]
fn a_marked_route_that_comes_from_below_is_a_leak() {
    for role in ROLES {
        let ask = |otc| check(&from(role), with(otc).view()).is_ok();
        let from_below = matches!(role, Role::Provider | Role::RouteServer);
        assert!(ask(None), "{role}");
        assert_eq!(ask(Some(65002)), !from_below, "{role}");
        assert_eq!(
            ask(Some(65009)),
            !from_below && role != Role::Peer,
            "{role}"
        );
    }
    let none = source(PeerId(2), SourceKind::Ebgp);
    assert_eq!(check(&none, with(Some(65009)).view()), Ok(()));
}

/// What a peer is sent of a route that came with this mark from one with a role, or of ours.
fn sent(from_role: Option<Role>, otc: Option<u32>, to_role: Option<Role>) -> Option<Option<u32>> {
    let mut bench = Bench::new(config());
    let (one, two) = (PeerId(2), PeerId(3));
    let info = SourceInfo {
        role: from_role,
        ..source(one, SourceKind::Ebgp)
    };
    bench.rib.source_up(one, info);
    let mut settings = bench.settings(PeerKind::Ebgp);
    settings.role = to_role;
    bench.rib.source_up(two, source(two, SourceKind::Ebgp));
    bench.join_with(two, &settings);
    let attrs = bench.rib.intern_from(one, with(otc).view());
    let hop = crate::testing::address(one).into();
    bench.rib.announce(one, block(1).into(), attrs, hop, Ok(()));
    bench.rib.release(attrs);
    bench.settle();
    let held = bench.peers[&two].table.get(&block(1))?;
    Some(AttrView::new(&held.attrs).otc().map(|asn| asn.0))
}

#[test]
fn a_mark_is_added_on_the_way_down_and_stops_the_way_up() {
    for to in ROLES {
        let goes_up = UP.contains(&to);
        // From above or beside, unmarked: marked with the peer's AS.
        for from in UP {
            let expected = (!goes_up).then_some(Some(65002));
            assert_eq!(sent(Some(from), None, Some(to)), expected, "{from} to {to}");
        }
        // From below: marked with our AS on its way down or across.
        for from in [Some(Role::Provider), Some(Role::RouteServer), None] {
            let marked = matches!(to, Role::Provider | Role::RouteServer | Role::Peer);
            let expected = marked.then_some(LOCAL_AS.0);
            assert_eq!(
                sent(from, None, Some(to)),
                Some(expected),
                "{from:?} to {to}"
            );
        }
        // A mark is never changed.
        let expected = (!goes_up).then_some(Some(65009));
        assert_eq!(sent(Some(Role::Customer), Some(65009), Some(to)), expected);
    }
    assert_eq!(sent(None, Some(65009), None), Some(Some(65009)));
    assert_eq!(sent(None, None, None), Some(None));
}
