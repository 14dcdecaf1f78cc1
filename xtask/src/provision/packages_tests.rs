//! Tests of knowing a distribution, and of the commands that install there.

use super::*;

const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n\
                      VERSION_CODENAME=bookworm\nID=debian\n";
const MINT: &str = "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
const FEDORA: &str = "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=42\n";
const ROCKY: &str = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
const ARCH: &str = "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n";
const ALPINE: &str = "NAME=\"Alpine Linux\"\nID=alpine\n";

fn lines(plan: Vec<Words>) -> Vec<String> {
    plan.iter().map(|command| command.join(" ")).collect()
}

#[test]
fn the_distribution_or_its_ancestor_names_the_manager() {
    let manager = |os_release| Manager::of("linux", os_release);
    assert_eq!(manager(DEBIAN), Some(Manager::Apt));
    assert_eq!(manager(MINT), Some(Manager::Apt));
    assert_eq!(manager(FEDORA), Some(Manager::Dnf));
    assert_eq!(manager(ROCKY), Some(Manager::Dnf));
    assert_eq!(manager(ARCH), Some(Manager::Pacman));
    assert_eq!(manager(ALPINE), None);
    assert_eq!(manager(""), None);
    assert_eq!(Manager::of("macos", ""), Some(Manager::Brew));
}

#[test]
fn os_release_values_come_unquoted_and_by_their_whole_key() {
    assert_eq!(os_release_value(DEBIAN, "VERSION_CODENAME"), "bookworm");
    assert_eq!(os_release_value(DEBIAN, "VERSION_ID"), "12");
    assert_eq!(os_release_value(MINT, "ID"), "linuxmint");
    assert_eq!(os_release_value(DEBIAN, "VERSION"), "");
}

#[test]
fn a_plan_is_what_a_person_would_type() {
    assert_eq!(
        lines(Manager::Apt.plan(&[Part::Qemu, Part::Firmware])),
        [
            "apt-get -q update",
            "env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
             install -y --no-install-recommends --no-remove qemu-system-x86 ovmf",
        ]
    );
    assert_eq!(
        lines(Manager::Dnf.plan(&Part::ALL)),
        ["dnf install -y qemu-system-x86-core qemu-img edk2-ovmf e2fsprogs"]
    );
    assert_eq!(
        lines(Manager::Pacman.plan(&Part::ALL)),
        ["pacman -S --needed --noconfirm qemu-system-x86 qemu-img edk2-ovmf e2fsprogs"]
    );
}

#[test]
fn a_package_that_holds_several_parts_is_named_once() {
    assert_eq!(lines(Manager::Brew.plan(&Part::ALL)), ["brew install qemu e2fsprogs"]);
}
