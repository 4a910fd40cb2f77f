//! `RouteControlService`: routes of one's own.

use std::net::IpAddr;

use proto::v1;
use proto::v1::route_control_service_server::RouteControlService;
use rib::{ListPlace, Listing, PeerId, PrefixFilter, Query};
use speaker::{ApiRoute, RouteError, Speaker};
use tonic::{Request, Response, Status};
use wire::{AttrBuilder, Family, NextHop, Origin, Prefix};

use crate::fault::{self, Violations};
use crate::page::ROWS;
use crate::server::Api;

/// Routes in one request: what one question may cost the speaker.
const MAX_ROUTES: usize = 1000;
/// Octets in an owner's name.
const MAX_OWNER: usize = 128;

#[tonic::async_trait]
impl RouteControlService for Api {
    async fn announce(
        &self,
        request: Request<v1::AnnounceRequest>,
    ) -> Result<Response<v1::AnnounceResponse>, Status> {
        let routes = parse_announce(request.into_inner())?;
        let done = self.asker.ask(move |speaker, _| {
            check_next_hops(speaker, &routes)?;
            announce(speaker, routes)
        });
        Ok(Response::new(done.await??))
    }

    async fn withdraw(
        &self,
        request: Request<v1::WithdrawRequest>,
    ) -> Result<Response<v1::WithdrawResponse>, Status> {
        let request = request.into_inner();
        let prefixes = parse_withdraw(&request)?;
        let owner = request.owner;
        let withdrawn = match request.all {
            true => self.withdraw_all(owner).await?,
            false => {
                let done = self
                    .asker
                    .ask(move |speaker, _| withdraw(speaker, &prefixes, &owner));
                done.await??
            }
        };
        Ok(Response::new(v1::WithdrawResponse { withdrawn }))
    }
}

impl Api {
    /// Withdraws what belongs to an owner, page by page.
    async fn withdraw_all(&self, owner: String) -> Result<u32, Status> {
        let mut withdrawn = 0;
        let mut place = Some(ListPlace::default());
        while let Some(from) = place {
            let owner = owner.clone();
            let done = self.asker.ask(move |speaker, _| {
                let (mine, next) = owned(speaker, &owner, from);
                withdraw(speaker, &mine, &owner).map(|count| (count, next))
            });
            let (count, next) = done.await??;
            withdrawn += count;
            place = next;
        }
        Ok(withdrawn)
    }
}

/// A page of the prefixes that an owner announced.
fn owned(speaker: &Speaker, owner: &str, from: ListPlace) -> (Vec<Prefix>, Option<ListPlace>) {
    let query = Query {
        listing: Listing::In(Some(PeerId::API)),
        family: None,
        prefix: PrefixFilter::Any,
    };
    let mut mine = Vec::new();
    let next = speaker.rib().list(&query, from, ROWS, &mut |path| {
        if speaker
            .api_route(&path.prefix)
            .is_some_and(|route| route.owner == owner)
        {
            mine.push(path.prefix);
        }
    });
    (mine, next)
}

/// A reflector cannot be the next hop that an absent one stands for.
fn check_next_hops(speaker: &Speaker, routes: &[(Prefix, ApiRoute)]) -> Result<(), Status> {
    match speaker.config().role {
        config::Role::Node => return Ok(()),
        config::Role::Reflector => {}
    }
    let mut violations = Violations::default();
    for (index, (prefix, route)) in routes.iter().enumerate() {
        if route.next_hop.is_none() {
            violations.add(
                format!("routes[{index}].next_hop"),
                format!(
                    "{prefix}: a reflector has no kernel and forwards nothing: give --next-hop"
                ),
            );
        }
    }
    violations.into_result("the request")
}

/// All or none: what was announced before a refusal is taken back.
fn announce(
    speaker: &mut Speaker,
    routes: Vec<(Prefix, ApiRoute)>,
) -> Result<v1::AnnounceResponse, Status> {
    let mut undo: Vec<(Prefix, Option<ApiRoute>, String)> = Vec::with_capacity(routes.len());
    for (prefix, route) in routes {
        let before = speaker.api_route(&prefix).cloned();
        let owner = route.owner.clone();
        match speaker.announce(prefix, route) {
            Ok(()) => undo.push((prefix, before, owner)),
            Err(error) => {
                for (prefix, before, owner) in undo.into_iter().rev() {
                    restore(speaker, prefix, before, &owner);
                }
                return Err(fault::of_route(&prefix, &error, false));
            }
        }
    }
    let replaced = undo
        .iter()
        .filter(|(_, before, _)| before.is_some())
        .count();
    Ok(v1::AnnounceResponse {
        added: count(undo.len() - replaced),
        replaced: count(replaced),
    })
}

fn restore(speaker: &mut Speaker, prefix: Prefix, before: Option<ApiRoute>, owner: &str) {
    // Neither can be refused: the prefix is this owner's since a moment ago.
    let _ = match before {
        Some(route) => speaker.announce(prefix, route),
        None => speaker.withdraw(prefix, owner),
    };
}

/// All or none.
fn withdraw(speaker: &mut Speaker, prefixes: &[Prefix], owner: &str) -> Result<u32, Status> {
    for prefix in prefixes {
        let refusal = match speaker.api_route(prefix) {
            Some(route) if route.owner == owner => continue,
            Some(route) => RouteError::Owned {
                owner: route.owner.clone(),
            },
            None if speaker.config().blocks.contains(prefix) => RouteError::Configured,
            None => continue,
        };
        return Err(fault::of_route(prefix, &refusal, true));
    }
    let mut withdrawn = 0;
    for prefix in prefixes {
        match speaker.withdraw(*prefix, owner) {
            Ok(()) => withdrawn += 1,
            Err(RouteError::NotFound) => {}
            Err(error) => return Err(fault::of_route(prefix, &error, true)),
        }
    }
    Ok(withdrawn)
}

fn count(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn check_owner(violations: &mut Violations, owner: &str) {
    if owner.is_empty() || owner.len() > MAX_OWNER || owner.chars().any(char::is_control) {
        violations.add(
            "owner",
            format!(
                "an owner has 1 to {MAX_OWNER} octets and no control characters; name who announces"
            ),
        );
    }
}

fn check_count(violations: &mut Violations, field: &str, count: usize) {
    if count == 0 {
        violations.add(field, "none is given");
    } else if count > MAX_ROUTES {
        violations.add(
            field,
            format!("there are {count}; send at most {MAX_ROUTES} at a time"),
        );
    }
}

fn parse_withdraw(request: &v1::WithdrawRequest) -> Result<Vec<Prefix>, Status> {
    let mut violations = Violations::default();
    check_owner(&mut violations, &request.owner);
    match request.all {
        true if !request.prefixes.is_empty() => {
            violations.add(
                "prefixes",
                "none may be given with all; leave one of the two out",
            );
        }
        true => {}
        false => check_count(&mut violations, "prefixes", request.prefixes.len()),
    }
    let mut prefixes = Vec::new();
    for (index, text) in request.prefixes.iter().take(MAX_ROUTES).enumerate() {
        let prefix = super::parse_prefix(text);
        prefixes.extend(violations.keep(format!("prefixes[{index}]"), prefix));
    }
    violations.into_result("the request")?;
    Ok(prefixes)
}

fn parse_announce(request: v1::AnnounceRequest) -> Result<Vec<(Prefix, ApiRoute)>, Status> {
    let v1::AnnounceRequest { owner, routes } = request;
    let mut violations = Violations::default();
    check_owner(&mut violations, &owner);
    check_count(&mut violations, "routes", routes.len());
    let mut parsed = Vec::new();
    for (index, route) in routes.iter().take(MAX_ROUTES).enumerate() {
        parsed.extend(parse_route(&mut violations, index, route, &owner));
    }
    violations.into_result("the request")?;
    Ok(parsed)
}

fn parse_route(
    violations: &mut Violations,
    index: usize,
    route: &v1::AnnouncedRoute,
    owner: &str,
) -> Option<(Prefix, ApiRoute)> {
    let field = |name: &str| format!("routes[{index}].{name}");
    let mut attrs = AttrBuilder::new();
    attrs.set_as_path(&[]);
    match v1::Origin::try_from(route.origin) {
        Ok(v1::Origin::Unspecified | v1::Origin::Igp) => attrs.set_origin(Origin::Igp),
        Ok(v1::Origin::Egp) => attrs.set_origin(Origin::Egp),
        Ok(v1::Origin::Incomplete) => attrs.set_origin(Origin::Incomplete),
        Err(_) => {
            violations.add(field("origin"), "it is not known here");
            &mut attrs
        }
    };
    if let Some(med) = route.med {
        attrs.set_med(med);
    }
    if let Some(local_pref) = route.local_pref {
        attrs.set_local_pref(local_pref);
    }
    let communities = parse_all(
        violations,
        &field("communities"),
        &route.communities,
        "64512:1",
    );
    attrs.set_communities(&communities);
    let name = field("large_communities");
    let large = parse_all(violations, &name, &route.large_communities, "64512:1:2");
    attrs.set_large_communities(&large);
    let prefix = violations.keep(field("prefix"), super::parse_prefix(&route.prefix));
    let next_hop = match (&route.next_hop, prefix) {
        (Some(text), Some(prefix)) => {
            let next_hop = parse_next_hop(text, Family::of(&prefix));
            violations.keep(field("next_hop"), next_hop)
        }
        (Some(_) | None, _) => None,
    };
    let api_route = ApiRoute {
        owner: owner.to_owned(),
        next_hop,
        attrs: attrs.finish(),
    };
    Some((prefix?, api_route))
}

fn parse_all<T: std::str::FromStr>(
    violations: &mut Violations,
    field: &str,
    texts: &[String],
    example: &str,
) -> Vec<T> {
    let mut values = Vec::new();
    for (index, text) in texts.iter().enumerate() {
        let fault = |_| {
            format!(
                "\"{}\" is not a community; write {example}",
                text.escape_debug()
            )
        };
        values.extend(violations.keep(format!("{field}[{index}]"), text.parse().map_err(fault)));
    }
    values
}

/// A next hop of the route's own family: another one needs RFC 8950, which is not negotiated.
fn parse_next_hop(text: &str, family: Family) -> Result<NextHop, String> {
    let address: IpAddr = text.parse().map_err(|_| {
        format!(
            "\"{}\" is not an address; write 10.0.0.1 or fd00::1",
            text.escape_debug()
        )
    })?;
    let fits = match family {
        Family::Ipv4Unicast => address.is_ipv4(),
        Family::Ipv6Unicast => address.is_ipv6(),
    };
    if !fits {
        return Err(format!(
            "{address} is not of the family of the prefix; give one that is"
        ));
    }
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    if address.is_unspecified() || address.is_multicast() || address.is_loopback() || link_local {
        return Err(format!(
            "{address} cannot be a next hop; give a global address of a host"
        ));
    }
    Ok(NextHop::from(address))
}

#[cfg(test)]
mod tests {
    use tonic_types::StatusExt as _;

    use super::*;

    fn fields(status: &Status) -> Vec<String> {
        let bad = status.get_details_bad_request().unwrap();
        bad.field_violations.into_iter().map(|v| v.field).collect()
    }

    fn route(prefix: &str) -> v1::AnnouncedRoute {
        v1::AnnouncedRoute {
            prefix: prefix.into(),
            ..v1::AnnouncedRoute::default()
        }
    }

    #[test]
    fn every_fault_of_an_announcement_is_named() {
        let request = v1::AnnounceRequest {
            owner: String::new(),
            routes: vec![
                route("10.0.0.1/24"),
                v1::AnnouncedRoute {
                    next_hop: Some("fd00::1".into()),
                    communities: vec!["64512:1".into(), "x".into()],
                    ..route("10.0.0.0/24")
                },
            ],
        };
        let status = parse_announce(request).unwrap_err();
        assert_eq!(status.code(), tonic::Code::InvalidArgument);
        let wanted = [
            "owner",
            "routes[0].prefix",
            "routes[1].communities[1]",
            "routes[1].next_hop",
        ];
        assert_eq!(fields(&status), wanted);
    }

    #[test]
    fn too_many_and_none_are_refused() {
        let request = |count| v1::AnnounceRequest {
            owner: "me".into(),
            routes: vec![route("10.0.0.0/24"); count],
        };
        assert_eq!(fields(&parse_announce(request(0)).unwrap_err()), ["routes"]);
        assert_eq!(
            fields(&parse_announce(request(MAX_ROUTES + 1)).unwrap_err()),
            ["routes"]
        );
        assert_eq!(
            parse_announce(request(MAX_ROUTES)).unwrap().len(),
            MAX_ROUTES
        );
        let both = v1::WithdrawRequest {
            owner: "me".into(),
            prefixes: vec!["10.0.0.0/24".into()],
            all: true,
        };
        assert_eq!(fields(&parse_withdraw(&both).unwrap_err()), ["prefixes"]);
    }

    #[test]
    fn a_bare_address_is_its_host_prefix() {
        assert_eq!(
            super::super::parse_prefix("10.0.0.1").unwrap().to_string(),
            "10.0.0.1/32"
        );
        assert_eq!(
            super::super::parse_prefix("fd00::1").unwrap().to_string(),
            "fd00::1/128"
        );
    }

    #[test]
    fn attributes_are_those_of_the_request() {
        let request = v1::AnnounceRequest {
            owner: "me".into(),
            routes: vec![v1::AnnouncedRoute {
                med: Some(5),
                communities: vec!["no-export".into()],
                next_hop: Some("10.0.0.9".into()),
                ..route("10.0.0.0/24")
            }],
        };
        let (prefix, route) = parse_announce(request).unwrap().remove(0);
        assert_eq!(prefix.to_string(), "10.0.0.0/24");
        let message = super::super::attributes::message(wire::AttrView::new(&route.attrs));
        assert_eq!((message.med, message.local_pref), (Some(5), None));
        assert_eq!(message.communities, ["no-export"]);
        assert_eq!(message.origin(), v1::Origin::Igp);
        assert_eq!(route.next_hop.unwrap().to_string(), "10.0.0.9");
    }
}
