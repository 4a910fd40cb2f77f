//! BGP routes.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::SystemTime;

use proto::v1;
use serde::Serialize;

use super::{at, some, word};
use crate::output::Tabular;
use crate::table::{Cell, Tone};
use crate::time;

/// One path to one prefix.
#[derive(Debug, Serialize)]
pub(crate) struct RouteView {
    prefix: String,
    #[serde(skip_serializing_if = "is_zero")]
    path_id: u32,
    source: RouteSourceView,
    next_hop: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_hop_link_local: Option<String>,
    attributes: AttributesView,
    flags: FlagsView,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected_reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    received_at: Option<String>,
    #[serde(skip)]
    raw_received_at: Option<prost_types::Timestamp>,
}

#[derive(Debug, Serialize)]
struct RouteSourceView {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    owner: Option<String>,
}

#[derive(Debug, Default, Serialize)]
struct FlagsView {
    valid: bool,
    best: bool,
    multipath: bool,
    internal: bool,
    stale: bool,
    in_kernel: bool,
    kernel_failure: bool,
}

#[derive(Debug, Serialize)]
struct AttributesView {
    origin: String,
    as_path: String,
    as_segments: Vec<SegmentView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    med: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    local_pref: Option<u32>,
    #[serde(skip_serializing_if = "is_false")]
    atomic_aggregate: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    aggregator: Option<AggregatorView>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    communities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    large_communities: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    extended_communities: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    originator_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cluster_list: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    only_to_customer: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    unknown: Vec<UnknownView>,
}

#[derive(Debug, Serialize)]
struct SegmentView {
    kind: String,
    as_numbers: Vec<u32>,
}

#[derive(Debug, Serialize)]
struct AggregatorView {
    as_number: u32,
    router_id: String,
}

#[derive(Debug, Serialize)]
struct UnknownView {
    flags: u32,
    code: u32,
    /// Hexadecimal.
    value: String,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}");
        text
    })
}

impl FlagsView {
    fn new(flags: v1::RouteFlags) -> FlagsView {
        let v1::RouteFlags {
            valid,
            best,
            multipath,
            internal,
            stale,
            in_kernel,
            kernel_failure,
        } = flags;
        FlagsView {
            valid,
            best,
            multipath,
            internal,
            stale,
            in_kernel,
            kernel_failure,
        }
    }

    fn text(&self) -> String {
        let flags = [
            (self.valid, '*'),
            (self.best, '>'),
            (self.multipath, '='),
            (self.internal, 'i'),
            (self.stale, 'S'),
            (self.in_kernel, 'F'),
            (self.kernel_failure, '!'),
        ];
        flags
            .iter()
            .filter(|(set, _)| *set)
            .map(|(_, flag)| flag)
            .collect()
    }

    fn tone(&self) -> Tone {
        if self.kernel_failure {
            Tone::Bad
        } else if self.stale || !self.valid {
            Tone::Warn
        } else if self.best {
            Tone::Good
        } else {
            Tone::Plain
        }
    }
}

impl AttributesView {
    fn new(attributes: v1::Attributes) -> AttributesView {
        let origin = word(attributes.origin().as_str_name(), "ORIGIN_");
        let segments = attributes
            .as_segments
            .into_iter()
            .map(|segment| SegmentView {
                kind: word(segment.kind().as_str_name(), "AS_SEGMENT_KIND_"),
                as_numbers: segment.as_numbers,
            });
        let unknown = attributes.unknown.into_iter().map(|unknown| UnknownView {
            flags: unknown.flags,
            code: unknown.code,
            value: hex(&unknown.value),
        });
        AttributesView {
            origin,
            as_path: attributes.as_path,
            as_segments: segments.collect(),
            med: attributes.med,
            local_pref: attributes.local_pref,
            atomic_aggregate: attributes.atomic_aggregate,
            aggregator: attributes.aggregator.map(|aggregator| AggregatorView {
                as_number: aggregator.as_number,
                router_id: aggregator.router_id,
            }),
            communities: attributes.communities,
            large_communities: attributes.large_communities,
            extended_communities: attributes.extended_communities,
            originator_id: some(attributes.originator_id),
            cluster_list: attributes.cluster_list,
            only_to_customer: attributes.only_to_customer,
            unknown: unknown.collect(),
        }
    }
}

impl RouteView {
    /// The view of a route.
    pub(crate) fn new(route: v1::Route) -> RouteView {
        let source = route.source.unwrap_or_default();
        RouteView {
            prefix: route.prefix,
            path_id: route.path_id,
            source: RouteSourceView {
                name: source.name,
                address: some(source.address),
                owner: some(source.owner),
            },
            next_hop: route.next_hop,
            next_hop_link_local: some(route.next_hop_link_local),
            attributes: AttributesView::new(route.attributes.unwrap_or_default()),
            flags: FlagsView::new(route.flags.unwrap_or_default()),
            rejected_reason: some(route.rejected_reason),
            received_at: at(route.received_at),
            raw_received_at: route.received_at,
        }
    }

    /// What tells two routes apart.
    pub(crate) fn key(&self) -> (String, String, Option<String>, u32) {
        let source = &self.source;
        (
            self.prefix.clone(),
            source.name.clone(),
            source.address.clone(),
            self.path_id,
        )
    }

    /// Sorts by family, address and length, the best path of a prefix first.
    pub(crate) fn order(&self) -> (Option<IpAddr>, u8, bool, String, u32) {
        let (address, length) = self.prefix.split_once('/').unwrap_or((&self.prefix, ""));
        let length = length.parse().unwrap_or_default();
        let source = self.source.name.clone();
        let length = (address.parse().ok(), length);
        (length.0, length.1, !self.flags.best, source, self.path_id)
    }

    fn from(&self) -> String {
        match &self.source.owner {
            Some(owner) => format!("{} ({owner})", self.source.name),
            None => self.source.name.clone(),
        }
    }

    /// One line for people.
    pub(crate) fn line(&self, color: bool) -> String {
        let flags = self.flags.tone().paint(&self.flags.text(), color);
        let path = match self.attributes.as_path.as_str() {
            "" => "empty",
            path => path,
        };
        let cell = format!(
            "{} via {} from {} AS path {path}",
            self.prefix,
            self.next_hop,
            self.from()
        );
        format!("{flags} {}", crate::table::printable(&cell))
    }
}

impl Tabular for RouteView {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec![
            "FLAGS",
            "PREFIX",
            "NEXT HOP",
            "FROM",
            "LOCAL PREF",
            "MED",
            "AS PATH",
        ];
        columns.push("ORIGIN");
        if wide {
            columns.extend([
                "PATH ID",
                "AGE",
                "COMMUNITIES",
                "ORIGINATOR ID",
                "CLUSTER LIST",
            ]);
        }
        columns.push("REJECTED");
        columns
    }

    fn row(&self, wide: bool, now: SystemTime) -> Vec<Cell> {
        let number =
            |number: Option<u32>| Cell::new(number.map_or(String::new(), |n| n.to_string()));
        let attributes = &self.attributes;
        let mut row = vec![
            Cell::toned(self.flags.text(), self.flags.tone()),
            Cell::new(&self.prefix),
            Cell::new(&self.next_hop),
            Cell::new(self.from()),
            number(attributes.local_pref),
            number(attributes.med),
            Cell::new(&attributes.as_path),
            Cell::new(&attributes.origin),
        ];
        if wide {
            let received = self.raw_received_at;
            let age = received.map(|at| time::short(time::since(&at, now)));
            let communities = attributes.communities.iter();
            let communities: Vec<&str> = communities
                .chain(&attributes.large_communities)
                .map(String::as_str)
                .collect();
            row.extend([
                number(Some(self.path_id).filter(|id| *id != 0)),
                Cell::new(age.unwrap_or_default()),
                Cell::new(communities.join(",")),
                Cell::new(attributes.originator_id.as_deref().unwrap_or_default()),
                Cell::new(attributes.cluster_list.join(",")),
            ]);
        }
        row.push(Cell::new(
            self.rejected_reason.as_deref().unwrap_or_default(),
        ));
        row
    }
}
