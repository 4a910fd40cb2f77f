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
        "rfc4271_updates::too_many_prefixes",
        "6/1 without the data, which RFC 4486 leaves open",
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
        "rfc4456::meshed_clients",
        "it was given no such setting; not to be counted",
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

/// FRR 8.4.4, bgpd alone.
pub(super) const FRR: &[(&str, &str)] = &[
    (
        "rfc4271_attributes::as_path_inside",
        "two sequences side by side are sent on as one; section 5.1.2 a) wants the path as it is",
    ),
    (
        "rfc4271_attributes::full_segment",
        "our AS goes into the full sequence and the last number of it into a new one; the rule is a SHOULD",
    ),
    (
        "rfc4271_attributes::local_pref_inside",
        "an internal UPDATE without LOCAL_PREF is refused; section 5.1.5 obliges the sender, RFC 7606 leaves the receiver free",
    ),
    (
        "rfc4271_attributes::not_to_its_next_hop",
        "a route is told to the peer that is its next hop; the rule is for routes that the speaker originates",
    ),
    (
        "rfc4271_attributes::partial_stays",
        "the Partial bit of COMMUNITIES is cleared",
    ),
    (
        "rfc4271_attributes::sent_order",
        "LARGE_COMMUNITIES come before ORIGINATOR_ID; the order is a SHOULD",
    ),
    (
        "rfc4271_messages::bad_hold_time",
        "the data is the hold time; section 6 wants none where none is named",
    ),
    (
        "rfc4271_messages::bad_identifier",
        "the data is the identifier; section 6 wants none where none is named",
    ),
    (
        "rfc4271_messages::bad_peer_as",
        "the data is the AS; section 6 wants none where none is named",
    ),
    (
        "rfc4271_messages::bad_type",
        "type 6 is known (an old CAPABILITY message) and answered by 1/2",
    ),
    (
        "rfc4271_messages::malformed_parameter",
        "an OPEN whose parameters stop short of its end has no answer within 10 s",
    ),
    (
        "rfc4271_messages::prefix_in_both_fields",
        "the prefix is withdrawn; section 4.3 wants it announced, as a SHOULD",
    ),
    (
        "rfc4271_messages::smaller_hold_time",
        "silence does not end the session within 10 s of a hold time of 3 s",
    ),
    (
        "rfc4271_messages::unknown_parameter",
        "2/5, which RFC 4271 deprecates, instead of 2/4",
    ),
    (
        "rfc4271_routes::external_first",
        "when the better route goes, a worse one that was told before it is not told again within 10 s",
    ),
    ("rfc4271_routes::lower_address", "as `external_first`"),
    ("rfc4271_routes::lower_identifier", "as `external_first`"),
    ("rfc4271_routes::lower_origin", "as `external_first`"),
    (
        "rfc4271_routes::med_of_one_neighbour",
        "as `external_first`",
    ),
    ("rfc4271_routes::shorter_path", "as `external_first`"),
    (
        "rfc4271_routes::too_large",
        "the path before stays announced when the new one does not fit",
    ),
    (
        "rfc4271_routes::update_before_established",
        "code and subcode are the same; without the data that RFC 6608 wants",
    ),
    (
        "rfc4271_sessions::notification_ends_opening",
        "a NOTIFICATION in OpenSent is answered by 5/1",
    ),
    (
        "rfc4271_updates::collision_with_established",
        "the new connection is neither refused nor closed within 10 s; section 6.8 leaves that to configuration",
    ),
    (
        "rfc4271_updates::collision_with_higher",
        "its own connection is given up before the peer's OPEN has come on the other one",
    ),
    ("rfc4271_updates::hold_timer", "as `smaller_hold_time`"),
    (
        "rfc4271_updates::notification_is_not_answered",
        "as `notification_ends_opening`",
    ),
    (
        "rfc4271_updates::own_next_hop",
        "with `-Z` it knows no address of its own; not to be counted",
    ),
    (
        "rfc4271_updates::senseless_prefix",
        "127.0.0.0/8 is taken; the RFC gives multicast as an example and leaves the rest open",
    ),
    (
        "rfc4271_updates::too_many_prefixes",
        "`maximum-prefix` of the group of a dynamic peer does not end its session within 10 s",
    ),
    (
        "rfc4271_updates::unexpected_messages",
        "code and subcode are the same; without the data that RFC 6608 wants",
    ),
    (
        "rfc4271_updates::unknown_well_known",
        "3/1 instead of 3/2 with external peers",
    ),
    (
        "rfc4271_updates::wrong_first_as",
        "a wrong first AS takes no route away that was there before",
    ),
    (
        "rfc4456::long_cluster_list",
        "with more than some sixty ids the length is written wrongly, and what is sent cannot be read",
    ),
    (
        "rfc4456::meshed_clients",
        "its setting is for all clients, and was not given; not to be counted",
    ),
    (
        "rfc4456::not_back",
        "a client is told its own route; it has to ignore it by its ORIGINATOR_ID",
    ),
    (
        "rfc4456::not_to_the_originator",
        "it is told, and has to ignore it; the RFC has no rule for the sender",
    ),
    (
        "rfc4724::end_of_rib",
        "no End-of-RIB to peers without the capability; section 2 wants it to be sent in any case",
    ),
    (
        "rfc4724::last_capability_counts",
        "of two capabilities without and with families the ones of both are used",
    ),
    (
        "rfc4724::restarts_again",
        "at times what was announced since the restart goes as well",
    ),
    (
        "rfc4724::new_connection_replaces",
        "the new connection is closed by Cease; section 5 wants the old one to go",
    ),
    ("rfc4760::incorrect_attribute_is_3_9", "3/1"),
    (
        "rfc4760::next_hop",
        "with `-Z` it knows no IPv6 address and sends `::ffff:10.9.255.1`; not to be counted",
    ),
    (
        "rfc4760::next_hop_is_ignored",
        "a NEXT_HOP that is malformed, beside MP_REACH_NLRI, takes the routes away; section 3 says to ignore it",
    ),
    (
        "rfc4760::not_negotiated",
        "IPv6 of a peer that offered only IPv4 is taken",
    ),
    (
        "rfc4760::plain_ipv4",
        "all configured families are used with a peer without any multiprotocol capability",
    ),
    (
        "rfc6793::as4_of_new",
        "a malformed AS4_PATH of a 4-octet speaker is not just left out",
    ),
    (
        "rfc6793::as_trans_is_refused",
        "taken as an AS like others; RFC 6793 reserves it and names no remedy",
    ),
    (
        "rfc6793::confederation_segments",
        "segments of a confederation in AS4_PATH are not left out",
    ),
    (
        "rfc6793::longer_as4_path",
        "an AS4_PATH that is longer than AS_PATH is not ignored",
    ),
    (
        "rfc6793::malformed_as4_path",
        "a malformed AS4_PATH takes the route away",
    ),
    (
        "rfc6793::narrow_path",
        "the numbers of a set are sorted anew; a set has no order",
    ),
    (
        "rfc7606::attribute_twice",
        "an attribute that comes twice ends the session with internal peers",
    ),
    ("rfc7606::bad_nlri", "3/9 without the attribute as data"),
    (
        "rfc7606::cut_head",
        "with internal peers every fault of an attribute ends the session; with external ones the milder remedy is applied if the attribute is the last one, else what follows is misread and the session ends by 3/10. RFC 7606 has one remedy for all of them",
    ),
    ("rfc7606::harshest_remedy", "as `cut_head`"),
    ("rfc7606::mild_remedies_everywhere", "as `cut_head`: 3/6"),
    ("rfc7606::mild_remedies_for_ipv6", "as `cut_head`"),
    (
        "rfc7606::missing_mandatory",
        "an UPDATE with NLRI and without any attribute takes no route away",
    ),
    (
        "rfc7606::mp_too_short",
        "reset, as 3/1; section 5.3 leaves the subcode open, RFC 4271 has 3/5 for lengths",
    ),
    (
        "rfc7606::no_reachable_nlri",
        "with external peers reset, as 3/10 and without the attribute as data",
    ),
    ("rfc7606::old_resets_discard", "as `cut_head`"),
    ("rfc7606::old_resets_withdraw", "as `cut_head`"),
    ("rfc7606::overrun", "as `cut_head`"),
    ("rfc7606::overrun_of_nlri", "reset, as 3/5"),
    ("rfc7606::treat_as_withdraw", "as `cut_head`"),
    (
        "rfc7606::unreadable_nlri",
        "reset for the attribute, as 3/6: it is looked at first",
    ),
    ("rfc7606::wrong_flags", "as `cut_head`"),
    ("rfc7606::zero_length", "as `cut_head`"),
    ("rfc7606_values::aggregator", "as `cut_head`"),
    ("rfc7606_values::as_path", "as `cut_head`"),
    ("rfc7606_values::atomic_aggregate", "as `cut_head`"),
    ("rfc7606_values::cluster_list", "as `cut_head`"),
    (
        "rfc7606_values::cluster_list_from_outside",
        "one that is malformed takes the route of an external peer away; section 7.10 wants it left out",
    ),
    ("rfc7606_values::communities", "as `cut_head`"),
    ("rfc7606_values::extended_communities", "as `cut_head`"),
    ("rfc7606_values::ipv6_extended_communities", "as `cut_head`"),
    ("rfc7606_values::local_pref", "as `cut_head`"),
    ("rfc7606_values::med", "as `cut_head`"),
    ("rfc7606_values::mp_next_hop_length", "reset, as 3/1"),
    (
        "rfc7606_values::mp_unreach",
        "reset, as 3/9 without the attribute as data",
    ),
    ("rfc7606_values::next_hop", "as `cut_head`"),
    ("rfc7606_values::origin", "as `cut_head`"),
    ("rfc7606_values::originator_id", "as `cut_head`"),
    (
        "rfc7606_values::originator_id_from_outside",
        "as `cluster_list_from_outside`",
    ),
    (
        "rfc7911::paths_are_apart",
        "a path that changes is not told within 10 s",
    ),
    (
        "rfc7911::unknown_value",
        "a value of 0, 4 or 255 is understood as receive",
    ),
];
