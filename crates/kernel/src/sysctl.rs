//! Kernel settings that would break the data path although every route is right.

use std::fmt;
use std::fs;
use std::path::Path;

use wire::{Families, Family};

/// A setting that does harm here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SysctlWarning {
    /// Name as `sysctl` takes it.
    pub key: String,
    /// The value found.
    pub value: String,
    /// What it breaks.
    pub harm: &'static str,
    /// The value to set.
    pub wanted: &'static str,
}

impl fmt::Display for SysctlWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SysctlWarning {
            key,
            value,
            harm,
            wanted,
        } = self;
        write!(
            f,
            "{key} is {value}: {harm}; set it with `sysctl -w {key}={wanted}`"
        )
    }
}

/// `RTF_ADDRCONF | RTF_DEFAULT`: a default route learned from a router advertisement.
const LEARNED_DEFAULT: u32 = 0x0005_0000;

/// Looks at forwarding, reverse-path filter and router advertisements in this thread's network
/// namespace. `links` are the interfaces that carry traffic of Pods. What cannot be read gives no
/// warning.
#[must_use]
pub fn sysctl_warnings(families: Families, links: &[&str]) -> Vec<SysctlWarning> {
    warnings_under(Path::new("/proc"), families, links)
}

fn warnings_under(proc: &Path, families: Families, links: &[&str]) -> Vec<SysctlWarning> {
    let mut warnings = Vec::new();
    if families.contains(Family::Ipv4Unicast) {
        ipv4(proc, links, &mut warnings);
    }
    if families.contains(Family::Ipv6Unicast) {
        ipv6(proc, links, &mut warnings);
    }
    warnings
}

fn ipv4(proc: &Path, links: &[&str], warnings: &mut Vec<SysctlWarning>) {
    if read(proc, "net/ipv4/ip_forward").as_deref() == Some("0") {
        warnings.push(SysctlWarning {
            key: "net.ipv4.ip_forward".to_owned(),
            value: "0".to_owned(),
            harm: "IPv4 packets from and to Pods are not forwarded",
            wanted: "1",
        });
    }
    // The kernel uses the larger of "all" and the interface's own.
    for name in ["all"].iter().chain(links) {
        if read(proc, &format!("net/ipv4/conf/{name}/rp_filter")).as_deref() == Some("1") {
            warnings.push(SysctlWarning {
                key: format!("net.ipv4.conf.{name}.rp_filter"),
                value: "1".to_owned(),
                harm: "packets that come back on another path (ECMP, two switches) are dropped",
                wanted: "2",
            });
        }
    }
}

fn ipv6(proc: &Path, links: &[&str], warnings: &mut Vec<SysctlWarning>) {
    let forwarding = read(proc, "net/ipv6/conf/all/forwarding");
    if forwarding.as_deref() == Some("0") {
        warnings.push(SysctlWarning {
            key: "net.ipv6.conf.all.forwarding".to_owned(),
            value: "0".to_owned(),
            harm: "IPv6 packets from and to Pods are not forwarded",
            wanted: "1",
        });
    }
    let learned = links_with_learned_default(proc);
    for name in links
        .iter()
        .filter(|name| learned.iter().any(|l| l == *name))
    {
        let accept = read(proc, &format!("net/ipv6/conf/{name}/accept_ra"));
        if forwarding.as_deref() == Some("1") && accept.as_deref() == Some("1") {
            warnings.push(SysctlWarning {
                key: format!("net.ipv6.conf.{name}.accept_ra"),
                value: "1".to_owned(),
                harm: "with forwarding on, router advertisements are ignored and the default route \
                       learned from them will expire",
                wanted: "2",
            });
        }
    }
}

/// Interfaces of the default routes that came by router advertisement. Columns of `ipv6_route`:
/// destination, its length, source, its length, next hop, metric, counters, flags, interface.
fn links_with_learned_default(proc: &Path) -> Vec<String> {
    let table = fs::read_to_string(proc.join("thread-self/net/ipv6_route")).unwrap_or_default();
    let learned = |line: &str| {
        let columns: Vec<&str> = line.split_whitespace().collect();
        let flags = u32::from_str_radix(columns.get(8)?, 16).ok()?;
        let is_default = *columns.get(1)? == "00" && flags & LEARNED_DEFAULT == LEARNED_DEFAULT;
        is_default.then(|| columns.get(9).map(|link| (*link).to_owned()))?
    };
    table.lines().filter_map(learned).collect()
}

fn read(proc: &Path, key: &str) -> Option<String> {
    let text = fs::read_to_string(proc.join("sys").join(key)).ok()?;
    Some(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn harmful_settings_are_named_with_their_remedy() {
        let proc = std::env::temp_dir().join(format!("bgpd-sysctl-{}", std::process::id()));
        let put = |path: &str, text: &str| {
            let path = proc.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        put("sys/net/ipv4/ip_forward", "0\n");
        put("sys/net/ipv4/conf/all/rp_filter", "0\n");
        put("sys/net/ipv4/conf/eth0/rp_filter", "1\n");
        put("sys/net/ipv4/conf/eth1/rp_filter", "2\n");
        put("sys/net/ipv6/conf/all/forwarding", "1\n");
        put("sys/net/ipv6/conf/eth0/accept_ra", "1\n");
        put("sys/net/ipv6/conf/eth1/accept_ra", "1\n");
        let zero = "0".repeat(32);
        put(
            "thread-self/net/ipv6_route",
            &format!(
                "{zero} 00 {zero} 00 fe800000000000000000000000000001 00000400 1 0 00450003 eth0\n"
            ),
        );
        let warnings = warnings_under(&proc, Families::ALL, &["eth0", "eth1"]);
        let texts: Vec<String> = warnings.iter().map(ToString::to_string).collect();
        let only_v6 = warnings_under(&proc, Families::only(Family::Ipv6Unicast), &["eth0"]);
        fs::remove_dir_all(&proc).unwrap();
        assert_eq!(
            warnings.iter().map(|w| w.key.as_str()).collect::<Vec<_>>(),
            [
                "net.ipv4.ip_forward",
                "net.ipv4.conf.eth0.rp_filter",
                "net.ipv6.conf.eth0.accept_ra"
            ],
        );
        assert!(
            texts[0].ends_with("set it with `sysctl -w net.ipv4.ip_forward=1`"),
            "{}",
            texts[0]
        );
        assert_eq!(only_v6.len(), 1);
    }
}
