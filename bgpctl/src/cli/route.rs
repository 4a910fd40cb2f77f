//! `bgpctl route`: the arguments, and the requests that they make.

use clap::{Args, Subcommand, ValueEnum};
use proto::v1;

use super::FamilyArgs;

/// `bgpctl route`.
#[derive(Debug, Args)]
pub(crate) struct RouteArgs {
    /// What to do. Default: list
    #[command(subcommand)]
    pub(crate) verb: Option<RouteVerb>,
}

/// What can be done with routes.
#[derive(Debug, Subcommand)]
pub(crate) enum RouteVerb {
    /// List routes
    #[command(after_help = FLAGS)]
    List(RouteListArgs),
    /// Announce routes of our own. They live until withdrawn or bgpd ends
    Announce(AnnounceArgs),
    /// Withdraw routes that were announced by `announce`
    Withdraw(WithdrawArgs),
}

const FLAGS: &str = "Flags: * valid, > best, = multipath, i internal, S stale, \
                     F in the kernel, ! kernel failure";

/// `bgpctl route list`.
#[derive(Debug, Default, Args)]
pub(crate) struct RouteListArgs {
    /// Only this prefix; of an address, the longest prefix that covers it
    pub(crate) prefix: Option<String>,
    /// What this peer sent us, also what was rejected
    #[arg(long = "in", value_name = "PEER", conflicts_with_all = ["best", "out"])]
    pub(crate) received_from: Option<String>,
    /// Only the best path of each prefix
    #[arg(long, conflicts_with = "out")]
    pub(crate) best: bool,
    /// What this peer was sent
    #[arg(long, value_name = "PEER")]
    pub(crate) out: Option<String>,
    /// Also everything within the prefix
    #[arg(long, requires = "prefix")]
    pub(crate) longer: bool,
    /// The families to show
    #[command(flatten)]
    pub(crate) family: FamilyArgs,
    /// Then print what changes, until interrupted
    #[arg(short, long)]
    pub(crate) watch: bool,
}

impl RouteListArgs {
    /// The request that the arguments make.
    pub(crate) fn request(&self) -> v1::ListRoutesRequest {
        let (view, peer) = match (&self.received_from, &self.out) {
            (Some(peer), _) => (v1::RouteView::In, Some(peer)),
            (None, Some(peer)) => (v1::RouteView::Out, Some(peer)),
            (None, None) if self.best => (v1::RouteView::Best, None),
            (None, None) => (v1::RouteView::All, None),
        };
        let prefix_match = match &self.prefix {
            None => v1::PrefixMatch::Unspecified,
            Some(_) if self.longer => v1::PrefixMatch::Longer,
            Some(prefix) if prefix.contains('/') => v1::PrefixMatch::Exact,
            Some(_) => v1::PrefixMatch::Longest,
        };
        v1::ListRoutesRequest {
            view: view.into(),
            peer: peer.cloned(),
            prefix: self.prefix.clone(),
            prefix_match: prefix_match.into(),
            family: self.family.family().into(),
        }
    }
}

/// Who the routes belong to.
#[derive(Debug, Args)]
pub(crate) struct OwnerArgs {
    /// Who they belong to: shown with the routes, and asked for when withdrawing
    #[arg(long, default_value = "bgpctl")]
    pub(crate) owner: String,
}

/// `bgpctl route announce`.
#[derive(Debug, Args)]
pub(crate) struct AnnounceArgs {
    /// The prefixes
    #[arg(required = true, value_name = "PREFIX")]
    pub(crate) prefixes: Vec<String>,
    /// The owner
    #[command(flatten)]
    pub(crate) owner: OwnerArgs,
    /// The next hop. Default: ourselves
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) next_hop: Option<String>,
    /// ORIGIN
    #[arg(long, value_name = "ORIGIN", default_value = "igp")]
    pub(crate) origin: Origin,
    /// MULTI_EXIT_DISC
    #[arg(long)]
    pub(crate) med: Option<u32>,
    /// LOCAL_PREF, for peers in our AS
    #[arg(long)]
    pub(crate) local_pref: Option<u32>,
    /// Communities, such as 64512:1, separated by commas
    #[arg(long, value_name = "COMMUNITY", value_delimiter = ',')]
    pub(crate) community: Vec<String>,
    /// Large communities, such as 64512:1:2, separated by commas
    #[arg(long, value_name = "COMMUNITY", value_delimiter = ',')]
    pub(crate) large_community: Vec<String>,
}

/// An ORIGIN.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Origin {
    /// Interior to our AS.
    Igp,
    /// Learned by EGP.
    Egp,
    /// Learned in another way.
    Incomplete,
}

impl AnnounceArgs {
    /// The request that the arguments make.
    pub(crate) fn into_request(self) -> v1::AnnounceRequest {
        let origin = match self.origin {
            Origin::Igp => v1::Origin::Igp,
            Origin::Egp => v1::Origin::Egp,
            Origin::Incomplete => v1::Origin::Incomplete,
        };
        let routes = self.prefixes.into_iter().map(|prefix| v1::AnnouncedRoute {
            prefix,
            next_hop: self.next_hop.clone(),
            origin: origin.into(),
            med: self.med,
            local_pref: self.local_pref,
            communities: self.community.clone(),
            large_communities: self.large_community.clone(),
        });
        v1::AnnounceRequest {
            routes: routes.collect(),
            owner: self.owner.owner,
        }
    }
}

/// `bgpctl route withdraw`.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// The prefixes
    #[arg(value_name = "PREFIX", required_unless_present = "all")]
    pub(crate) prefixes: Vec<String>,
    /// The owner
    #[command(flatten)]
    pub(crate) owner: OwnerArgs,
    /// Everything of this owner
    #[arg(long, conflicts_with = "prefixes")]
    pub(crate) all: bool,
}
