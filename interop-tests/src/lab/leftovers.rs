//! What a killed run may have left: its directory. Processes and namespaces go by themselves.

use std::fs;
use std::path::Path;

use super::DIR_PREFIX;

/// Removes the directories of labs whose maker is gone, and nothing else. Returns how many.
pub fn clean_leftovers() -> usize {
    let Ok(entries) = fs::read_dir(std::env::temp_dir()) else {
        return 0;
    };
    entries
        .filter_map(|entry| entry.ok())
        .filter(|entry| {
            entry
                .file_name()
                .to_str()
                .and_then(maker)
                .is_some_and(is_gone)
        })
        .filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()))
        .filter(|entry| fs::remove_dir_all(entry.path()).is_ok())
        .count()
}

/// The process that made the lab directory of this name; `None` if it is not a lab's.
fn maker(name: &str) -> Option<u32> {
    name.strip_prefix(DIR_PREFIX)?
        .split('-')
        .next()?
        .parse()
        .ok()
}

fn is_gone(process: u32) -> bool {
    !Path::new(&format!("/proc/{process}")).exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_labs_count() {
        assert_eq!(maker("bgp-lab-4242-0-demo"), Some(4242));
        assert_eq!(maker("bgp-lab-x-0-demo"), None);
        assert_eq!(maker("other-4242-0"), None);
    }

    #[test]
    fn a_living_maker_keeps_its_directory() {
        assert!(!is_gone(std::process::id()));
    }
}
