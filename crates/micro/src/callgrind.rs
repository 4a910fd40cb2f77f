//! Instructions of a case, counted by callgrind: the same in every run, also on a busy or a virtual machine.
//!
//! Counted is what this project's code executes, and what it has inlined, between the entry of `case::measured` and its
//! return. Not counted:
//!
//! - The C library. It chooses its copies of `memcpy` and `memset` by the processor (AVX2, ERMS and so on), and its
//!   version is the machine's; with it the counts of two machines would differ.
//! - The memory allocator, which is C as well, compiled by the machine's compiler, and asks a clock when to give pages
//!   back. In its place the calls to it are counted: how often memory was asked for.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::Command;

/// What callgrind found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Count {
    pub(crate) instructions: u64,
    /// How often memory was asked for.
    pub(crate) allocations: u64,
}

/// Why nothing was counted.
#[derive(Debug)]
pub(crate) enum CountError {
    /// valgrind could not be started, or what it wrote could not be read.
    Io(io::Error),
    /// valgrind, or the case in it, failed: the end of what it said.
    Failed(String),
    /// A line of the profile that is not what callgrind's manual says.
    Line(String),
    /// Nothing was collected: the function that is to be counted was not found by its name.
    Empty,
}

impl fmt::Display for CountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CountError::Io(error) if error.kind() == io::ErrorKind::NotFound => {
                f.write_str("valgrind is not installed: scripts/packages valgrind")
            }
            CountError::Io(error) => write!(f, "valgrind: {error}"),
            CountError::Failed(said) => write!(f, "the case failed under valgrind:\n{said}"),
            CountError::Line(line) => {
                write!(f, "callgrind wrote a line that is not understood: {line}")
            }
            CountError::Empty => f.write_str(
                "callgrind counted nothing: this binary has no symbols; build it with the profile `counted`",
            ),
        }
    }
}

impl From<io::Error> for CountError {
    fn from(error: io::Error) -> Self {
        CountError::Io(error)
    }
}

/// Runs this program under callgrind with these arguments, and counts.
pub(crate) fn count(arguments: &[&str]) -> Result<Count, CountError> {
    let program = std::env::current_exe()?;
    let profile = std::env::temp_dir().join(format!("micro-{}.callgrind", std::process::id()));
    let counted = run(&program, &profile, arguments);
    // It may never have been written.
    let _ = std::fs::remove_file(&profile);
    counted
}

fn run(program: &Path, profile: &Path, arguments: &[&str]) -> Result<Count, CountError> {
    let mut out = std::ffi::OsString::from("--callgrind-out-file=");
    out.push(profile);
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--toggle-collect=*micro::case::measured*",
        ])
        .args([
            "--compress-strings=no",
            "--compress-pos=no",
            "--dump-instr=yes",
        ])
        .arg(out)
        .arg(program)
        .args(arguments)
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let from = said.len().saturating_sub(2_000);
        let from = (from..=said.len()).find(|at| said.is_char_boundary(*at));
        return Err(CountError::Failed(said[from.unwrap_or(0)..].to_owned()));
    }
    let count = read(
        &std::fs::read_to_string(profile)?,
        &program.to_string_lossy(),
    )?;
    if count.instructions == 0 {
        return Err(CountError::Empty);
    }
    Ok(count)
}

/// Whose instructions the lines of a profile are.
#[derive(Clone, Copy)]
enum Owner<'a> {
    Ours,
    /// A function of the allocator that hands out memory.
    Giver(&'a str),
    Other,
}

impl<'a> Owner<'a> {
    fn of(object: &str, function: &'a str, ours: &str) -> Owner<'a> {
        let givers = ["mi_malloc", "mi_zalloc", "mi_calloc", "mi_realloc"];
        if object != ours {
            Owner::Other
        } else if givers.iter().any(|giver| function.starts_with(giver)) {
            Owner::Giver(function)
        } else if function.trim_start_matches('_').starts_with("mi_") {
            // mimalloc's other functions.
            Owner::Other
        } else {
            Owner::Ours
        }
    }
}

/// Adds up a profile in callgrind's format, written with addresses and without compression of names and positions.
///
/// <https://valgrind.org/docs/manual/cl-format.html>: `fn=` says whose costs follow, each on a line of its address, its
/// source line, and how many. The line behind `calls=` is what a call cost, which also stands where the callee's own
/// lines are. The number of calls cannot be used, for callgrind counts calls also while it does not collect; but the
/// first instruction of a function was executed once for each call.
fn read(profile: &str, ours: &str) -> Result<Count, CountError> {
    let mut instructions = 0;
    let mut entries: BTreeMap<&str, (u64, u64)> = BTreeMap::new();
    let (mut object, mut owner, mut is_call) = ("", Owner::Other, false);
    let body = profile
        .lines()
        .skip_while(|line| !line.starts_with("summary:"));
    for line in body.skip(1) {
        if line.starts_with("0x") {
            if std::mem::take(&mut is_call) {
                continue;
            }
            let (address, cost) = cost(line).ok_or_else(|| CountError::Line(line.to_owned()))?;
            match owner {
                Owner::Ours => instructions += cost,
                Owner::Giver(name) => {
                    let first = entries.entry(name).or_insert((address, cost));
                    *first = (*first).min((address, cost));
                }
                Owner::Other => {}
            }
            continue;
        }
        match line.split_once(['=', ':']) {
            Some(("ob", name)) => object = name,
            Some(("fn", name)) => owner = Owner::of(object, name, ours),
            Some(("calls", _)) => is_call = true,
            Some(("fl" | "fi" | "fe" | "cfi" | "cfl" | "cfn" | "cob" | "totals", _)) => {}
            None if line.is_empty() => {}
            _ => return Err(CountError::Line(line.to_owned())),
        }
    }
    Ok(Count {
        instructions,
        allocations: entries.values().map(|(_, calls)| calls).sum(),
    })
}

/// Address and cost of a line.
fn cost(line: &str) -> Option<(u64, u64)> {
    let mut words = line.strip_prefix("0x")?.split_ascii_whitespace();
    let address = u64::from_str_radix(words.next()?, 16).ok()?;
    Some((address, words.nth(1)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
positions: instr line
events: Ir
summary: 999

ob=/lib/libc.so.6
fl=memmove.S
fn=__memcpy_avx_unaligned_erms
0x5000 264 1000

ob=/bin/micro
fl=???
fn=rib::table::Table::add
0x1000 0 7
fe=/rustc/vec.rs
0x1003 12 5
cfn=mi_malloc_aligned
calls=30 0xfffe 0
0x1007 0 600
cob=/lib/libc.so.6
cfi=memmove.S
cfn=__memcpy_avx_unaligned_erms
calls=2 0x5000 264
0x100b 0 40
0x100f 1 8

fn=mi_malloc_aligned
0x10000 0 300
0xfffe 0 3
cfn=_mi_malloc_generic
calls=1 0x3000 0
0x10004 0 200

fn=mi_realloc_aligned
0x4000 0 1

fn=_mi_malloc_generic
0x3000 0 200

totals: 999
";

    #[test]
    fn what_is_ours_is_counted_once_and_nothing_else() {
        let count = read(PROFILE, "/bin/micro").unwrap();
        assert_eq!(count.instructions, 7 + 5 + 8);
        assert_eq!(count.allocations, 3 + 1);
        assert_eq!(read(PROFILE, "/bin/other").unwrap(), Count::default());
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        for line in ["jump=1 2", "0x12 1 many", "0x12 1", "what is this"] {
            let profile = format!("summary: 1\nob=/bin/micro\nfn=f\n{line}\n");
            let error = read(&profile, "/bin/micro").unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }
}
