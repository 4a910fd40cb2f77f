//! One text, one value: what each kind of value may be, and what to write instead.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

use policy::{PrefixTextError, parse_prefix};
use wire::{Asn, Prefix};

use crate::fault::Problem;
use crate::suggest;

pub(super) type Parsed<T> = Result<T, Problem>;

/// One of some words.
pub(super) fn word<T: Copy>(text: &str, words: &[(&str, T)]) -> Parsed<T> {
    if let Some((_, value)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*value);
    }
    let known = || words.iter().map(|(word, _)| *word);
    let remedy = suggest::remedy(text, known(), || {
        format!("write one of: {}", known().collect::<Vec<_>>().join(", "))
    });
    Err(Problem::new(
        format!("\"{text}\" is not a value for this key"),
        remedy,
    ))
}

pub(super) fn boolean(text: &str) -> Parsed<bool> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(Problem::new(
            format!("\"{text}\" is neither true nor false"),
            "write true or false",
        )),
    }
}

/// A whole number within a range.
pub(super) fn number(text: &str, range: RangeInclusive<u32>) -> Parsed<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    match text.parse::<u32>() {
        Ok(number) if digits && range.contains(&number) => Ok(number),
        _ => Err(Problem::new(
            format!(
                "\"{text}\" is not a number from {} to {}",
                range.start(),
                range.end()
            ),
            "",
        )),
    }
}

/// A number that fits 16 bits.
pub(super) fn small(text: &str, range: RangeInclusive<u16>) -> Parsed<u16> {
    let wide = u32::from(*range.start())..=u32::from(*range.end());
    number(text, wide).map(|number| u16::try_from(number).unwrap_or(*range.end()))
}

pub(super) fn port(text: &str) -> Parsed<u16> {
    small(text, 1..=u16::MAX)
}

/// An AS number that a speaker may have.
pub(super) fn asn(text: &str) -> Parsed<Asn> {
    let Ok(asn) = text.parse::<Asn>() else {
        return Err(Problem::new(
            format!("\"{text}\" is not an AS number"),
            "write a number such as 64512, or HIGH.LOW such as 1.10",
        ));
    };
    let reserved = match asn.0 {
        0 => "RFC 7607",
        23456 => "it stands for others, RFC 6793",
        65535 | u32::MAX => "RFC 7300",
        _ => return Ok(asn),
    };
    Err(Problem::new(
        format!("AS {asn} is reserved ({reserved})"),
        "private numbers are 64512-65534 and 4200000000-4294967294",
    ))
}

/// A BGP Identifier or a cluster id: four octets, not zero.
pub(super) fn identifier(text: &str) -> Parsed<Ipv4Addr> {
    match text.parse::<Ipv4Addr>() {
        Ok(id) if id.is_unspecified() => Err(Problem::new(
            "0.0.0.0 is not allowed here (RFC 6286)",
            "write another address",
        )),
        Ok(id) => Ok(id),
        Err(_) => Err(Problem::new(
            format!("\"{text}\" is not of the form A.B.C.D"),
            "write an IPv4 address such as 10.0.0.1",
        )),
    }
}

/// An address of either family, of whatever kind.
pub(super) fn address(text: &str) -> Parsed<IpAddr> {
    if let Some((_, scope)) = text.split_once('%') {
        return Err(Problem::new(
            format!("an address with a scope (%{scope}) is not supported yet in this version"),
            "use the peer's global address",
        ));
    }
    text.parse::<IpAddr>().map_err(|_| {
        let remedy = match text.split_once('/') {
            Some((address, _)) => format!("write the address alone: {address}"),
            None => "write one such as 10.0.0.1 or fd00::1".to_owned(),
        };
        Problem::new(format!("\"{text}\" is not an IP address"), remedy)
    })
}

/// An address that one end of a session can have.
pub(super) fn host(text: &str) -> Parsed<IpAddr> {
    let address = address(text)?;
    let problem =
        |what: &str, remedy: &str| Err(Problem::new(format!("{address} is {what}"), remedy));
    if address.is_unspecified() {
        return problem("the unspecified address", "write the address of one host");
    }
    if address.is_multicast() || address == IpAddr::V4(Ipv4Addr::BROADCAST) {
        return problem(
            "not the address of one host",
            "write the address of one host",
        );
    }
    if let IpAddr::V6(v6) = address {
        if v6.is_unicast_link_local() {
            return problem(
                "a link-local address, which is not supported yet in this version",
                "use the peer's global address",
            );
        }
        if let Some(v4) = v6.to_ipv4_mapped() {
            return problem("an IPv4 address in IPv6 form", &format!("write {v4}"));
        }
    }
    Ok(address)
}

/// An IPv6 address that can be a next hop (RFC 2545 section 3).
pub(super) fn next_hop_v6(text: &str) -> Parsed<Ipv6Addr> {
    match host(text)? {
        IpAddr::V6(v6) if !v6.is_loopback() => Ok(v6),
        IpAddr::V6(_) => Err(Problem::new(
            "::1 cannot be a next hop",
            "write a global address",
        )),
        IpAddr::V4(_) => Err(Problem::new(
            format!("\"{text}\" is an IPv4 address"),
            "write the global IPv6 address of this node",
        )),
    }
}

/// The file of a password. Whether it is there is not known here.
pub(super) fn password_file(text: &str) -> Parsed<Arc<Path>> {
    let path = Path::new(text);
    if path.is_absolute() && !text.ends_with('/') && !text.contains(char::is_control) {
        return Ok(path.into());
    }
    Err(Problem::new(
        format!(
            "\"{}\" is not the absolute path of a file",
            text.escape_debug()
        ),
        "write one such as /etc/bgpd/tor.password, whose first line is the password",
    ))
}

/// The name of a network device, as Linux takes it.
pub(super) fn device(text: &str) -> Parsed<Box<str>> {
    let fits = (1..=crate::limits::MAX_DEVICE).contains(&text.len()) && text != "." && text != "..";
    let forbidden = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | ':');
    if fits && !text.contains(forbidden) {
        return Ok(text.into());
    }
    Err(Problem::new(
        format!(
            "\"{}\" cannot be the name of a network device",
            text.escape_debug()
        ),
        format!(
            "write one of `ip link`, such as eth0: at most {} octets, no spaces, slashes or colons",
            crate::limits::MAX_DEVICE
        ),
    ))
}

pub(super) fn prefix(text: &str) -> Parsed<Prefix> {
    parse_prefix(text).map_err(|error| match error {
        PrefixTextError::NotAPrefix(text) => Problem::new(
            format!("\"{text}\" is not a prefix"),
            "write ADDRESS/LENGTH, such as 10.244.1.0/24",
        ),
        PrefixTextError::NoLength(host) => Problem::new(
            format!("\"{text}\" has no prefix length"),
            format!("write {host} for this one address"),
        ),
        PrefixTextError::HostBits(prefix) => Problem::new(
            format!("{prefix} has host bits set"),
            format!("write {}", prefix.trunc()),
        ),
    })
}

/// A size in octets: `64MiB`, `512KiB`, `1GiB`, or a bare number.
pub(super) fn size(text: &str) -> Parsed<usize> {
    let (digits, unit) = text.split_at(
        text.find(|c: char| !c.is_ascii_digit())
            .unwrap_or(text.len()),
    );
    let factor = match unit.trim() {
        "" | "B" => Some(1),
        "KiB" => Some(1024),
        "MiB" => Some(1024 * 1024),
        "GiB" => Some(1024 * 1024 * 1024),
        _ => None,
    };
    let size = factor.and_then(|factor: usize| digits.parse::<usize>().ok()?.checked_mul(factor));
    size.ok_or_else(|| {
        Problem::new(
            format!("\"{text}\" is not a size"),
            "write a number and a unit, such as 64MiB (KiB, MiB and GiB are known)",
        )
    })
}

/// A name that people and commands can use.
pub(super) fn name(text: &str) -> Parsed<String> {
    let fits = (1..=crate::limits::MAX_NAME).contains(&text.len());
    if fits && text.chars().all(|c| !c.is_whitespace() && !c.is_control()) {
        return Ok(text.to_owned());
    }
    Err(Problem::new(
        format!("\"{}\" cannot be a name", text.escape_debug()),
        format!(
            "write 1 to {} characters without spaces",
            crate::limits::MAX_NAME
        ),
    ))
}

pub(super) fn description(text: &str) -> Parsed<String> {
    let max = crate::limits::MAX_DESCRIPTION;
    if text.len() > max || text.chars().any(char::is_control) {
        return Err(Problem::new(
            "the description is too long or holds control characters",
            format!("write one line of at most {max} octets"),
        ));
    }
    Ok(text.to_owned())
}
