//! Tests of choosing QEMU's version beside tools of several origins.

use super::*;

const BACKPORT: &str = "1:10.0.2+ds-2+deb13u1~bpo12+1";
const STABLE: &str = "1:7.2+dfsg-7+deb12u18+b3";

/// The emulator where only stable is configured.
const EMULATOR_OF_STABLE: &str = "\
qemu-system-x86:
  Installed: (none)
  Candidate: 1:7.2+dfsg-7+deb12u18+b3
  Version table:
     1:7.2+dfsg-7+deb12u18+b3 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
     1:7.2+dfsg-7+deb12u15 500
        500 http://mirror.example/debian-security bookworm-security/main amd64 Packages
";

/// The emulator where backports are configured as well, which apt does not
/// choose from by itself.
const EMULATOR_OF_BACKPORTS: &str = "\
qemu-system-x86:
  Installed: (none)
  Candidate: 1:7.2+dfsg-7+deb12u18+b3
  Version table:
     1:10.0.2+ds-2+deb13u1~bpo12+1 100
        100 http://mirror.example/debian bookworm-backports/main amd64 Packages
     1:7.2+dfsg-7+deb12u18+b3 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
";

const UTILS_OF_BACKPORTS: &str = "\
qemu-utils:
  Installed: 1:10.0.2+ds-2+deb13u1~bpo12+1
  Candidate: 1:10.0.2+ds-2+deb13u1~bpo12+1
  Version table:
 *** 1:10.0.2+ds-2+deb13u1~bpo12+1 100
        100 /var/lib/dpkg/status
     1:7.2+dfsg-7+deb12u18+b3 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
";

const UTILS_OF_STABLE: &str = "\
qemu-utils:
  Installed: 1:7.2+dfsg-7+deb12u18+b3
  Candidate: 1:7.2+dfsg-7+deb12u18+b3
  Version table:
 *** 1:7.2+dfsg-7+deb12u18+b3 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
        100 /var/lib/dpkg/status
";

const UTILS_OUT_OF_DATE: &str = "\
qemu-utils:
  Installed: 1:7.2+dfsg-7+deb12u15
  Candidate: 1:7.2+dfsg-7+deb12u18+b3
  Version table:
     1:7.2+dfsg-7+deb12u18+b3 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
 *** 1:7.2+dfsg-7+deb12u15 500
        500 http://mirror.example/debian-security bookworm-security/main amd64 Packages
        100 /var/lib/dpkg/status
";

const NO_UTILS: &str = "\
qemu-utils:
  Installed: (none)
  Candidate: 1:7.2+dfsg-7+deb12u18+b3
  Version table:
     1:7.2+dfsg-7+deb12u18+b3 500
        500 http://mirror.example/debian bookworm/main amd64 Packages
";

const BLOCK_EXTRA_OF_BACKPORTS: &str = "\
qemu-block-extra:
  Installed: 1:10.0.2+ds-2+deb13u1~bpo12+1
  Candidate: 1:10.0.2+ds-2+deb13u1~bpo12+1
  Version table:
 *** 1:10.0.2+ds-2+deb13u1~bpo12+1 100
        100 /var/lib/dpkg/status
";

fn choice(policies: &[&str]) -> QemuChoice {
    QemuChoice::of(&policies.concat())
}

#[test]
fn where_nothing_disagrees_apt_chooses() {
    for policies in [
        &[EMULATOR_OF_STABLE, NO_UTILS][..],
        &[EMULATOR_OF_STABLE, UTILS_OF_STABLE],
        &[EMULATOR_OF_BACKPORTS, UTILS_OF_STABLE],
        &[EMULATOR_OF_STABLE, UTILS_OUT_OF_DATE],
    ] {
        let choice = choice(policies);
        assert_eq!(choice, QemuChoice::Candidate, "{policies:?}");
        assert_eq!(choice.arguments(), ["qemu-system-x86"]);
        assert_eq!(choice.warning(), None);
    }
}

#[test]
fn lists_that_tell_nothing_change_nothing() {
    assert_eq!(choice(&[]), QemuChoice::Candidate);
    assert_eq!(choice(&[EMULATOR_OF_STABLE]), QemuChoice::Candidate);
    assert_eq!(choice(&[UTILS_OF_BACKPORTS]), QemuChoice::Candidate);
}

#[test]
fn the_emulator_follows_the_tools_where_the_sources_have_it() {
    let choice = choice(&[EMULATOR_OF_BACKPORTS, UTILS_OF_BACKPORTS, BLOCK_EXTRA_OF_BACKPORTS]);
    assert_eq!(choice, QemuChoice::LikeTools { version: BACKPORT.into() });
    assert_eq!(choice.warning(), None);
    assert_eq!(
        choice.arguments(),
        [
            "qemu-system-x86=1:10.0.2+ds-2+deb13u1~bpo12+1",
            "qemu-system-common=1:10.0.2+ds-2+deb13u1~bpo12+1",
            "qemu-system-data=1:10.0.2+ds-2+deb13u1~bpo12+1",
        ]
    );
}

#[test]
fn the_data_package_has_the_version_before_the_rebuild() {
    let arguments = QemuChoice::LikeTools { version: STABLE.into() }.arguments();
    assert_eq!(arguments[1], "qemu-system-common=1:7.2+dfsg-7+deb12u18+b3");
    assert_eq!(arguments[2], "qemu-system-data=1:7.2+dfsg-7+deb12u18");
}

#[test]
fn the_tools_go_down_where_the_sources_have_no_emulator_like_them() {
    let choice = choice(&[EMULATOR_OF_STABLE, UTILS_OF_BACKPORTS]);
    assert_eq!(
        choice.arguments(),
        [
            "--allow-downgrades",
            "qemu-system-x86=1:7.2+dfsg-7+deb12u18+b3",
            "qemu-utils=1:7.2+dfsg-7+deb12u18+b3",
        ]
    );
    assert_eq!(
        choice.warning().unwrap(),
        "qemu-utils will be downgraded from 1:10.0.2+ds-2+deb13u1~bpo12+1 to \
         1:7.2+dfsg-7+deb12u18+b3: QEMU's packages must agree in version, and apt's sources do \
         not offer qemu-system-x86 1:10.0.2+ds-2+deb13u1~bpo12+1"
    );
}

#[test]
fn what_depends_on_the_tools_version_goes_down_with_them() {
    let choice = choice(&[EMULATOR_OF_STABLE, UTILS_OF_BACKPORTS, BLOCK_EXTRA_OF_BACKPORTS]);
    assert_eq!(
        choice.arguments()[2..],
        [format!("qemu-utils={STABLE}"), format!("qemu-block-extra={STABLE}")]
    );
    assert!(choice.warning().unwrap().starts_with("qemu-utils and qemu-block-extra will be"));
}
