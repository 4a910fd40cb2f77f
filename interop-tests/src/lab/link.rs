//! Links between the namespaces of a lab.

use std::sync::atomic::{AtomicU32, Ordering};

use super::Namespace;
use crate::Result;

/// A broadcast network: a bridge in a namespace of its own.
#[derive(Debug)]
pub struct Lan {
    bridge: Namespace,
    ports: AtomicU32,
}

impl Lan {
    pub(super) fn new(bridge: Namespace) -> Result<Lan> {
        // An unwatched bridge port that learns multicast groups drops neighbour solicitations.
        bridge.script(
            "ip link add br0 type bridge mcast_snooping 0 forward_delay 0 stp_state 0\n\
             ip link set br0 up",
        )?;
        Ok(Lan {
            bridge,
            ports: AtomicU32::new(0),
        })
    }

    /// Puts `namespace` on the network: its end is called `device` and carries `addresses`
    /// (with prefix lengths), ready to be used on return.
    ///
    /// # Errors
    /// When the device exists already or an address is not one.
    pub fn attach(&self, namespace: &Namespace, device: &str, addresses: &[&str]) -> Result<()> {
        let port = self.ports.fetch_add(1, Ordering::Relaxed);
        self.bridge.ip_batch(&format!(
            "link add port{port} type veth peer name {device} netns {}\n\
             link set port{port} master br0 up\n",
            namespace.anchor()
        ))?;
        namespace.set_up(device, addresses)
    }

    /// Cuts port number `port` (counted by [`Lan::attach`]) off, or joins it again.
    ///
    /// # Errors
    /// When there is no such port.
    pub fn set_port(&self, port: u32, up: bool) -> Result<()> {
        let state = if up { "up" } else { "down" };
        self.bridge
            .ip_batch(&format!("link set port{port} {state}\n"))
    }
}

impl Namespace {
    /// Joins this namespace and `other` by one cable; the two ends carry the given addresses.
    ///
    /// # Errors
    /// When a device exists already or an address is not one.
    pub fn connect(
        &self,
        (device, addresses): (&str, &[&str]),
        other: &Namespace,
        (other_device, other_addresses): (&str, &[&str]),
    ) -> Result<()> {
        self.ip_batch(&format!(
            "link add {device} type veth peer name {other_device} netns {}\n",
            other.anchor()
        ))?;
        self.set_up(device, addresses)?;
        other.set_up(other_device, other_addresses)
    }

    fn set_up(&self, device: &str, addresses: &[&str]) -> Result<()> {
        let mut lines = String::new();
        for address in addresses {
            // Without `nodad` an IPv6 address cannot be used for a second.
            let nodad = if address.contains(':') { " nodad" } else { "" };
            lines.push_str(&format!("addr add {address} dev {device}{nodad}\n"));
        }
        lines.push_str(&format!("link set {device} up\n"));
        self.ip_batch(&lines)
    }
}
