//! Who this speaker is on the wire.

use std::net::Ipv4Addr;
use std::sync::Arc;

use wire::Asn;

/// The numbers and the name that a speaker goes by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Our AS number.
    pub local_as: Asn,
    /// The BGP Identifier (RFC 6286): any value but 0, unique in the AS.
    pub router_id: Ipv4Addr,
    /// The cluster id we reflect with (RFC 4456 section 7); the router id unless configured.
    pub cluster_id: Ipv4Addr,
    /// Our name, for people who look at our peers; `None`: they are not told one.
    pub hostname: Option<Arc<str>>,
}

impl Identity {
    /// From the configuration; where it names no router id, `node_address` serves, and without
    /// one a hash of the node's name, which stays the same over restarts.
    pub fn of(config: &config::Config, node_address: Option<Ipv4Addr>) -> Self {
        let usable =
            node_address.filter(|address| !address.is_unspecified() && !address.is_loopback());
        let router_id = config
            .router_id
            .or(usable)
            .unwrap_or_else(|| hashed(config.name.as_deref().unwrap_or_default()));
        let hostname = match &config.hostname {
            config::Hostname::OfSpeaker => config.name.as_deref(),
            config::Hostname::Off => None,
            config::Hostname::Named(name) => Some(&**name),
        };
        Identity {
            hostname: hostname.map(Arc::from),
            local_as: config.local_as,
            router_id,
            cluster_id: config.cluster_id.unwrap_or(router_id),
        }
    }
}

/// FNV-1a, folded into an identifier that is never 0 (RFC 6286 section 2.1).
fn hashed(name: &str) -> Ipv4Addr {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, octet| {
        (hash ^ u32::from(octet)).wrapping_mul(0x0100_0193)
    });
    Ipv4Addr::from(hash.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_always_gives_the_same_identifier_and_never_zero() {
        assert_eq!(hashed("node-1"), hashed("node-1"));
        assert_ne!(hashed("node-1"), hashed("node-2"));
        assert_ne!(hashed(""), Ipv4Addr::UNSPECIFIED);
    }
}
