//! What must be on the machine besides cargo, and how it gets there.

use crate::command::{self, Result};
use std::path::Path;
use std::process::Command;

/// The target that the page is compiled for.
pub(crate) const WASM: &str = "wasm32-unknown-unknown";

/// The foreign broker. Debian puts it where only root's PATH looks, and starts it as a service when it is installed.
const MOSQUITTO: &str = "mosquitto";

/// A program that the end-to-end tests drive, and the Debian package that holds it.
struct Tool {
    program: &'static str,
    package: &'static str,
}

const NATIVE_TOOLS: &[Tool] = &[
    Tool { program: MOSQUITTO, package: MOSQUITTO },
    Tool { program: "mosquitto_pub", package: "mosquitto-clients" },
    Tool { program: "mosquitto_sub", package: "mosquitto-clients" },
];

const BROWSER_TOOLS: &[Tool] = &[
    Tool { program: "chromium", package: "chromium" },
    Tool { program: "chromedriver", package: "chromium-driver" },
    // Imports an authority into a browser's profile.
    Tool { program: "certutil", package: "libnss3-tools" },
];

/// Adds the wasm32 target to the toolchain, if it is missing.
pub(crate) fn wasm_target() -> Result<()> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let libdir = command::output(Command::new(rustc).args(["--print", "target-libdir", "--target", WASM]))?;
    if Path::new(&libdir).is_dir() {
        return Ok(());
    }
    if !command::on_path("rustup") {
        return Err(format!(
            "this Rust has no {WASM} target, and there is no rustup to add it: \
             install Rust from https://rustup.rs, or your distribution's package with that target"
        )
        .into());
    }
    println!("==> adding the target {WASM} (rustup)");
    command::run(Command::new("rustup").args(["target", "add", WASM]))
}

/// Sees to it that the programs which the end-to-end tests drive are there: installs them as root on Debian, and
/// says how elsewhere.
pub(crate) fn test_tools(browser: bool) -> Result<()> {
    let packages = missing_packages(browser, is_there);
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if !(command::on_path("apt-get") && is_root()) {
        let way_out = if browser { "; `--skip-browser` leaves the tests in Chromium out" } else { "" };
        return Err(format!(
            "the end-to-end tests need {list} on PATH. \
             On Debian: `sudo apt-get install {list}`; elsewhere install Chromium with its chromedriver, \
             NSS's certutil, mosquitto and its clients{way_out}"
        )
        .into());
    }
    println!("==> installing {list} from Debian's packages");
    command::run(apt_get().args(["-q", "update"]))?;
    command::run(apt_get().args(["-q", "-y", "install", "--no-install-recommends"]).args(&packages))?;
    if packages.contains(&MOSQUITTO) {
        // The tests start their own, on ports that are free; 1883 is for the broker that is being worked on. Where no
        // service was started, as in a container, there is none to stop.
        let _ = command::run(Command::new("service").args([MOSQUITTO, "stop"]));
    }
    match missing_packages(browser, is_there).first() {
        None => Ok(()),
        Some(package) => Err(format!("{package} is installed, but its programs are not on PATH").into()),
    }
}

/// The Debian packages whose programs are not there.
fn missing_packages(browser: bool, is_there: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let browser_tools = if browser { BROWSER_TOOLS } else { &[] };
    let missing = NATIVE_TOOLS.iter().chain(browser_tools).filter(|tool| !is_there(tool.program));
    let mut packages: Vec<&str> = missing.map(|tool| tool.package).collect();
    packages.dedup();
    packages
}

fn is_there(program: &str) -> bool {
    command::on_path(program) || Path::new("/usr/sbin").join(program).is_file()
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn is_root() -> bool {
    command::output(Command::new("id").arg("-u")).is_ok_and(|id| id == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_missing_is_installed() {
        let check = |browser: bool, there: &[&str], expected: &[&str]| {
            assert_eq!(missing_packages(browser, |program| there.contains(&program)), expected, "{there:?}");
        };
        check(true, &[], &["mosquitto", "mosquitto-clients", "chromium", "chromium-driver", "libnss3-tools"]);
        check(false, &[], &["mosquitto", "mosquitto-clients"]);
        let all = ["mosquitto", "mosquitto_pub", "mosquitto_sub", "chromium", "chromedriver", "certutil"];
        let without = |missing: &str| all.iter().copied().filter(|tool| *tool != missing).collect::<Vec<_>>();
        check(true, &without("chromedriver"), &["chromium-driver"]);
        check(true, &without("mosquitto_sub"), &["mosquitto-clients"]);
        check(true, &all, &[]);
    }
}
