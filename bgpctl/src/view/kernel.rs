//! Routes in the kernel.

use std::time::SystemTime;

use proto::v1;
use serde::Serialize;

use super::{at, some, word};
use crate::output::Tabular;
use crate::table::{Cell, Tone};
use crate::time;

/// A route of ours in the kernel.
#[derive(Debug, Serialize)]
pub(crate) struct KernelRouteView {
    prefix: String,
    table: u32,
    metric: u32,
    protocol: u32,
    kind: String,
    hops: Vec<HopView>,
    next_hops: Vec<String>,
    state: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_at: Option<String>,
    #[serde(skip)]
    raw: (v1::KernelRouteState, Option<prost_types::Timestamp>),
}

#[derive(Debug, Serialize)]
struct HopView {
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
    #[serde(skip_serializing_if = "is_zero")]
    interface_index: u32,
    weight: u32,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl HopView {
    fn text(&self) -> String {
        let device = self.device.as_ref().map(|device| format!("dev {device}"));
        let gateway = self
            .gateway
            .as_ref()
            .map(|gateway| format!("via {gateway}"));
        let parts: Vec<String> = gateway.into_iter().chain(device).collect();
        parts.join(" ")
    }
}

impl KernelRouteView {
    /// The view of a route.
    pub(crate) fn new(route: v1::KernelRoute) -> KernelRouteView {
        let raw = (route.state(), route.since);
        let kind = word(route.kind().as_str_name(), "KERNEL_ROUTE_KIND_");
        let hops = route.hops.into_iter().map(|hop| HopView {
            gateway: some(hop.gateway),
            device: some(hop.device),
            interface_index: hop.interface_index,
            weight: hop.weight,
        });
        KernelRouteView {
            prefix: route.prefix,
            table: route.table,
            metric: route.metric,
            protocol: route.protocol,
            kind,
            hops: hops.collect(),
            next_hops: route.next_hops,
            state: word(raw.0.as_str_name(), "KERNEL_ROUTE_STATE_"),
            reason: some(route.reason),
            since: at(route.since),
            retry_at: at(route.retry_at),
            raw,
        }
    }

    /// What tells two routes apart.
    pub(crate) fn key(&self) -> (String, u32, u32) {
        (self.prefix.clone(), self.table, self.metric)
    }

    fn target(&self) -> String {
        if self.kind != "unicast" {
            return self.kind.clone();
        }
        if self.hops.is_empty() {
            return self.next_hops.join(", ");
        }
        let hops: Vec<String> = self.hops.iter().map(HopView::text).collect();
        hops.join(", ")
    }
}

impl Tabular for KernelRouteView {
    fn columns(wide: bool) -> Vec<&'static str> {
        let mut columns = vec!["PREFIX", "TO", "STATE", "AGE"];
        if wide {
            columns.extend(["TABLE", "METRIC", "PROTOCOL", "NEXT HOPS", "RETRY AT"]);
        }
        columns.push("REASON");
        columns
    }

    fn row(&self, wide: bool, now: SystemTime) -> Vec<Cell> {
        let tone = match self.raw.0 {
            v1::KernelRouteState::Installed => Tone::Good,
            v1::KernelRouteState::Failed => Tone::Bad,
            v1::KernelRouteState::Pending | v1::KernelRouteState::Stale => Tone::Warn,
            v1::KernelRouteState::Unspecified => Tone::Plain,
        };
        let age = self
            .raw
            .1
            .map(|since| time::short(time::since(&since, now)));
        let mut row = vec![
            Cell::new(&self.prefix),
            Cell::new(self.target()),
            Cell::toned(&self.state, tone),
            Cell::new(age.unwrap_or_default()),
        ];
        if wide {
            row.extend([
                Cell::new(self.table.to_string()),
                Cell::new(self.metric.to_string()),
                Cell::new(self.protocol.to_string()),
                Cell::new(self.next_hops.join(",")),
                Cell::new(self.retry_at.as_deref().unwrap_or_default()),
            ]);
        }
        row.push(Cell::new(self.reason.as_deref().unwrap_or_default()));
        row
    }
}
