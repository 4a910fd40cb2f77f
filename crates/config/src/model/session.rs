//! What is particular about one session: reflection by clusters, and how it opens.

use std::net::Ipv4Addr;
use std::num::NonZeroU16;

use super::group::Slot;

/// What is particular about a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionSettings {
    /// Our cluster id toward the peer, a client (RFC 4456 section 7); `None`: the one of the speaker.
    pub cluster_id: Option<Ipv4Addr>,
    /// It is reflected what other clients of its cluster announce.
    pub client_to_client: bool,
    /// Seconds that we wait for the peer's OPEN before we send ours (RFC 4271 section 8.1.1, DelayOpenTime).
    pub delay_open: Option<NonZeroU16>,
}

impl SessionSettings {
    /// Nothing out of the ordinary.
    pub const PLAIN: SessionSettings = SessionSettings {
        cluster_id: None,
        client_to_client: true,
        delay_open: None,
    };
}

/// The settings as far as they are given; see [`SessionSettings`].
#[derive(Clone, Debug)]
pub(crate) struct SessionFields {
    pub(crate) cluster_id: Slot<Ipv4Addr>,
    pub(crate) client_to_client: Slot<bool>,
    pub(crate) delay_open: Slot<Option<NonZeroU16>>,
}

impl SessionFields {
    /// These, and the group's where a key is not here.
    pub(super) fn or(&self, group: &SessionFields) -> SessionFields {
        SessionFields {
            cluster_id: self.cluster_id.or(&group.cluster_id),
            client_to_client: self.client_to_client.or(&group.client_to_client),
            delay_open: self.delay_open.or(&group.delay_open),
        }
    }
}
