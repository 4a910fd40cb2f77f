//! `scripts/packages` starts no service and leaves the machine's policy as it was.
//!
//! Runs in a mount namespace of its own, where `/usr/sbin` is an overlay and apt is a stand-in
//! that asks the policy what a package would ask it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use interop_tests::lab::{Lab, can_run};
use interop_tests::{LabError, Result};

const APT: &str = "#!/bin/sh\n\
    case \"$*\" in *install*)\n\
    /usr/sbin/policy-rc.d frr start; echo \"policy answers $?\"\n\
    [ -z \"$INTERRUPT\" ] || { kill -INT -- -$$; kill -INT 0; sleep 10; };;\n\
    esac\n";

struct Machine {
    lab: Lab,
}

impl Machine {
    fn new() -> Result<Machine> {
        let machine = Machine {
            lab: Lab::new("packages")?,
        };
        machine.stand_in("apt-get", APT)?;
        machine.stand_in("dpkg-query", "#!/bin/sh\nexit 1\n")?;
        machine.stand_in("apt-cache", "#!/bin/sh\necho '  Candidate: 1.0'\n")?;
        Ok(machine)
    }

    fn stand_in(&self, name: &str, text: &str) -> Result<()> {
        let path = self.lab.write(name, text)?;
        fs::set_permissions(path, fs::Permissions::from_mode(0o755))?;
        Ok(())
    }

    /// Runs `before`, the script, then shows the policy that is left.
    fn install(&self, before: &str, interrupt: bool) -> Result<String> {
        let dir = self.lab.dir().display();
        let script = format!(
            "mkdir -p {dir}/over; mount -t tmpfs none {dir}/over; mkdir {dir}/over/up {dir}/over/work\n\
             mount -t overlay overlay /usr/sbin \
             -o lowerdir=/usr/sbin,upperdir={dir}/over/up,workdir={dir}/over/work || exit 9\n\
             {before}\n\
             {setsid} {packages} some-package; echo \"exit $?\"\n\
             [ -e /usr/sbin/policy-rc.d ] && cat /usr/sbin/policy-rc.d || echo 'no policy'",
            packages = script_path().display(),
            // A shell in the background starts its children with SIGINT ignored, and a script cannot
            // take that back.
            setsid = if interrupt {
                "INTERRUPT=1 env --default-signal=INT setsid --wait"
            } else {
                ""
            },
        );
        let path = format!("{dir}:{}", std::env::var("PATH").unwrap_or_default());
        let output = Command::new("unshare")
            .args(["--mount", "--propagation", "private", "bash", "-c", &script])
            .env("PATH", path)
            .output()?;
        let (out, err) = (
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr),
        );
        if output.status.code() == Some(9) {
            return Err(LabError::new(format!("no overlay: {err}")));
        }
        Ok(format!("{out}{err}"))
    }
}

fn script_path() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/packages")
}

const ABSENT: &str = "rm -f /usr/sbin/policy-rc.d";
const ALLOWS: &str = "printf '#!/bin/sh\\nexit 0 # theirs\\n' > /usr/sbin/policy-rc.d; \
                      chmod 755 /usr/sbin/policy-rc.d";
const DENIES: &str = "printf '#!/bin/sh\\nexit 101 # theirs\\n' > /usr/sbin/policy-rc.d; \
                      chmod 755 /usr/sbin/policy-rc.d";

#[test]
fn starts_are_denied_and_the_policy_is_left_as_it_was() -> Result<()> {
    if !can_run(&["apt-get", "dpkg-query"]) {
        return Ok(());
    }
    for (before, left) in [
        (ABSENT, "no policy"),
        (ALLOWS, "exit 0 # theirs"),
        (DENIES, "exit 101 # theirs"),
    ] {
        let said = Machine::new()?.install(before, false)?;
        assert!(said.contains("policy answers 101"), "{before}: {said}");
        assert!(said.contains("exit 0\n"), "{before}: {said}");
        assert!(said.contains(left), "{before}: {said}");
    }
    Ok(())
}

#[test]
fn an_interrupted_run_takes_its_policy_away() -> Result<()> {
    if !can_run(&["apt-get", "dpkg-query"]) {
        return Ok(());
    }
    let said = Machine::new()?.install(ABSENT, true)?;
    assert!(said.contains("policy answers 101"), "{said}");
    assert!(said.contains("no policy"), "{said}");
    assert!(!said.contains("exit 0\n"), "{said}");
    Ok(())
}
