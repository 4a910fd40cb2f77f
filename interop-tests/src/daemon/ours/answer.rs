//! Reading `bgpctl -o json`.

use ipnet::IpNet;
use serde_json::Value;

use crate::daemon::{Path, SessionState, community};
use crate::{LabError, Result};

/// The peer of an answer to `peer get`, which may be alone, in a list, or in a field.
pub(super) fn peer(answer: Value) -> Result<Value> {
    let inner = match &answer {
        Value::Array(peers) => peers.first().cloned(),
        Value::Object(fields) => Some(
            fields
                .get("peer")
                .or_else(|| fields.get("peers")?.get(0))
                .cloned()
                .unwrap_or(answer.clone()),
        ),
        _ => None,
    };
    inner.ok_or_else(|| LabError::new(format!("no peer in {answer}")))
}

pub(super) fn session(peer: &Value) -> Result<SessionState> {
    let state = peer["state"]["session_state"]
        .as_str()
        .or_else(|| peer["state"].as_str());
    let state = state.ok_or_else(|| LabError::new(format!("no session state in {peer}")))?;
    Ok(SessionState::named(state))
}

pub(super) fn four_tuple(answer: &Value) -> Result<String> {
    let peer = peer(answer.clone())?;
    match &peer["state"]["connection"] {
        Value::Null => Err(LabError::new("no connection")),
        connection => Ok(connection.to_string()),
    }
}

pub(super) fn routes(answer: &Value) -> Result<Vec<(IpNet, Path)>> {
    let list = answer.as_array().or_else(|| answer["routes"].as_array());
    let list = list.ok_or_else(|| LabError::new(format!("no routes in {answer}")))?;
    let valid = list
        .iter()
        .filter(|route| is_empty(&route["rejected_reason"]));
    valid.map(read_route).collect()
}

fn read_route(route: &Value) -> Result<(IpNet, Path)> {
    let not_understood = || LabError::new(format!("route not understood: {route}"));
    let prefix = text(&route["prefix"])
        .parse()
        .map_err(|_| not_understood())?;
    let mut path = Path::via(
        text(&route["next_hop"])
            .parse()
            .map_err(|_| not_understood())?,
    );
    let attributes = &route["attributes"];
    let as_path = text(&attributes["as_path"]);
    path.as_path = as_path
        .split_whitespace()
        .filter_map(|asn| asn.parse().ok())
        .collect();
    path.med = number(&attributes["med"]);
    path.local_pref = number(&attributes["local_pref"]);
    for text in list(&attributes["communities"]) {
        let community = community(text).ok_or_else(not_understood)?;
        path.communities.insert(community);
    }
    path.originator_id = text(&attributes["originator_id"]).parse().ok();
    path.cluster_list = list(&attributes["cluster_list"])
        .filter_map(|id| id.parse().ok())
        .collect();
    Ok((prefix, path))
}

fn is_empty(value: &Value) -> bool {
    text(value).is_empty()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn list(value: &Value) -> impl Iterator<Item = &str> {
    value
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|wide| u32::try_from(wide).ok())
}
