//! `${NAME}` in a value, replaced by a variable of the environment.
//!
//! Works on scalars after the text has been parsed, so that no variable can change the structure of
//! the file. `${NAME:-DEFAULT}` gives a default for a variable that is unset or empty; `$${` stands
//! for a literal `${`.

use crate::fault::Problem;

/// Looks a variable up. An argument, so that reading a configuration stays a pure function.
pub type Environment<'a> = dyn Fn(&str) -> Option<String> + 'a;

/// The text with every variable replaced.
pub(crate) fn expand(text: &str, env: &Environment<'_>) -> Result<String, Problem> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        if rest[..at].ends_with('$') {
            out.push_str(&rest[..at]);
            out.push('{');
            rest = &rest[at + 2..];
            continue;
        }
        out.push_str(&rest[..at]);
        let Some(end) = rest[at..].find('}') else {
            return Err(Problem::new(
                "\"${\" without \"}\"",
                "write ${NAME}, ${NAME:-DEFAULT}, or $${ for a literal \"${\"",
            ));
        };
        out.push_str(&lookup(&rest[at + 2..at + end], env)?);
        rest = &rest[at + end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn lookup(inside: &str, env: &Environment<'_>) -> Result<String, Problem> {
    let (name, default) = match inside.split_once(":-") {
        Some((name, default)) => (name, Some(default)),
        None => (inside, None),
    };
    let valid = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !valid {
        return Err(Problem::new(
            format!("\"{name}\" cannot be the name of an environment variable"),
            "write ${NAME} or ${NAME:-DEFAULT}, or $${ for a literal \"${\"",
        ));
    }
    match (env(name), default) {
        (Some(value), Some(default)) if value.is_empty() => Ok(default.to_owned()),
        (Some(value), _) => Ok(value),
        (None, Some(default)) => Ok(default.to_owned()),
        (None, None) => Err(Problem::new(
            format!("environment variable {name} is not set"),
            format!("set it, or write ${{{name}:-DEFAULT}}"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn env(name: &str) -> Option<String> {
        match name {
            "NODE" => Some("node-1".to_owned()),
            "EMPTY" => Some(String::new()),
            "BRACES" => Some("${NODE}".to_owned()),
            _ => None,
        }
    }

    #[test]
    fn replaces_variables_once() {
        for (text, expected) in [
            ("plain", "plain"),
            ("${NODE}", "node-1"),
            ("a ${NODE} b ${NODE}", "a node-1 b node-1"),
            ("${NODE:-x}", "node-1"),
            ("${MISSING:-x}", "x"),
            ("${MISSING:-}", ""),
            ("${EMPTY:-x}", "x"),
            ("${EMPTY}", ""),
            ("$${NODE}", "${NODE}"),
            ("a$${b", "a${b"),
            ("$5 and {}", "$5 and {}"),
            ("${BRACES}", "${NODE}"),
            ("${MISSING:-fd00::1}", "fd00::1"),
        ] {
            assert_eq!(expand(text, &env).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn says_what_is_missing() {
        for (text, message) in [
            ("${MISSING}", "environment variable MISSING is not set"),
            ("${NODE", "\"${\" without \"}\""),
            ("${}", "\"\" cannot be the name of an environment variable"),
            (
                "${1A}",
                "\"1A\" cannot be the name of an environment variable",
            ),
            (
                "${NODE-x}",
                "\"NODE-x\" cannot be the name of an environment variable",
            ),
        ] {
            assert_eq!(expand(text, &env).unwrap_err().message, message);
        }
    }
}
