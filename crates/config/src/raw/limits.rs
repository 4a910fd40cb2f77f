//! The limits of a peer as they are written.

use crate::section::{Reader, Section, Text};

/// `max-prefix` and `max-prefix-out` with their text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RawLimits {
    /// `max-prefix.ipv4`.
    pub ipv4: Option<Text>,
    /// `max-prefix.ipv6`.
    pub ipv6: Option<Text>,
    /// `max-prefix.warn`, percent.
    pub warn: Option<Text>,
    /// `max-prefix.action`.
    pub action: Option<Text>,
    /// `max-prefix.restart`, seconds.
    pub restart: Option<Text>,
    /// `max-prefix-out.ipv4`.
    pub out_ipv4: Option<Text>,
    /// `max-prefix-out.ipv6`.
    pub out_ipv6: Option<Text>,
}

impl RawLimits {
    pub(super) fn read(reader: &mut Reader<'_>, section: &mut Section) -> RawLimits {
        let mut raw = RawLimits::default();
        if let Some(mut most) = reader.sub(section, "max-prefix") {
            raw.ipv4 = reader.text(&mut most, "ipv4");
            raw.ipv6 = reader.text(&mut most, "ipv6");
            raw.warn = reader.text(&mut most, "warn");
            raw.action = reader.text(&mut most, "action");
            raw.restart = reader.text(&mut most, "restart");
            reader.close(most);
        }
        if let Some(mut most) = reader.sub(section, "max-prefix-out") {
            raw.out_ipv4 = reader.text(&mut most, "ipv4");
            raw.out_ipv6 = reader.text(&mut most, "ipv6");
            reader.close(most);
        }
        raw
    }
}
