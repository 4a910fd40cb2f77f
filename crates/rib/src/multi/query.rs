//! The listing of what a peer is sent that is told of several paths of a destination.

use wire::AttrView;

use super::{Said, Told};
use crate::group::Group;
use crate::ids::PeerId;
use crate::member::Member;
use crate::query::RowSink;
use crate::rib::Rib;
use crate::transform;

/// Who is told, and what its group told.
#[derive(Clone, Copy)]
pub(crate) struct Receiver<'a> {
    pub(crate) peer: PeerId,
    pub(crate) member: &'a Member,
    pub(crate) group: &'a Group,
    pub(crate) told: &'a Told,
}

impl Rib {
    /// Gives the paths of a destination that a peer is sent, as they are sent, and how many there were. A path that went
    /// and whose withdrawal is still to be sent is left out.
    pub(crate) fn rows_told(&self, dest: u32, to: Receiver<'_>, sink: &mut RowSink<'_>) -> usize {
        let (mut chosen, mut shared) = (Vec::new(), Vec::new());
        let relax = self.config.multipath_relax;
        self.routes().shared(dest, relax, &mut chosen, &mut shared);
        let rows = to
            .told
            .of(dest)
            .filter_map(|(id, said)| self.row_told(dest, id, said, to, &shared, sink));
        rows.count()
    }

    fn row_told(
        &self,
        dest: u32,
        id: u32,
        said: Said,
        to: Receiver<'_>,
        shared: &[u32],
        sink: &mut RowSink<'_>,
    ) -> Option<()> {
        let settings = &to.group.settings;
        let has_ids = settings.encode.add_path.contains(self.table.family(dest));
        let (index, path) = if has_ids {
            let multi = self.multi.as_ref()?;
            let mut paths = self.table.paths(dest);
            paths.find(|(index, _)| multi.id(*index) == id)?
        } else {
            self.table.best(dest)?
        };
        let mut view = self.routes().view(dest, path);
        if view.peer != said.source {
            return None;
        }
        view.next_hop = self.next_hops.get(said.next_hop);
        let originator = said.edit.originator(self.attrs.key(said.attrs));
        let identity = &to.member.identity;
        transform::deliverable(view.peer, originator, &view.next_hop, to.peer, identity).ok()?;
        let mut bytes = Vec::new();
        let clusters = self.sources.clusters();
        transform::transform(
            self.attrs.view(said.attrs),
            said.edit,
            settings,
            clusters,
            &mut bytes,
        );
        view.attrs = AttrView::new(&bytes);
        view.path_id = if has_ids { id } else { 0 };
        view.best = shared.first() == Some(&index);
        view.multipath = shared.contains(&index);
        sink(&view);
        Some(())
    }
}
