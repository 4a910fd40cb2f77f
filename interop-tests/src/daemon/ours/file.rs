//! The configuration file of our daemons, from a [`Spec`].

use std::fmt::Write as _;

use super::Role;
use crate::daemon::{Neighbor, Spec};

pub(super) fn render(
    role: Role,
    spec: &Spec,
    socket: &str,
    extra: &str,
    password_file: impl Fn(&Neighbor) -> String,
) -> String {
    let mut text = format!(
        "as: {}\nrouter-id: {}\napi:\n  socket: {socket}\n",
        spec.asn, spec.v4
    );
    if let (Role::Reflector, Some(id)) = (role, spec.cluster_id) {
        let _ = writeln!(text, "cluster-id: {id}");
    }
    if !spec.blocks.is_empty() {
        let list: Vec<String> = spec.blocks.iter().map(ToString::to_string).collect();
        let _ = writeln!(text, "advertise:\n  blocks: [\"{}\"]", list.join("\", \""));
    }
    if role == Role::Node && !spec.kernel {
        text.push_str("kernel:\n  enabled: false\n");
    }
    if !spec.neighbors.is_empty() {
        text.push_str("peers:\n");
    }
    for neighbor in &spec.neighbors {
        text.push_str(&render_peer(neighbor));
        if neighbor.password.is_some() {
            let _ = writeln!(text, "    password-file: {}", password_file(neighbor));
        }
    }
    text.push_str(extra);
    text
}

fn render_peer(neighbor: &Neighbor) -> String {
    let mut text = format!(
        "  - name: {}\n    address: \"{}\"\n    as: {}\n    import: {}\n    export: {}\n    \
         connect-retry: 1\n",
        neighbor.name, neighbor.address, neighbor.asn, neighbor.import, neighbor.export
    );
    if neighbor.passive {
        text.push_str("    passive: true\n");
    }
    if neighbor.ttl_security {
        text.push_str("    ttl-security: true\n");
    }
    for key in &neighbor.keys {
        let _ = writeln!(text, "    {key}");
    }
    if neighbor.client {
        text.push_str("    route-reflector-client: true\n");
    }
    if neighbor.add_path {
        text.push_str("    add-path: {receive: all}\n");
    }
    for line in &neighbor.lines {
        let _ = writeln!(text, "    {line}");
    }
    text
}
