//! Path attributes in the API's words.

use proto::v1;
use wire::attr::SegmentKind;
use wire::{AttrView, Origin, code};

/// The attributes of a path.
pub(crate) fn message(attrs: AttrView<'_>) -> v1::Attributes {
    v1::Attributes {
        origin: origin(attrs.origin()).into(),
        as_path: attrs.as_path().to_string(),
        as_segments: as_segments(attrs),
        med: attrs.med(),
        local_pref: attrs.local_pref(),
        atomic_aggregate: attrs.atomic_aggregate(),
        aggregator: attrs.aggregator().map(|aggregator| v1::Aggregator {
            as_number: aggregator.asn.0,
            router_id: aggregator.router_id.to_string(),
        }),
        communities: attrs.communities().map(|c| c.to_string()).collect(),
        large_communities: attrs.large_communities().map(|c| c.to_string()).collect(),
        extended_communities: attrs
            .extended_communities()
            .map(|c| c.to_string())
            .collect(),
        originator_id: attrs
            .originator_id()
            .map_or(String::new(), |id| id.to_string()),
        cluster_list: attrs.cluster_list().map(|id| id.to_string()).collect(),
        only_to_customer: attrs.otc().map(|asn| asn.0),
        unknown: unknown(attrs),
    }
}

fn origin(origin: Origin) -> v1::Origin {
    match origin {
        Origin::Igp => v1::Origin::Igp,
        Origin::Egp => v1::Origin::Egp,
        Origin::Incomplete => v1::Origin::Incomplete,
    }
}

fn as_segments(attrs: AttrView<'_>) -> Vec<v1::AsSegment> {
    let segments = attrs.as_path().segments();
    segments
        .map(|segment| {
            let kind = match segment.kind {
                SegmentKind::Set => v1::AsSegmentKind::Set,
                SegmentKind::Sequence => v1::AsSegmentKind::Sequence,
                SegmentKind::ConfedSequence => v1::AsSegmentKind::ConfedSequence,
                SegmentKind::ConfedSet => v1::AsSegmentKind::ConfedSet,
            };
            v1::AsSegment {
                kind: kind.into(),
                as_numbers: segment.asns().map(|asn| asn.0).collect(),
            }
        })
        .collect()
}

/// Attributes that have no field of their own.
fn unknown(attrs: AttrView<'_>) -> Vec<v1::UnknownAttribute> {
    const SHOWN: [u8; 12] = [
        code::ORIGIN,
        code::AS_PATH,
        code::MED,
        code::LOCAL_PREF,
        code::ATOMIC_AGGREGATE,
        code::AGGREGATOR,
        code::COMMUNITIES,
        code::ORIGINATOR_ID,
        code::CLUSTER_LIST,
        code::EXTENDED_COMMUNITIES,
        code::LARGE_COMMUNITY,
        code::OTC,
    ];
    let others = attrs.iter().filter(|(_, code, _)| !SHOWN.contains(code));
    let others = others.filter(|(_, code, _)| *code != code::IPV6_EXTENDED_COMMUNITIES);
    others
        .map(|(flags, code, value)| v1::UnknownAttribute {
            flags: flags.into(),
            code: code.into(),
            value: value.to_vec(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use wire::{Asn, AttrBuilder, Community};

    use super::*;

    #[test]
    fn every_attribute_has_its_field_and_the_rest_is_unknown() {
        let mut builder = AttrBuilder::new();
        builder
            .set_origin(Origin::Egp)
            .set_as_path(&[Asn(65001), Asn(65002)])
            .set_med(0)
            .set_local_pref(200)
            .set_communities(&[Community::NO_EXPORT, Community::new(65001, 7)])
            .set_large_communities(&["65001:1:2".parse().unwrap()])
            .set_originator_id([10, 0, 0, 1].into())
            .set_cluster_list(&[[10, 0, 0, 2].into(), [10, 0, 0, 3].into()])
            .set_otc(Asn(65009))
            .set_raw(0xc0, 99, &[1, 2]);
        let bytes = builder.finish();
        let message = message(AttrView::new(&bytes));
        assert_eq!(message.origin(), v1::Origin::Egp);
        assert_eq!(message.as_path, "65001 65002");
        assert_eq!(message.as_segments[0].kind(), v1::AsSegmentKind::Sequence);
        assert_eq!(message.as_segments[0].as_numbers, [65001, 65002]);
        assert_eq!((message.med, message.local_pref), (Some(0), Some(200)));
        assert_eq!(message.communities, ["no-export", "65001:7"]);
        assert_eq!(message.large_communities, ["65001:1:2"]);
        assert_eq!(message.originator_id, "10.0.0.1");
        assert_eq!(message.cluster_list, ["10.0.0.2", "10.0.0.3"]);
        assert_eq!(message.only_to_customer, Some(65009));
        let unknown = v1::UnknownAttribute {
            flags: 0xc0,
            code: 99,
            value: vec![1, 2],
        };
        assert_eq!(message.unknown, [unknown]);
    }

    #[test]
    fn what_is_not_there_is_absent() {
        let message = message(AttrView::new(&[]));
        assert_eq!((message.med, message.local_pref), (None, None));
        assert!(message.originator_id.is_empty() && message.unknown.is_empty());
        assert!(!message.atomic_aggregate && message.aggregator.is_none());
    }
}
