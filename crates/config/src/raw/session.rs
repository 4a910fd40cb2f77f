//! What is particular about one session, as it is written.

use crate::section::{Reader, Section, Text};

/// Keys about a session with their text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawSession {
    /// `cluster-id`.
    pub cluster_id: Option<Text>,
    /// `client-to-client`.
    pub client_to_client: Option<Text>,
    /// `delay-open`, seconds.
    pub delay_open: Option<Text>,
}

impl RawSession {
    pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section) -> RawSession {
        RawSession {
            cluster_id: reader.text(section, "cluster-id"),
            client_to_client: reader.text(section, "client-to-client"),
            delay_open: reader.text(section, "delay-open"),
        }
    }
}
