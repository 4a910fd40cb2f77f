//! Attributes as text for an operator.

use std::borrow::Cow;
use std::fmt::{self, Display, Write as _};

use super::{AttrView, Attribute, code, flag};

/// One attribute as a name and a value to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// The name, such as `local-pref`, or `attribute-99` where the code has none.
    pub name: Cow<'static, str>,
    /// The value, such as `100` or `64512:1 no-export`.
    pub value: String,
}

impl AttrView<'_> {
    /// Every attribute as name and value, by ascending code.
    #[must_use]
    pub fn details(self) -> Vec<Detail> {
        self.iter()
            .map(|(flags, code, value)| Detail {
                name: name(code),
                value: self.value_text(flags, code, value),
            })
            .collect()
    }

    fn value_text(self, flags: u8, code: u8, value: &[u8]) -> String {
        let known = match code {
            code::ORIGIN => Some(self.origin().to_string()),
            code::AS_PATH => Some(self.as_path().to_string()),
            code::MED => self.med().map(|n| n.to_string()),
            code::LOCAL_PREF => self.local_pref().map(|n| n.to_string()),
            code::ATOMIC_AGGREGATE => Some("yes".to_owned()),
            code::AGGREGATOR => self
                .aggregator()
                .map(|a| format!("{} {}", a.asn, a.router_id)),
            code::COMMUNITIES => Some(joined(self.communities())),
            code::ORIGINATOR_ID => self.originator_id().map(|id| id.to_string()),
            code::CLUSTER_LIST => Some(joined(self.cluster_list())),
            code::EXTENDED_COMMUNITIES => {
                Some(joined(self.extended_communities().filter(|c| !is_ipv6(c))))
            }
            code::IPV6_EXTENDED_COMMUNITIES => {
                Some(joined(self.extended_communities().filter(is_ipv6)))
            }
            code::LARGE_COMMUNITY => Some(joined(self.large_communities())),
            code::OTC => self.otc().map(|asn| asn.to_string()),
            _ => None,
        };
        known.unwrap_or_else(|| raw_text(flags, value))
    }
}

impl Display for AttrView<'_> {
    /// `origin igp, as-path "64512 64513", local-pref 100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, detail) in self.details().into_iter().enumerate() {
            f.write_str(if i == 0 { "" } else { ", " })?;
            match detail.value.contains(' ') || detail.value.is_empty() {
                true => write!(f, "{} \"{}\"", detail.name, detail.value)?,
                false => write!(f, "{} {}", detail.name, detail.value)?,
            }
        }
        Ok(())
    }
}

/// The name of an attribute as configuration and output spell it.
fn name(code: u8) -> Cow<'static, str> {
    match Attribute::of(code) {
        Some(row) => Cow::Borrowed(row.name),
        None => Cow::Owned(format!("attribute-{code}")),
    }
}

fn is_ipv6(community: &crate::ExtendedCommunity) -> bool {
    matches!(community, crate::ExtendedCommunity::Ipv6(_))
}

fn joined<T: Display>(items: impl Iterator<Item = T>) -> String {
    let mut text = String::new();
    for item in items {
        if !text.is_empty() {
            text.push(' ');
        }
        write!(text, "{item}").expect("writing into a String cannot fail");
    }
    text
}

/// `optional transitive partial 0x0102`.
fn raw_text(flags: u8, value: &[u8]) -> String {
    let mut text = String::new();
    let named = [
        (flag::OPTIONAL, "optional "),
        (flag::TRANSITIVE, "transitive "),
        (flag::PARTIAL, "partial "),
    ];
    for (bit, word) in named {
        if flags & bit != 0 {
            text.push_str(word);
        }
    }
    text.push_str("0x");
    for octet in value {
        write!(text, "{octet:02x}").expect("writing into a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::{AttrBuilder, Origin};
    use crate::{Asn, Community};

    #[test]
    fn attributes_read_as_one_line() {
        let mut attrs = AttrBuilder::new();
        attrs
            .set_origin(Origin::Igp)
            .set_as_path(&[Asn(64512), Asn(64513)])
            .set_local_pref(100)
            .set_communities(&[Community::new(64512, 1), Community::NO_EXPORT])
            .set_cluster_list(&[[10, 0, 0, 1].into()])
            .set_raw(0xE0, 99, &[1, 0xAB]);
        let expected = "origin igp, as-path \"64512 64513\", local-pref 100, communities \"64512:1 no-export\", \
                        cluster-list 10.0.0.1, attribute-99 \"optional transitive partial 0x01ab\"";
        assert_eq!(attrs.view().to_string(), expected);
    }

    #[test]
    fn an_empty_path_is_quoted() {
        let mut attrs = AttrBuilder::new();
        attrs.set_as_path(&[]);
        assert_eq!(attrs.view().to_string(), "as-path \"\"");
        assert_eq!(attrs.view().details()[0].name, "as-path");
    }
}
