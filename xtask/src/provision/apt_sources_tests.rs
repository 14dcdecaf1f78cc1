//! Tests of reading apt's sources, in both formats they come in.

use super::*;

const DEB822: &str = "\
# The system.
Types: deb
URIs: http://mirror.example/debian
# as of today
Suites: bookworm bookworm-updates
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

types: deb-src deb
uris: https://mirror.example/debian
suites: sid
components: main contrib
enabled: no

Types: deb-src
URIs: https://mirror.example/debian
Suites: sid
Components: main

Types: deb
URIs: mirror+file:/etc/apt/mirrors/debian.list
Suites: trixie
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 mQINBF
";

#[test]
fn stanzas_that_are_disabled_or_for_sources_are_left_out() {
    let sources = parse_stanzas(DEB822);
    let uris: Vec<_> = sources.iter().map(|source| source.uris.join(" ")).collect();
    assert_eq!(
        uris,
        [
            "http://mirror.example/debian",
            "http://mirror.example/debian-security",
            "mirror+file:/etc/apt/mirrors/debian.list"
        ]
    );
}

#[test]
fn only_the_distribution_itself_is_a_mirror() {
    let sources = parse_stanzas(DEB822);
    let mirrors: Vec<_> = sources.iter().map(|source| source.is_distribution("bookworm")).collect();
    assert_eq!(mirrors, [true, false, false]);
    assert!(sources[2].is_distribution("trixie"));
    let foreign = parse_line("deb https://download.example/linux/debian bookworm stable").unwrap();
    assert!(!foreign.is_distribution("bookworm"));
}

#[test]
fn another_suite_keeps_mirror_and_keyring() {
    assert_eq!(
        parse_stanzas(DEB822)[0].of_suite("unstable"),
        "Types: deb\nURIs: http://mirror.example/debian\nSuites: unstable\nComponents: main\n\
         Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
    );
}

#[test]
fn a_key_inside_the_stanza_survives() {
    let stanza = parse_stanzas(DEB822)[2].of_suite("testing");
    assert!(
        stanza.ends_with("Signed-By: \n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF\n"),
        "{stanza}"
    );
    assert_eq!(parse_stanzas(&stanza)[0].of_suite("testing"), stanza);
}

#[test]
fn both_formats_mean_the_same() {
    let line = "deb [arch=amd64 signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] \
                http://mirror.example/debian bookworm main # ours";
    let (line, stanza) = (parse_line(line).unwrap(), &parse_stanzas(DEB822)[0]);
    assert_eq!(line.of_suite("testing"), stanza.of_suite("testing"));
    let trusted = parse_line("deb [ trusted=yes ] file:/srv/debian stable main contrib").unwrap();
    assert_eq!(
        trusted.of_suite("testing"),
        "Types: deb\nURIs: file:/srv/debian\nSuites: testing\nComponents: main\nTrusted: yes\n"
    );
}

#[test]
fn lines_that_are_no_binary_source_are_skipped() {
    for line in [
        "",
        "# deb http://mirror.example/debian bookworm main",
        "deb-src http://mirror.example/debian bookworm main",
        "deb [arch=amd64 http://mirror.example/debian bookworm main",
        "deb http://mirror.example/debian",
        "deb",
    ] {
        assert_eq!(parse_line(line), None, "{line}");
    }
}

#[test]
fn a_stanza_that_is_no_deb822_is_skipped() {
    assert_eq!(parse_stanzas("deb http://mirror.example/debian bookworm main\n"), []);
    assert_eq!(parse_stanzas(" folded: first\nTypes: deb\n"), []);
}
