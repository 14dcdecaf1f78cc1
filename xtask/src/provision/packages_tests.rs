//! Tests of knowing a distribution, and of the commands that install there.

use super::*;

const DEBIAN: &str = "PRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\nVERSION_ID=\"12\"\n\
                      VERSION_CODENAME=bookworm\nID=debian\n";
const MINT: &str = "NAME=\"Linux Mint\"\nID=linuxmint\nID_LIKE=\"ubuntu debian\"\n";
const FEDORA: &str = "NAME=\"Fedora Linux\"\nID=fedora\nVERSION_ID=42\n";
const ROCKY: &str = "ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n";
const ARCH: &str = "NAME=\"Arch Linux\"\nID=arch\nBUILD_ID=rolling\n";
const ALPINE: &str = "NAME=\"Alpine Linux\"\nID=alpine\n";

/// The command, QEMU's version left to the manager.
fn command(manager: Manager, parts: &[Part]) -> String {
    manager.command(parts, &QemuChoice::Candidate).join(" ")
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
fn a_command_is_what_a_person_would_type() {
    assert_eq!(
        command(Manager::Apt, &[Part::Qemu, Part::Firmware]),
        "env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 \
         install -y --no-install-recommends --no-remove qemu-system-x86 ovmf"
    );
    assert_eq!(
        command(Manager::Dnf, &Part::ALL),
        "dnf install -y qemu-system-x86-core qemu-img edk2-ovmf e2fsprogs"
    );
    assert_eq!(
        command(Manager::Pacman, &Part::ALL),
        "pacman -S --needed --noconfirm qemu-system-x86 qemu-img edk2-ovmf e2fsprogs"
    );
    let page = [Part::Node, Part::Npm, Part::Browser];
    assert!(command(Manager::Apt, &page).ends_with("--no-remove nodejs npm chromium"));
    assert_eq!(command(Manager::Dnf, &page), "dnf install -y nodejs nodejs-npm chromium");
    assert_eq!(command(Manager::Brew, &page), "brew install node google-chrome");
}

#[test]
fn only_apt_needs_its_lists_first() {
    assert_eq!(Manager::Apt.refresh(), Some(words("apt-get -q update")));
    for manager in [Manager::Dnf, Manager::Pacman, Manager::Brew] {
        assert_eq!(manager.refresh(), None, "{manager:?}");
    }
}

#[test]
fn a_chosen_version_of_qemu_is_for_apt_and_never_removes() {
    let choice = QemuChoice::LikeTools { version: "1:10.0-1".into() };
    let command = |manager: Manager| manager.command(&[Part::Qemu, Part::Ext4], &choice).join(" ");
    let end = " --no-remove qemu-system-x86=1:10.0-1 qemu-system-common=1:10.0-1 \
               qemu-system-data=1:10.0-1 e2fsprogs";
    assert!(command(Manager::Apt).ends_with(end), "{}", command(Manager::Apt));
    assert_eq!(
        command(Manager::Pacman),
        "pacman -S --needed --noconfirm qemu-system-x86 e2fsprogs"
    );
}

#[test]
fn a_package_that_holds_several_parts_is_named_once() {
    assert_eq!(command(Manager::Brew, &Part::ALL), "brew install qemu e2fsprogs");
}

#[test]
fn the_version_of_the_firmware_is_asked_of_the_manager_that_installs_it() {
    let query = |manager: Manager| manager.version_query(Part::Firmware).join(" ");
    assert_eq!(query(Manager::Apt), "dpkg-query --show ovmf");
    assert_eq!(query(Manager::Dnf), "rpm --query edk2-ovmf");
    assert_eq!(query(Manager::Pacman), "pacman -Q edk2-ovmf");
    assert_eq!(query(Manager::Brew), "brew list --versions qemu");
}
