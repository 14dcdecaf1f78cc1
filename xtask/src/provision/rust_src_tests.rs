//! Tests of the order of sources for rust-src, and of what is refused.

use super::*;

#[test]
fn a_named_source_stands_alone() {
    let named = Source::Named("/srv/rust-src.tar.xz".into());
    let path = || Some(PathBuf::from("/srv/rust-src.tar.xz"));
    assert_eq!(Source::candidates(path(), true, true), [named]);
}

#[test]
fn without_a_name_rustup_comes_before_debian() {
    assert_eq!(Source::candidates(None, true, true), [Source::Rustup, Source::Debian]);
    assert_eq!(Source::candidates(None, false, true), [Source::Debian]);
    assert_eq!(Source::candidates(Some(PathBuf::new()), true, false), [Source::Rustup]);
    assert_eq!(Source::candidates(None, false, false), []);
}

#[test]
fn the_newest_stabilisation_names_the_release() {
    let source = r#"
        #[unstable(feature = "a", issue = "1")]
        #[deprecated(since = "1.99.0", note = "to come")]
        #[stable(feature = "b", since = "1.9.0")]
        #[rustc_const_stable(
            feature = "c",
            since = "1.95.0"
        )]
        #[stable(feature = "d", since = "1.94.1")]
    "#;
    assert_eq!(newest_since(source), Some((1, 95)));
    assert_eq!(newest_since("#[unstable(feature = \"a\", issue = \"1\")]"), None);
}

/// A toolchain without sources, and sources that pass for those of a release.
struct World {
    folder: tempfile::TempDir,
    rustc: Rustc,
}

impl World {
    fn new() -> World {
        let folder = tempfile::tempdir().unwrap();
        let sysroot = folder.path().join("sysroot");
        World { folder, rustc: Rustc { release: "1.95.0".into(), sysroot } }
    }

    fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    fn sources(&self, name: &str, since: &str) -> PathBuf {
        let folder = self.folder.path().join(name);
        fs::create_dir_all(folder.join("library/core/src")).unwrap();
        fs::write(folder.join("library/Cargo.lock"), "").unwrap();
        let attribute = format!("#[stable(feature = \"a\", since = \"{since}\")]");
        fs::write(folder.join("library/core/src/lib.rs"), attribute).unwrap();
        folder
    }

    fn fetch(&self, path: PathBuf) -> Result<PathBuf> {
        Source::Named(path).fetch(&self.rustc, &self.cache())
    }

    /// The archive of such sources.
    fn archive(&self, sources: &Path) -> PathBuf {
        let archive = self.folder.path().join("sources.tar.xz");
        unpack::tests::pack(&archive, |tar| tar.append_dir_all(".", sources).unwrap());
        archive
    }
}

#[test]
fn a_named_folder_is_used_in_place_from_either_end() {
    let world = World::new();
    let sources = world.sources("named", "1.95.0");
    let library = sources.join("library").canonicalize().unwrap();
    assert_eq!(world.fetch(sources).unwrap(), library);
    assert_eq!(world.fetch(library.clone()).unwrap(), library);
    assert!(!world.cache().exists());
}

#[test]
fn sources_of_another_release_are_refused() {
    let world = World::new();
    let old = world.sources("old", "1.94.1");
    let refusal = "sources of Rust 1.94, but rustc is 1.95.0";
    assert_eq!(world.fetch(world.archive(&old)).unwrap_err().to_string(), refusal);
    assert_eq!(world.fetch(old).unwrap_err().to_string(), refusal);
    assert_eq!(world.rustc.present(&world.cache()), None);
}

#[test]
fn an_archive_is_unpacked_once_for_all_runs() {
    let world = World::new();
    let archive = world.archive(&world.sources("named", "1.95.0"));
    let library = world.fetch(archive.clone()).unwrap();
    assert_eq!(world.rustc.present(&world.cache()), Some(library.clone()));
    fs::remove_file(&archive).unwrap();
    fs::write(&archive, "not needed again").unwrap();
    assert_eq!(world.fetch(archive).unwrap(), library);
}

#[test]
fn what_a_killed_run_left_is_neither_used_nor_in_the_way() {
    let world = World::new();
    let archive = world.archive(&world.sources("named", "1.95.0"));
    let debris = world.sources("cache/rust-src.partial-killed/unpacked", "1.95.0");
    fs::write(debris.join("library/debris"), "").unwrap();
    assert_eq!(world.rustc.present(&world.cache()), None);
    let library = world.fetch(archive).unwrap();
    assert!(!library.join("debris").exists());
    assert!(!debris.exists());
}

#[test]
fn a_failed_attempt_leaves_no_sources() {
    let world = World::new();
    let no_archive = world.folder.path().join("damaged.tar.xz");
    fs::write(&no_archive, "damaged").unwrap();
    world.fetch(no_archive).unwrap_err();
    assert_eq!(world.rustc.present(&world.cache()), None);
    let left: Vec<_> =
        fs::read_dir(world.cache()).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert_eq!(left, ["rust-src.lock"]);
    let gone = world.fetch("/nonexistent".into()).unwrap_err();
    assert_eq!(gone.to_string(), "no such file or folder");
}
