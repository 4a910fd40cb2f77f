//! Times and durations as text: RFC 3339 for machines, short ages for people.

use std::time::{Duration, SystemTime};

use prost_types::Timestamp;

/// A time as RFC 3339 in UTC, to the millisecond.
pub(crate) fn rfc3339(at: &Timestamp) -> String {
    let nanos = at.nanos.clamp(0, 999_999_999) / 1_000_000 * 1_000_000;
    Timestamp {
        seconds: at.seconds,
        nanos,
    }
    .to_string()
}

/// How long ago a time was. Zero for the future, which two clocks can produce.
pub(crate) fn since(at: &Timestamp, now: SystemTime) -> Duration {
    let at = SystemTime::try_from(*at).unwrap_or(now);
    now.duration_since(at).unwrap_or(Duration::ZERO)
}

/// A duration of the API.
pub(crate) fn duration(of: &prost_types::Duration) -> Duration {
    Duration::try_from(*of).unwrap_or(Duration::ZERO)
}

/// A duration in its two largest units: `12s`, `3m12s`, `5h4m`, `6d2h`.
pub(crate) fn short(of: Duration) -> String {
    let s = of.as_secs();
    let (minutes, hours, days) = (s / 60, s / 3600, s / 86_400);
    let (large, small) = if s < 60 {
        return format!("{s}s");
    } else if hours == 0 {
        (format!("{minutes}m"), (s % 60, 's'))
    } else if days == 0 {
        (format!("{hours}h"), (minutes % 60, 'm'))
    } else {
        (format!("{days}d"), (hours % 24, 'h'))
    };
    match small {
        (0, _) => large,
        (count, unit) => format!("{large}{count}{unit}"),
    }
}

/// Reads a duration argument: a number of seconds, or a row of numbers with
/// units, such as `90`, `90s`, `1m30s`, `500ms`, `24h`.
pub(crate) fn parse_duration(text: &str) -> Result<prost_types::Duration, String> {
    let fault = || format!("`{text}` is not a duration; write 90s or 1m30s");
    if let Ok(seconds) = text.parse::<u32>() {
        return to_proto(Duration::from_secs(seconds.into())).ok_or_else(fault);
    }
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let count: u32 = rest[..digits].parse().map_err(|_| fault())?;
        rest = &rest[digits..];
        let unit = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let one = match &rest[..unit] {
            "ms" => Duration::from_millis(1),
            "s" => Duration::from_secs(1),
            "m" => Duration::from_secs(60),
            "h" => Duration::from_secs(3600),
            _ => return Err(fault()),
        };
        rest = &rest[unit..];
        total = one
            .checked_mul(count)
            .and_then(|part| total.checked_add(part))
            .ok_or_else(fault)?;
    }
    if text.is_empty() {
        return Err(fault());
    }
    to_proto(total).ok_or_else(fault)
}

fn to_proto(of: Duration) -> Option<prost_types::Duration> {
    prost_types::Duration::try_from(of).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_have_two_units() {
        let cases = [
            (0, "0s"),
            (59, "59s"),
            (60, "1m"),
            (192, "3m12s"),
            (3600, "1h"),
            (18_240, "5h4m"),
            (86_400, "1d"),
            (525_600, "6d2h"),
        ];
        for (seconds, text) in cases {
            assert_eq!(short(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn times_are_rfc_3339_in_milliseconds() {
        let at = Timestamp {
            seconds: 1_700_000_000,
            nanos: 123_456_789,
        };
        assert_eq!(rfc3339(&at), "2023-11-14T22:13:20.123Z");
        let whole = Timestamp {
            seconds: 1_700_000_000,
            nanos: 5,
        };
        assert_eq!(rfc3339(&whole), "2023-11-14T22:13:20Z");
    }

    #[test]
    fn the_future_is_no_time_ago() {
        let now = SystemTime::UNIX_EPOCH;
        let at = Timestamp {
            seconds: 5,
            nanos: 0,
        };
        assert_eq!(since(&at, now), Duration::ZERO);
        assert_eq!(
            since(&at, now + Duration::from_secs(7)),
            Duration::from_secs(2)
        );
    }

    #[test]
    fn durations_are_read() {
        let ms = |text| duration(&parse_duration(text).unwrap()).as_millis();
        assert_eq!(ms("90"), 90_000);
        assert_eq!(ms("90s"), 90_000);
        assert_eq!(ms("1m30s"), 90_000);
        assert_eq!(ms("500ms"), 500);
        assert_eq!(ms("0"), 0);
        for bad in ["", "s", "1x", "-1", "1.5s", "99999999999s", "1m30"] {
            assert!(parse_duration(bad).is_err(), "{bad}");
        }
    }
}
