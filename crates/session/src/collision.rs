//! Which of two connections of one peer is kept (RFC 4271 6.8, RFC 6286 2.3).

use std::net::Ipv4Addr;

use wire::Asn;

use crate::side::Side;

/// The connection to keep: the one that the speaker with the higher BGP Identifier opened. Identifiers are compared as
/// unsigned numbers; equal ones, which only external peers can have, by AS number.
pub(crate) fn winner(local: (Ipv4Addr, Asn), remote: (Ipv4Addr, Asn)) -> Side {
    let key = |(id, asn): (Ipv4Addr, Asn)| (id.to_bits(), asn.0);
    if key(local) > key(remote) {
        Side::Outgoing
    } else {
        Side::Incoming
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOW: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    // As a signed number this one would be the lower.
    const HIGH: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

    #[test]
    fn the_higher_identifier_keeps_its_own() {
        assert_eq!(winner((HIGH, Asn(1)), (LOW, Asn(2))), Side::Outgoing);
        assert_eq!(winner((LOW, Asn(2)), (HIGH, Asn(1))), Side::Incoming);
    }

    #[test]
    fn equal_identifiers_are_told_apart_by_as() {
        assert_eq!(winner((LOW, Asn(70000)), (LOW, Asn(2))), Side::Outgoing);
        assert_eq!(winner((LOW, Asn(2)), (LOW, Asn(70000))), Side::Incoming);
    }

    #[test]
    fn both_ends_choose_the_same_connection() {
        for (a, b) in [
            ((HIGH, Asn(1)), (LOW, Asn(2))),
            ((LOW, Asn(1)), (LOW, Asn(2))),
        ] {
            assert_eq!(winner(a, b), winner(b, a).other());
        }
    }
}
