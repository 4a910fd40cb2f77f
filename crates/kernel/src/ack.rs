//! The kernel's answers in words: errno and extended acknowledgement (NETLINK_EXT_ACK).

use fib::RouteError;
use nix::errno::Errno;

use crate::netlink::attributes;

/// `NLMSGERR_ATTR_MSG`: a zero-terminated text.
const ATTR_MSG: u16 = 1;
/// Our sockets ask for capped errors, so exactly the request's header is echoed before the TLVs.
const ECHOED_HEADER: usize = 16;

/// The answer as a result, of its code and what stands behind it: `Ok` is an acknowledgement.
pub(crate) fn result_of(code: i32, rest: &[u8]) -> Result<(), RouteError> {
    match code {
        0 => Ok(()),
        errno => Err(refusal(errno, extended_text(rest))),
    }
}

/// A refusal with this errno, and the kernel's own words if it had any.
pub(crate) fn refusal(errno: i32, words: Option<String>) -> RouteError {
    let known = Errno::from_raw(errno);
    let mut text = format!("{} ({known:?})", known.desc());
    if let Some(words) = words {
        text.push_str(": ");
        text.push_str(&words);
    }
    RouteError {
        errno,
        text: text.into(),
    }
}

/// No answer at all: what became of the request is not known.
pub(crate) fn unanswered() -> RouteError {
    RouteError {
        errno: 0,
        text: "the kernel did not answer".into(),
    }
}

fn extended_text(after_code: &[u8]) -> Option<String> {
    let mut texts = attributes(after_code.get(ECHOED_HEADER..)?);
    let (_, value) = texts.find(|(kind, _)| *kind == ATTR_MSG)?;
    let end = value
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(value.len());
    Some(String::from_utf8_lossy(&value[..end]).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_words_are_found_behind_the_echoed_header() {
        let mut after_code = vec![0; ECHOED_HEADER];
        after_code.extend([9, 0, 1, 0]);
        after_code.extend(b"oops\0\0\0\0");
        assert_eq!(extended_text(&after_code), Some("oops".to_owned()));
        assert_eq!(extended_text(&after_code[..ECHOED_HEADER]), None);
        assert_eq!(extended_text(&[]), None);
        let error = refusal(101, Some("Nexthop has invalid gateway".to_owned()));
        assert_eq!(
            error.to_string(),
            "Network is unreachable (ENETUNREACH): Nexthop has invalid gateway"
        );
    }
}
