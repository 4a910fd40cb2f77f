//! Everything about one peer, as a page for people.

use std::time::SystemTime;

use super::config::{LocalAsView, PolicyView};
use super::limits::{MaxPrefixOutView, MaxPrefixView};
use super::{CapabilityView, CountersView, PeerView, StateView};
use crate::table::{Cell, Table, printable};
use crate::time;
use crate::view::{DrainView, SourceView};

/// Lines of a name and a value.
struct Page {
    lines: Vec<String>,
}

impl Page {
    fn head(&mut self, text: &str) {
        self.lines.push(format!("\n{text}"));
    }

    fn line(&mut self, name: &str, value: impl AsRef<str>) {
        self.lines
            .push(format!("  {name:<18}{}", printable(value.as_ref())));
    }

    fn maybe(&mut self, name: &str, value: Option<impl AsRef<str>>) {
        if let Some(value) = value {
            self.line(name, value);
        }
    }
}

impl PeerView {
    /// The detail page.
    pub(crate) fn page(&self, color: bool) -> String {
        let now = SystemTime::now();
        let mut page = Page {
            lines: vec![self.line(color)],
        };
        self.session(&mut page, now);
        self.capabilities(&mut page);
        self.counts(&mut page);
        self.malformed(&mut page, now);
        self.settings(&mut page);
        page.lines.push(String::new());
        page.lines.join("\n")
    }

    fn session(&self, page: &mut Page, now: SystemTime) {
        let state = &self.state;
        page.head("Session");
        let since = state.raw.1.map(|at| time::short(time::since(&at, now)));
        match (state.session_state.as_str(), since) {
            ("established", Some(since)) => page.line("up for", since),
            (_, Some(since)) => page.line("down for", since),
            (_, None) => page.line("up", "never yet"),
        }
        page.maybe("idle because", state.idle_reason.as_ref());
        if let Some(connection) = &state.connection {
            page.line(
                "connection",
                format!(
                    "{} port {} to {} port {}",
                    connection.local_address,
                    connection.local_port,
                    connection.remote_address,
                    connection.remote_port
                ),
            );
        }
        let kind = match state.internal {
            Some(true) => " (internal)",
            Some(false) => " (external)",
            None => "",
        };
        page.line("AS", format!("{}{kind}", self.remote_as()));
        page.maybe("router id", state.remote_router_id.as_ref());
        page.maybe("host name", state.hostname.as_ref());
        let (hold, keepalive) = match &state.timers {
            Some(timers) => (timers.hold_time.as_str(), timers.keepalive.as_str()),
            None => ("-", "-"),
        };
        let configured = |time: &Option<String>| time.clone().unwrap_or("-".to_owned());
        let text = |used: &str, set: String| match set.as_str() {
            "-" => format!("{used} in effect, not configured"),
            set => format!("{used} in effect, {set} configured"),
        };
        page.line("hold time", text(hold, configured(&self.config.hold_time)));
        page.line(
            "keepalive",
            text(keepalive, configured(&self.config.keepalive)),
        );
        page.line("flaps", state.flaps.to_string());
        let error = state.last_error.as_ref().map(|error| error.line(now));
        page.line("last error", error.unwrap_or("none".to_owned()));
        let notification = state
            .last_error
            .as_ref()
            .and_then(|e| e.notification.as_ref());
        page.maybe(
            "it said",
            notification.and_then(|n| n.shutdown_message.as_ref()),
        );
        page.maybe("routes kept", state.kept());
        let long = state.long_kept_until.as_ref();
        page.maybe(
            "kept for long",
            long.map(|until| format!("as what to take last, at most until {until}")),
        );
        page.maybe("drained", state.drain.as_ref().map(DrainView::line));
        for limit in &state.prefix_limits {
            page.line("limit", limit.text());
        }
        for warning in &state.warnings {
            page.line("warning", warning);
        }
    }

    fn capabilities(&self, page: &mut Page) {
        let Some(all) = &self.state.capabilities else {
            return;
        };
        page.head("Capabilities");
        page.line("sent", names(&all.sent));
        page.line("received", names(&all.received));
        page.line("in effect", names(&all.in_effect));
    }

    fn counts(&self, page: &mut Page) {
        let headers = vec![
            "  FAMILY",
            "NEGOTIATED",
            "RECEIVED",
            "ACCEPTED",
            "ADVERTISED",
        ];
        let rows = self.state.families.iter().map(|family| {
            vec![
                Cell::new(format!("  {}", family.family)),
                Cell::new(if family.negotiated { "yes" } else { "no" }),
                Cell::new(family.received.to_string()),
                Cell::new(family.accepted.to_string()),
                Cell::new(family.advertised.to_string()),
            ]
        });
        page.head("Routes");
        page.lines.push(table(headers, rows.collect()));
        let headers = vec![
            "  MESSAGES",
            "OPEN",
            "UPDATE",
            "NOTIFICATION",
            "KEEPALIVE",
            "REFRESH",
        ];
        let counters = |name: &str, of: &CountersView| {
            let counts = [
                of.open,
                of.update,
                of.notification,
                of.keepalive,
                of.route_refresh,
            ];
            let mut row = vec![Cell::new(format!("  {name}"))];
            row.extend(counts.map(|count| Cell::new(count.to_string())));
            row
        };
        let (sent, received) = (&self.state.sent, &self.state.received);
        page.head("Messages");
        let rows = vec![counters("sent", sent), counters("received", received)];
        page.lines.push(table(headers, rows));
        page.line("malformed", self.state.malformed.text());
    }

    fn malformed(&self, page: &mut Page, now: SystemTime) {
        let Some(last) = &self.state.last_malformed else {
            return;
        };
        page.head("Last malformed message");
        page.line("fault", last.line());
        page.maybe(
            "received",
            last.raw_at
                .map(|at| format!("{} ago", time::short(time::since(&at, now)))),
        );
        for (place, octets) in last.dump() {
            page.line(&place, octets);
        }
    }

    fn settings(&self, page: &mut Page) {
        let config = &self.config;
        let number = |number: Option<u32>| number.map(|number| number.to_string());
        let yes = |flag: Option<bool>| flag.map(|flag| if flag { "yes" } else { "no" });
        page.head("Settings");
        page.maybe("from", self.source.as_ref().map(SourceView::long));
        page.maybe("group", config.group.as_ref());
        page.maybe("description", config.description.as_ref());
        page.maybe("as", config.remote_as.as_ref());
        page.maybe("port", number(config.port));
        page.maybe("local address", config.local_address.as_ref());
        page.maybe("passive", yes(config.passive));
        page.maybe("enabled", yes(config.enabled));
        page.line("families", config.families.join(", "));
        page.maybe("send hold", config.send_hold.as_ref());
        page.maybe("connect retry", config.connect_retry.as_ref());
        page.maybe("idle hold", config.idle_hold.as_ref());
        page.maybe("idle hold max", config.idle_hold_max.as_ref());
        let rule = |rule: &Option<PolicyView>| rule.as_ref().map(PolicyView::text);
        let unset = || Some("not set".to_owned());
        page.maybe("import", rule(&config.import).or_else(unset));
        page.maybe("export", rule(&config.export).or_else(unset));
        page.maybe("reflector client", yes(config.route_reflector_client));
        page.maybe("next hop", config.next_hop.as_ref());
        page.maybe("next hop v6", config.next_hop_v6.as_ref());
        page.maybe("multihop", number(config.multihop));
        page.maybe("ttl security", config.ttl_security.and_then(far));
        page.maybe("device", config.bind_device.as_ref());
        let md5 = config.password_file.as_ref();
        page.maybe("authentication", md5.map(|file| format!("md5 from {file}")));
        let most = config.max_prefix.as_ref();
        page.maybe("max prefix", most.and_then(MaxPrefixView::text));
        let most = config.max_prefix_out.as_ref();
        page.maybe("max prefix out", most.and_then(MaxPrefixOutView::text));
        page.maybe("local AS", config.local_as.as_ref().map(LocalAsView::text));
        let times = config.allow_own_as.filter(|times| *times > 0);
        page.maybe("own AS allowed", number(times));
        page.maybe(
            "AS override",
            yes(config.as_override.filter(|is_set| *is_set)),
        );
        page.maybe("cluster id", config.cluster_id.as_ref());
        let meshed = config.client_to_client.filter(|is_set| !*is_set);
        page.maybe("client to client", yes(meshed));
        page.maybe("delay open", config.delay_open.as_ref());
        let first = config.enforce_first_as.filter(|is_set| !*is_set);
        page.maybe("first AS enforced", yes(first));
        let is_served = config.route_server_client.filter(|is_set| *is_set);
        page.maybe("route server to it", yes(is_served));
        let private = config.remove_private_as.as_ref();
        page.maybe("private AS", private.filter(|rule| *rule != "keep"));
        page.maybe("extended messages", yes(config.extended_messages));
        page.maybe("add-path receive", config.add_path_receive.as_ref());
        page.maybe("extended next hop", yes(config.extended_next_hop));
        page.maybe("AS sets", config.as_sets.as_ref());
        page.maybe("role", config.role.as_ref());
        page.maybe(
            "role strict",
            yes(config.role_strict.filter(|strict| *strict)),
        );
        page.maybe("add-path send", config.add_path_send.as_ref());
        page.maybe("graceful shutdown", yes(config.graceful_shutdown));
        page.maybe("blackhole", config.blackhole.as_ref());
        page.maybe("graceful restart", yes(config.graceful_restart));
        page.maybe("restart time", config.restart_time.as_ref());
        page.maybe("stale time", config.stale_time.as_ref());
        page.maybe("long-lived", yes(config.long_lived_graceful_restart));
        page.maybe("long stale time", config.long_lived_stale_time.as_ref());
        page.maybe(
            "kept for at most",
            config.long_lived_max_stale_time.as_ref(),
        );
        page.maybe("partial deployment", yes(config.partial_deployment));
    }
}

impl StateView {
    /// What is kept of the peer's last session, if anything.
    fn kept(&self) -> Option<String> {
        let until = self.kept_until.as_ref()?;
        let kept = self.families.iter().filter(|family| family.kept > 0);
        let kept: Vec<String> = kept
            .map(|family| format!("{} {}", family.kept, family.family))
            .collect();
        let kept = match kept.as_slice() {
            [] => "none left".to_owned(),
            kept => kept.join(", "),
        };
        Some(format!(
            "{kept}; used until it has announced them anew, at most until {until}"
        ))
    }
}

/// What the distance of a peer is held to.
fn far(hops: u32) -> Option<String> {
    let least = 256_u32.checked_sub(hops).filter(|least| *least < 256)?;
    Some(format!("at most {hops} hops away: TTL {least} or more"))
}

fn names(capabilities: &[CapabilityView]) -> String {
    let names = capabilities.iter().map(|capability| {
        let code = capability.code;
        let name = match capability.name.as_str() {
            "unknown" | "" => format!("code {code}"),
            name => name.to_owned(),
        };
        match &capability.value {
            Some(value) => format!("{name} {value}"),
            None => name,
        }
    });
    names.collect::<Vec<String>>().join(", ")
}

fn table(headers: Vec<&'static str>, rows: Vec<Vec<Cell>>) -> String {
    let mut out = Vec::new();
    // Writing into memory has no way to fail.
    let _ = Table::new(headers).write(&mut out, &rows, false);
    let text = String::from_utf8_lossy(&out);
    text.trim_end().to_owned()
}
