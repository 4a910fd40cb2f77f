//! What daemons of other makers do otherwise: the row, and what was found when the RFC was read again.

/// BIRD 2.0.12.
pub(super) const BIRD: &[(&str, &str)] = &[
    (
        "rfc4271_messages::bad_hold_time",
        "the data is the hold time; section 6 wants none where none is named",
    ),
    (
        "rfc4271_messages::bad_length_for_type",
        "in OpenConfirm the type is judged before the length; a KEEPALIVE with a body is taken",
    ),
    (
        "rfc4271_messages::bad_peer_as",
        "the data is the AS; section 6 wants none where none is named",
    ),
    (
        "rfc4271_messages::bad_version",
        "the data has its octets swapped and is no version",
    ),
    (
        "rfc4271_messages::keepalive_rate",
        "with 3 s of hold time KEEPALIVEs are 0.75 s apart: section 10 asks for the jitter, section 4.4 for a second at least. We let the second win",
    ),
    (
        "rfc4271_messages::sent_lengths",
        "a route with 3200 octets of communities is withdrawn, though it fits into a message",
    ),
    (
        "rfc4271_messages::unknown_parameter",
        "the data is the parameter; section 6 wants none where none is named",
    ),
    (
        "rfc4271_routes::update_before_established",
        "code and subcode are the same; without the data that RFC 6608 wants",
    ),
    ("rfc4271_updates::bad_network_field", "3/1 instead of 3/10"),
    (
        "rfc4271_updates::collision_with_established",
        "the new connection is closed without the Cease of section 6.8",
    ),
    (
        "rfc4271_updates::own_next_hop",
        "the route is taken: the check is left to its table of next hops",
    ),
    (
        "rfc4271_updates::senseless_prefix",
        "240.0.0.0/8 is taken; the RFC gives multicast as an example and leaves the rest open",
    ),
    (
        "rfc4271_updates::unexpected_messages",
        "as `update_before_established`; an UPDATE in OpenConfirm is taken for a KEEPALIVE",
    ),
    (
        "rfc4271_updates::unknown_well_known",
        "the session is not ended by 3/2",
    ),
    (
        "rfc4271_updates::wrong_first_as",
        "not checked unless `enforce first as`; the check may be made",
    ),
    (
        "rfc4456::not_to_the_originator",
        "it is told, and has to ignore it; the RFC has no rule for the sender",
    ),
    (
        "rfc4760::incorrect_attribute_is_3_9",
        "3/9 without the attribute as data (RFC 4271 6.3)",
    ),
    (
        "rfc4760::next_hop_is_ignored",
        "a NEXT_HOP that is malformed, beside MP_REACH_NLRI, takes the routes away; section 3 says to ignore it",
    ),
    (
        "rfc6793::as_trans_is_refused",
        "taken as an AS like others; RFC 6793 reserves it and names no remedy",
    ),
    (
        "rfc6793::malformed_as4_path",
        "AS 0 in AS4_PATH is taken (RFC 7607)",
    ),
    ("rfc7606::bad_nlri", "3/1 instead of 3/10, and other data"),
    ("rfc7606::harshest_remedy", "as `unknown_well_known`"),
    (
        "rfc7606::mp_flags",
        "reset, as 3/1 and without the attribute as data",
    ),
    (
        "rfc7606::mp_too_short",
        "reset, as 3/9; section 5.3 leaves the subcode open, RFC 4271 has 3/5 for lengths",
    ),
    (
        "rfc7606::no_reachable_nlri",
        "reset, as 3/1 and without the attribute as data",
    ),
    ("rfc7606::unreadable_nlri", "reset, as 3/1"),
    ("rfc7606::withdrawn_field_syntax", "reset, as 3/1"),
    (
        "rfc7606::wrong_flags",
        "IPv6 EXTENDED_COMMUNITIES (RFC 5701) are not known and not judged, as is allowed",
    ),
    ("rfc7606::zero_length", "as `wrong_flags`"),
    (
        "rfc7606_values::as_path",
        "AS 0 in AS_PATH is taken (RFC 7607)",
    ),
    (
        "rfc7606_values::ipv6_extended_communities",
        "as `wrong_flags`",
    ),
    (
        "rfc7606_values::mp_next_hop_length",
        "reset, as 3/9 and without the attribute as data",
    ),
    (
        "rfc7606_values::mp_unreach",
        "reset, as 3/10 and without the attribute as data",
    ),
    (
        "rfc7606_values::next_hop",
        "127.0.0.1 is taken for the address of a host",
    ),
    (
        "rfc7911::unknown_value",
        "a value is read bit by bit, so 255 is understood as receive",
    ),
];

/// FRR 8.4.4.
pub(super) const FRR: &[(&str, &str)] = &[];
