//! Single questions to the kernel's routing.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use netlink_packet_core::{NLM_F_REQUEST, NetlinkPayload};
use netlink_packet_route::route::{RouteAttribute, RouteMessage};
use netlink_packet_route::{AddressFamily, RouteNetlinkMessage};

use crate::message::ip_of;
use crate::socket::{Received, RouteSocket, encode};

const PATIENCE: Duration = Duration::from_secs(2);
const BUFFER: usize = 64 << 10;

/// The source address that the kernel would use toward `destination`; none if there is no route or
/// no answer.
#[must_use]
pub fn source_address_for(destination: IpAddr) -> Option<IpAddr> {
    let mut socket = RouteSocket::open(BUFFER).ok()?;
    let mut request = RouteMessage::default();
    (
        request.header.address_family,
        request.header.destination_prefix_length,
    ) = match destination {
        IpAddr::V4(_) => (AddressFamily::Inet, 32),
        IpAddr::V6(_) => (AddressFamily::Inet6, 128),
    };
    request.attributes = vec![RouteAttribute::Destination(destination.into())];
    let mut octets = Vec::new();
    let sequence = socket.next_sequence();
    encode(
        &mut octets,
        RouteNetlinkMessage::GetRoute(request),
        NLM_F_REQUEST,
        sequence,
    );
    socket.send(&octets).ok()?;
    let deadline = Instant::now() + PATIENCE;
    let mut source = None;
    loop {
        if !socket.wait(deadline).ok()? {
            return None;
        }
        let received = socket.receive(|message| {
            if let NetlinkPayload::InnerMessage(RouteNetlinkMessage::NewRoute(route)) =
                message.payload
            {
                source = route
                    .attributes
                    .iter()
                    .find_map(|attribute| match attribute {
                        RouteAttribute::PrefSource(address) => ip_of(address),
                        _ => None,
                    });
            }
        });
        match received.ok()? {
            Received::Messages => return source,
            Received::Nothing => {}
            Received::Lost => return None,
        }
    }
}
