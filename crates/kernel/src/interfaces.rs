//! Links and addresses: read through rtnetlink, and told by notifications of the same layout.
//!
//! rtnetlink is asynchronous: the calling thread runs it on a runtime that lives for the reading
//! only. There is one request at a time and few answers, so its inner queue stays short.

use std::io;
use std::pin::pin;
use std::time::Duration;

use fib::{Address, Link};
use netlink_packet_core::{NetlinkPayload, Parseable};
use netlink_packet_route::AddressFamily;
use netlink_packet_route::address::{AddressAttribute, AddressFlags, AddressMessage};
use netlink_packet_route::link::{LinkAttribute, LinkFlags, LinkMessage};
use rtnetlink::Error;
use tokio_stream::{Stream, StreamExt};
use wire::Prefix;

use crate::netlink::Message;

/// Links and addresses together take milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// Every link and every address in this thread's network namespace.
pub(crate) fn read() -> io::Result<(Vec<Link>, Vec<Address>)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match tokio::time::timeout(PATIENCE, ask()).await {
            Ok(answer) => answer,
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the kernel does not tell links and addresses",
            )),
        }
    })
}

async fn ask() -> io::Result<(Vec<Link>, Vec<Address>)> {
    let (mut connection, handle, _notifications) = rtnetlink::new_connection()?;
    connection.set_forward_done(true);
    // Ends with the runtime.
    tokio::spawn(connection);
    let mut links = Vec::new();
    let answers = handle.link().get().execute();
    collect(answers, |link| links.extend(to_link(&link))).await?;
    let mut addresses = Vec::new();
    let answers = handle.address().get().execute();
    collect(answers, |address| addresses.extend(to_address(&address))).await?;
    Ok((links, addresses))
}

/// Hands each answer over, up to the word that there are no more. Without that word something is
/// missing: the connection broke, and a link that is there would be taken for gone.
async fn collect<M>(
    answers: impl Stream<Item = Result<M, Error>>,
    mut each: impl FnMut(M),
) -> io::Result<()> {
    let mut answers = pin!(answers);
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(message) => each(message),
            Err(Error::UnexpectedMessage(message)) => {
                return match message.payload {
                    NetlinkPayload::Done(done) if done.code == 0 => Ok(()),
                    NetlinkPayload::Done(done) => {
                        Err(io::Error::from_raw_os_error(done.code.saturating_abs()))
                    }
                    _ => Err(io::Error::other("the kernel answers something else")),
                };
            }
            Err(Error::NetlinkError(error)) => return Err(error.to_io()),
            // Not kept as it is: to print it takes the words for every message there is.
            Err(_) => return Err(io::Error::other("rtnetlink has no connection")),
        }
    }
    Err(io::Error::new(
        io::ErrorKind::UnexpectedEof,
        "the kernel's answer does not end",
    ))
}

/// The link in a notification.
pub(crate) fn link_in(message: &Message<'_>) -> Option<Link> {
    to_link(&LinkMessage::parse(message.body).ok()?)
}

/// The address in a notification.
pub(crate) fn address_in(message: &Message<'_>) -> Option<Address> {
    to_address(&AddressMessage::parse(message.body).ok()?)
}

/// A link, unless the message is a bridge's view of its port: those say "gone" when a port leaves
/// the bridge.
fn to_link(message: &LinkMessage) -> Option<Link> {
    if message.header.interface_family != AddressFamily::Unspec {
        return None;
    }
    let mut attributes = message.attributes.iter();
    let name = attributes.find_map(|attribute| match attribute {
        LinkAttribute::IfName(name) => Some(name.as_str()),
        _ => None,
    });
    Some(Link {
        index: message.header.index,
        name: name.unwrap_or_default().into(),
        up: message.header.flags.contains(LinkFlags::Up),
        carrier: message.header.flags.contains(LinkFlags::LowerUp),
    })
}

/// An address of this host.
fn to_address(message: &AddressMessage) -> Option<Address> {
    let mut local = None;
    let mut address = None;
    let mut flags = AddressFlags::empty();
    for attribute in &message.attributes {
        match attribute {
            AddressAttribute::Local(ip) => local = Some(*ip),
            AddressAttribute::Address(ip) => address = Some(*ip),
            AddressAttribute::Flags(bits) => flags = *bits,
            _ => {}
        }
    }
    // On a point-to-point link IFA_ADDRESS is the other end; IPv6 often has no IFA_LOCAL.
    let on_link = Prefix::new(address?, message.header.prefix_len)
        .ok()?
        .trunc();
    Some(Address {
        link: message.header.index,
        local: local.or(address)?,
        subnet: (!flags.contains(AddressFlags::Noprefixroute)).then_some(on_link),
    })
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use netlink_packet_core::{DoneMessage, NetlinkHeader, NetlinkMessage};
    use nix::libc;

    use super::*;
    use crate::netlink::push_attribute;
    use crate::testing::in_namespace;

    fn notice(body: &[u8]) -> Message<'_> {
        Message {
            kind: 0,
            sequence: 0,
            port: 0,
            body,
        }
    }

    fn link_of(family: u8) -> Option<Link> {
        // struct ifinfomsg of a link that is up.
        let mut body = vec![0; 16];
        body[0] = family;
        body[4..8].copy_from_slice(&7u32.to_ne_bytes());
        body[8..12].copy_from_slice(&libc::IFF_UP.to_ne_bytes());
        push_attribute(&mut body, libc::IFLA_MTU, &1500u32.to_ne_bytes());
        push_attribute(&mut body, libc::IFLA_IFNAME, b"eth0\0");
        link_in(&notice(&body))
    }

    #[test]
    fn a_port_that_leaves_a_bridge_is_not_gone() {
        let link = link_of(libc::AF_UNSPEC as u8).unwrap();
        assert_eq!((link.index, &*link.name), (7, "eth0"));
        assert_eq!((link.up, link.carrier), (true, false));
        assert_eq!(link_of(libc::AF_BRIDGE as u8), None);
    }

    #[test]
    fn a_point_to_point_address_makes_the_other_end_reachable() {
        // struct ifaddrmsg: IPv4, 32 bits, link 7.
        let mut body = vec![libc::AF_INET as u8, 32, 0, 0];
        body.extend(7u32.to_ne_bytes());
        push_attribute(&mut body, libc::IFA_LOCAL, &[10, 0, 0, 1]);
        push_attribute(&mut body, libc::IFA_ADDRESS, &[10, 9, 9, 9]);
        let address = address_in(&notice(&body)).unwrap();
        assert_eq!(address.link, 7);
        assert_eq!(address.local, "10.0.0.1".parse::<IpAddr>().unwrap());
        assert_eq!(address.subnet, Some("10.9.9.9/32".parse().unwrap()));
        let flags = libc::IFA_F_NOPREFIXROUTE.to_ne_bytes();
        push_attribute(&mut body, libc::IFA_FLAGS, &flags);
        assert_eq!(address_in(&notice(&body)).unwrap().subnet, None);
    }

    #[test]
    fn what_is_cut_off_is_no_link_and_no_address() {
        for length in 0..16 {
            let body = vec![0; length];
            assert_eq!(link_in(&notice(&body)), None, "{length}");
            assert_eq!(address_in(&notice(&body)), None, "{length}");
        }
    }

    #[test]
    fn what_is_read_ends_with_the_word_that_it_is_all() {
        let Some(read) = in_namespace(read) else {
            return;
        };
        let (links, addresses) = read.unwrap();
        let lo = links.iter().find(|link| &*link.name == "lo").unwrap();
        assert_eq!((lo.index, lo.up), (1, false));
        assert_eq!(addresses, []);
    }

    #[test]
    fn only_the_kernels_word_ends_an_answer() {
        let done = |code: i32| {
            let mut done = DoneMessage::default();
            done.code = code;
            let payload = NetlinkPayload::Done(done);
            Err(Error::UnexpectedMessage(NetlinkMessage::new(
                NetlinkHeader::default(),
                payload,
            )))
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let ends = |answers: Vec<Result<i32, Error>>| {
            let mut seen = Vec::new();
            let answers = collect(tokio_stream::iter(answers), |n| seen.push(n));
            let end = runtime.block_on(answers);
            assert_eq!(seen, [1]);
            end
        };
        ends(vec![Ok(1), done(0)]).unwrap();
        let refused = ends(vec![Ok(1), done(-libc::EMSGSIZE), Ok(2)]).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(libc::EMSGSIZE));
        let broken = ends(vec![Ok(1)]).unwrap_err();
        assert_eq!(broken.kind(), io::ErrorKind::UnexpectedEof);
    }
}
