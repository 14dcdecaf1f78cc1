//! Which package may use which: the arrows of docs/architecture.md.

use std::path::{Path, PathBuf};
use std::{fs, str};

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::Complaint;
use crate::workspace;

/// What a package may depend on among our own.
struct Arrows {
    package: &'static str,
    uses: &'static [&'static str],
    /// What its tests may use in addition. `bio` cannot have `sim` here: cargo would build two
    /// `bio`s.
    tests_use: &'static [&'static str],
}

const ARROWS: &[Arrows] = &[
    Arrows { package: "bio", uses: &[], tests_use: &[] },
    Arrows { package: "sim", uses: &["bio"], tests_use: &[] },
    Arrows { package: "dm", uses: &["bio"], tests_use: &["sim"] },
    Arrows { package: "dm-mirror", uses: &["bio", "dm"], tests_use: &["sim", "subject"] },
    Arrows {
        package: "subject",
        uses: &["bio", "dm", "dm-mirror", "picture", "sim"],
        tests_use: &[],
    },
    Arrows { package: "bench", uses: &["bio", "dm", "dm-mirror"], tests_use: &[] },
    Arrows { package: "drivers", uses: &["bio"], tests_use: &[] },
    Arrows { package: "lwkt", uses: &[], tests_use: &[] },
    Arrows { package: "shell", uses: &[], tests_use: &[] },
    Arrows {
        package: "kernel",
        uses: &["bio", "dm", "dm-mirror", "drivers", "lwkt", "shell", "sim"],
        tests_use: &[],
    },
    Arrows { package: "inspect", uses: &["bio", "dm-mirror"], tests_use: &[] },
    Arrows { package: "play", uses: &["bio", "dm-mirror", "sim", "subject"], tests_use: &[] },
    Arrows { package: "picture", uses: &[], tests_use: &[] },
    Arrows { package: "xtask", uses: &["picture"], tests_use: &[] },
];

/// A dependency of one of our packages on another.
struct Dependency {
    package: String,
    on: String,
    in_tests: bool,
    manifest: PathBuf,
}

/// Complains about every dependency that is no arrow.
pub(super) fn check() -> Result<Vec<Complaint>> {
    let mut cargo = workspace::cargo();
    cargo.args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = cargo.output().context("cargo metadata")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout).context("cargo metadata")?;
    let mut complaints = Vec::new();
    for dependency in dependencies(&metadata) {
        if let Some(what) = objection(&dependency) {
            let manifest = fs::read_to_string(&dependency.manifest)?;
            let file = dependency.manifest.strip_prefix(workspace::root())?;
            complaints.push(Complaint::new(file, line_of(&manifest, &dependency.on), what));
        }
    }
    Ok(complaints)
}

/// The dependencies between the packages in cargo's metadata.
fn dependencies(metadata: &Value) -> Vec<Dependency> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut found = Vec::new();
    for package in list(&metadata["packages"]) {
        // Our own dependencies have a path, those of a registry have none.
        for on in list(&package["dependencies"]).iter().filter(|on| on["path"].is_string()) {
            found.push(Dependency {
                package: text(&package["name"]),
                on: text(&on["name"]),
                in_tests: on["kind"] == "dev",
                manifest: Path::new(&text(&package["manifest_path"])).to_owned(),
            });
        }
    }
    found
}

/// What is wrong with a dependency, if anything is.
fn objection(dependency: &Dependency) -> Option<String> {
    let Dependency { package, on, in_tests, .. } = dependency;
    let Some(arrows) = ARROWS.iter().find(|arrows| arrows.package == package) else {
        return Some(format!(
            "`{package}` is new: say in xtask/src/tidy/arrows.rs what it may use"
        ));
    };
    let allowed = |list: &[&str]| list.contains(&on.as_str());
    // A package's tests may choose its features by naming the package itself.
    let itself = package == on;
    if allowed(arrows.uses) || (*in_tests && (itself || allowed(arrows.tests_use))) {
        return None;
    }
    let where_it_may = if allowed(arrows.tests_use) { "outside its tests" } else { "at all" };
    Some(format!(
        "`{package}` must not use `{on}` {where_it_may}: move the code to where the arrows of \
         docs/architecture.md lead, or hand it over as an argument"
    ))
}

/// The line of `manifest` that names the dependency, or the first.
fn line_of(manifest: &str, name: &str) -> usize {
    let names = |line: &str| {
        let rest = line.trim_start().strip_prefix(name);
        rest.is_some_and(|rest| rest.starts_with(['.', ' ', '=']))
    };
    manifest.lines().position(names).map_or(1, |index| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objected(package: &str, on: &str, in_tests: bool) -> bool {
        let (package, on) = (package.to_owned(), on.to_owned());
        objection(&Dependency { package, on, in_tests, manifest: PathBuf::new() }).is_some()
    }

    #[test]
    fn arrows_lead_down_only() {
        assert!(!objected("dm-mirror", "dm", false));
        assert!(objected("dm", "dm-mirror", false));
        assert!(objected("bio", "dm", false));
        assert!(objected("drivers", "dm", false));
        assert!(objected("xtask", "bio", false));
    }

    #[test]
    fn the_simulator_is_for_tests() {
        assert!(!objected("dm-mirror", "sim", true));
        assert!(objected("dm-mirror", "sim", false));
        assert!(!objected("dm-mirror", "dm-mirror", true));
        assert!(objected("bio", "sim", true));
    }

    #[test]
    fn a_package_nobody_spoke_of_is_an_objection() {
        assert!(objected("network", "bio", false));
    }

    #[test]
    fn dependencies_are_read_from_cargos_metadata() {
        let metadata = serde_json::json!({"packages": [{
            "name": "dm", "manifest_path": "/p/Cargo.toml",
            "dependencies": [
                {"name": "bio", "kind": null, "path": "/bio"},
                {"name": "sim", "kind": "dev", "path": "/sim"},
                {"name": "spin", "kind": null},
            ],
        }]});
        let found = dependencies(&metadata);
        let found: Vec<_> = found.iter().map(|it| (it.on.as_str(), it.in_tests)).collect();
        assert_eq!(found, [("bio", false), ("sim", true)]);
    }

    #[test]
    fn the_line_is_that_of_the_whole_name() {
        let manifest = "[dependencies]\ndm-mirror.workspace = true\ndm.workspace = true\n";
        assert_eq!(line_of(manifest, "dm"), 3);
    }
}
