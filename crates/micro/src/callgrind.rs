//! Instructions of a case, counted by callgrind: the same in every run, also on a busy or a virtual machine.
//!
//! Counted is what this project's code executes, and what it has inlined, between the entry of `case::measured` and its
//! return. Not counted:
//!
//! - The C library. It chooses its copies of `memcpy` and `memset` by the processor (AVX2, ERMS and so on), and its
//!   version is the machine's; with it the counts of two machines would differ.
//! - The memory allocator, which is C as well, compiled by the machine's compiler, and asks a clock when to give pages
//!   back. In its place the calls to it are counted: how often memory was asked for.

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
                "callgrind counted nothing: this binary has no symbols; build it with the profile `release` as it is",
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
        .args(["--compress-strings=no", "--compress-pos=no"])
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
#[derive(Clone, Copy, PartialEq, Eq)]
enum Owner {
    Ours,
    Allocator,
    Library,
}

impl Owner {
    fn of(object: &str, function: &str, ours: &str) -> Owner {
        if object != ours {
            Owner::Library
        } else if is_allocator(function) {
            Owner::Allocator
        } else {
            Owner::Ours
        }
    }
}

/// mimalloc's functions, public and internal ones.
fn is_allocator(function: &str) -> bool {
    function.trim_start_matches('_').starts_with("mi_")
}

/// True for the functions that hand out memory.
fn asks_for_memory(function: &str) -> bool {
    ["mi_malloc", "mi_zalloc", "mi_calloc", "mi_realloc"]
        .iter()
        .any(|name| function.starts_with(name))
}

/// Adds up a profile in callgrind's format, written without compression of names and positions.
///
/// <https://valgrind.org/docs/manual/cl-format.html>: a line with `fn=` says whose costs follow, each on a line of two
/// numbers: where, and how many. `cfn=` and `calls=` tell of a call; the line behind `calls=` is what the call cost,
/// which also stands where the callee's own lines are.
fn read(profile: &str, ours: &str) -> Result<Count, CountError> {
    let mut count = Count::default();
    let (mut object, mut owner) = ("", Owner::Library);
    let (mut callee, mut is_call) = ("", false);
    let body = profile
        .lines()
        .skip_while(|line| !line.starts_with("summary:"));
    for line in body.skip(1) {
        let number = |text: &str| {
            let number = text.split_ascii_whitespace().next();
            let number = number.and_then(|number| number.parse::<u64>().ok());
            number.ok_or_else(|| CountError::Line(line.to_owned()))
        };
        if let Some(cost) = line.strip_prefix(|first: char| first.is_ascii_digit()) {
            let cost = cost.split_once(' ').map_or("", |(_, cost)| cost);
            if !std::mem::take(&mut is_call) && owner == Owner::Ours {
                count.instructions += number(cost)?;
            }
            continue;
        }
        match line.split_once(['=', ':']) {
            Some(("ob", name)) => object = name,
            Some(("fn", name)) => owner = Owner::of(object, name, ours),
            Some(("cfn", name)) => callee = name,
            Some(("calls", calls)) => {
                is_call = true;
                if owner == Owner::Ours && asks_for_memory(callee) {
                    count.allocations += number(calls)?;
                }
            }
            Some(("fl" | "fi" | "fe" | "cfi" | "cfl" | "cob" | "totals", _)) => {}
            None if line.is_empty() => {}
            _ => return Err(CountError::Line(line.to_owned())),
        }
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROFILE: &str = "\
# callgrind format
events: Ir
summary: 999

ob=/lib/libc.so.6
fl=memmove.S
fn=__memcpy_avx_unaligned_erms
264 1000

ob=/bin/micro
fl=???
fn=rib::table::Table::add
0 7
fe=/rustc/vec.rs
12 5
cfn=mi_malloc_aligned
calls=3 0
0 600
cob=/lib/libc.so.6
cfi=memmove.S
cfn=__memcpy_avx_unaligned_erms
calls=2 264
0 40
1 8

fn=mi_malloc_aligned
0 300
cfn=_mi_malloc_generic
calls=1 0
0 200

fn=_mi_malloc_generic
0 200

totals: 999
";

    #[test]
    fn what_is_ours_is_counted_once_and_nothing_else() {
        let count = read(PROFILE, "/bin/micro").unwrap();
        assert_eq!(count.instructions, 7 + 5 + 8);
        assert_eq!(count.allocations, 3);
        assert_eq!(read(PROFILE, "/bin/other").unwrap(), Count::default());
    }

    #[test]
    fn a_line_that_is_not_understood_is_named() {
        for line in ["jump=1 2", "12 many", "what is this"] {
            let profile = format!("summary: 1\nob=/bin/micro\nfn=f\n{line}\n");
            let error = read(&profile, "/bin/micro").unwrap_err().to_string();
            assert!(error.contains(line), "{error}");
        }
    }
}
