//! What is changed in the attributes of a route before it goes into the table, because of what they say.
//!
//! A change is made in the attributes themselves, so that decision, export and listings need not know of it. Routes that
//! ask for none, nearly all, cost the look at one word per UPDATE.
//!
//! RFC 7705 section 3.1 (another AS of ours), RFC 8326 section 4.1 (GRACEFUL_SHUTDOWN), RFC 7999 section 3.2 (BLACKHOLE).

use wire::{Asn, AttrView, Community, code};

use crate::ids::AttrId;
use crate::pool::{AttrKey, LEAST_LOCAL_PREF};
use crate::rib::Rib;
use crate::transform::Splice;

/// What is honoured of the communities that a peer sends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Amends {
    /// GRACEFUL_SHUTDOWN: such routes are the least preferred (RFC 8326 section 4.1). For peers in another AS; one in ours
    /// has its LOCAL_PREF for that.
    pub graceful_shutdown: bool,
    /// All its routes are taken to carry GRACEFUL_SHUTDOWN: we are about to leave it.
    pub leaving: bool,
    /// BLACKHOLE: such routes do not leave our AS (RFC 7999 section 3.2).
    pub blackhole: bool,
    /// What we are on the session, if it is another AS than our own: it is put in front of AS_PATH (RFC 7705 section 3.1).
    pub prepended: Option<Asn>,
}

/// What is done to a set of attributes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Amendment {
    local_pref: Option<u32>,
    add: Option<Community>,
    add_too: Option<Community>,
    prepended: Option<Asn>,
}

impl Amends {
    fn of(self, key: &AttrKey) -> Amendment {
        let is_leaving = self.leaving && !key.graceful_shutdown();
        let is_last = self.leaving || self.graceful_shutdown && key.graceful_shutdown();
        let is_least = key.has_local_pref() && key.local_pref == LEAST_LOCAL_PREF;
        let stays = self.blackhole && key.blackhole() && !key.no_export() && !key.no_advertise();
        Amendment {
            local_pref: (is_last && !is_least).then_some(LEAST_LOCAL_PREF),
            add: is_leaving.then_some(Community::GRACEFUL_SHUTDOWN),
            add_too: stays.then_some(Community::NO_EXPORT),
            prepended: self.prepended,
        }
    }
}

impl Amendment {
    fn write(self, attrs: AttrView<'_>, out: &mut Vec<u8>) {
        let mut splice = Splice::new(attrs.iter(), out);
        if let Some(asn) = self.prepended {
            let path = splice.take(code::AS_PATH).unwrap_or_default();
            splice.put_prepended(path, &[asn]);
        }
        if let Some(preference) = self.local_pref {
            splice.set_local_pref(preference);
        }
        splice.add_communities([self.add, self.add_too].into_iter().flatten());
        splice.copy_rest();
    }
}

impl Rib {
    /// Attributes of a peer's UPDATE as they are to be used. Takes the reference of [`Rib::intern`] and gives one that is to
    /// be released in its place.
    pub fn amend(&mut self, attrs: AttrId, amends: Amends) -> AttrId {
        let amendment = amends.of(self.attrs.key(attrs));
        if amendment == Amendment::default() {
            return attrs;
        }
        let amended = self.amended(attrs, amendment);
        self.attrs.release(attrs);
        amended
    }

    fn amended(&mut self, attrs: AttrId, amendment: Amendment) -> AttrId {
        let mut bytes = std::mem::take(&mut self.amended);
        bytes.clear();
        amendment.write(self.attrs.view(attrs), &mut bytes);
        let amended = self.attrs.intern(AttrView::new(&bytes));
        self.amended = bytes;
        amended
    }

    /// These attributes with LLGR_STALE (RFC 9494 section 4.2), and a reference to them.
    pub(crate) fn aged(&mut self, attrs: AttrId) -> AttrId {
        let aged = Amendment {
            add: Some(Community::LLGR_STALE),
            ..Amendment::default()
        };
        self.amended(attrs, aged)
    }
}

#[cfg(test)]
mod tests {
    use wire::AttrBuilder;

    use super::*;
    use crate::testing::{config, plain};

    const ALL: Amends = Amends {
        graceful_shutdown: true,
        leaving: false,
        blackhole: true,
        prepended: None,
    };

    /// What becomes of the attributes: LOCAL_PREF and communities.
    fn amended(attrs: &AttrBuilder, amends: Amends) -> (Option<u32>, Vec<Community>) {
        let mut rib = Rib::new(config());
        let attrs = rib.intern(attrs.view());
        let attrs = rib.amend(attrs, amends);
        let view = rib.attrs.view(attrs);
        let told = (view.local_pref(), view.communities().collect());
        rib.release(attrs);
        assert!(rib.attrs.is_empty(), "every reference is given back");
        told
    }

    fn with(communities: &[Community]) -> AttrBuilder {
        let mut attrs = plain(&[65001]);
        attrs.set_communities(communities);
        attrs
    }

    #[test]
    fn what_asks_for_nothing_stays_as_it_is() {
        let other = [Community(0x1234_0001), Community::NO_LLGR];
        assert_eq!(amended(&with(&other), ALL), (None, other.to_vec()));
        assert_eq!(amended(&plain(&[65001]), ALL), (None, vec![]));
    }

    #[test]
    fn a_route_that_is_about_to_go_is_the_least_preferred() {
        let leaving = [Community(0x1234_0001), Community::GRACEFUL_SHUTDOWN];
        assert_eq!(amended(&with(&leaving), ALL), (Some(0), leaving.to_vec()));
        let ignored = Amends::default();
        assert_eq!(amended(&with(&leaving), ignored), (None, leaving.to_vec()));
    }

    #[test]
    fn all_routes_of_a_peer_that_we_leave_are_the_least_preferred() {
        let amends = Amends {
            leaving: true,
            ..Amends::default()
        };
        let other = Community(0x1234_0001);
        let mut attrs = with(&[other]);
        attrs.set_local_pref(300);
        let told = (Some(0), vec![other, Community::GRACEFUL_SHUTDOWN]);
        assert_eq!(amended(&attrs, amends), told);
        let twice = with(&[Community::GRACEFUL_SHUTDOWN]);
        let told = (Some(0), vec![Community::GRACEFUL_SHUTDOWN]);
        assert_eq!(amended(&twice, amends), told);
    }

    #[test]
    fn another_as_of_ours_is_put_in_front() {
        let mut rib = Rib::new(config());
        let mut attrs = with(&[Community::GRACEFUL_SHUTDOWN]);
        let amends = Amends {
            prepended: Some(Asn(65010)),
            ..ALL
        };
        let id = rib.intern(attrs.view());
        let id = rib.amend(id, amends);
        attrs
            .set_as_path(&[Asn(65010), Asn(65001)])
            .set_local_pref(0);
        assert_eq!(rib.attrs.view(id).bytes(), attrs.finish());
        rib.release(id);
        assert!(rib.attrs.is_empty());
    }

    #[test]
    fn a_blackhole_stays_in_our_as() {
        let (hole, stays) = (Community::BLACKHOLE, Community::NO_EXPORT);
        assert_eq!(amended(&with(&[hole]), ALL), (None, vec![hole, stays]));
        for bound in [Community::NO_EXPORT, Community::NO_ADVERTISE] {
            assert_eq!(amended(&with(&[hole, bound]), ALL).1, [hole, bound]);
        }
        assert_eq!(amended(&with(&[hole]), Amends::default()).1, [hole]);
    }
}
