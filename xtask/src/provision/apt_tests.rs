//! Tests of finding a package of exactly one release in what apt knows.

use super::*;

const BACKPORTS: &str = "\
  rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://mirror.example/debian stable-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://mirror.example/debian stable-backports/main amd64 Packages
  rust-src | 1.94.1+dfsg1-1~bpo13+3 | http://mirror.example/debian stable-backports/main amd64 Packages
";

#[test]
fn the_package_of_the_release_is_chosen_not_the_newest() {
    assert_eq!(choose_version(BACKPORTS, "1.95.0"), Some("1.95.0+dfsg1-2~bpo13+1"));
    assert_eq!(choose_version(BACKPORTS, "1.94.1"), Some("1.94.1+dfsg1-1~bpo13+3"));
}

#[test]
fn a_release_is_matched_whole() {
    assert_eq!(choose_version(BACKPORTS, "1.94.0"), None);
    let later = "rust-src | 1.95.01-1 | mirror\nrust-src | 1.95.0-1 | mirror\n";
    assert_eq!(choose_version(later, "1.95.0"), Some("1.95.0-1"));
}

#[test]
fn an_empty_table_has_no_version() {
    assert_eq!(choose_version("", "1.95.0"), None);
}
