//! The command line of QEMU, made here and nowhere else.
//!
//! [`Machine`] is what a caller may choose; everything else is fixed here. The boot image hangs
//! on q35's AHCI controller: OVMF boots from it, and the kernel, which drives virtio only,
//! never sees it among its disks. Each disk is in a PCI Express slot of its own, and may be
//! taken out of it. The kernel handles that itself, without the firmware's ACPI.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::accel::Accel;
use super::counting;
use super::images::{self, Image};
use super::session::Sockets;
use super::switch::Switch;
use crate::provision::Tools;

/// Memory of the guest, in MiB.
const MEMORY_MIB: u32 = 512;

/// What a caller chooses about a boot.
pub(crate) struct Machine<'a> {
    /// QEMU and its firmware.
    pub(crate) tools: &'a Tools,
    /// The accelerator.
    pub(crate) accel: Accel,
    /// The image that the firmware boots.
    pub(crate) image: &'a Path,
    /// The kernel's command line: words `key=value`.
    pub(crate) cmdline: String,
    /// The disks, in the kernel's order: `vbd0`, `vbd1`, ...
    pub(crate) disks: Vec<Disk>,
    /// Where `serial.log` and `qemu.log` go: a folder that exists.
    pub(crate) logs: PathBuf,
}

/// A virtio-blk disk of the guest and what is behind it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Disk {
    backend: Backend,
    /// Its serial number; without one, its name in the kernel.
    serial: Option<String>,
    /// Size of a block, in bytes.
    block_bytes: u32,
    /// Its highest rate, in bytes a second.
    rate: Option<u64>,
    /// What is behind it can be changed while the guest runs; see `switch`.
    switched: bool,
    /// It knows FLUSH, and the guest may choose its cache.
    flushes: bool,
}

/// Where a disk's data is.
#[derive(Clone, Debug, PartialEq)]
enum Backend {
    /// A QEMU block device, as `blockdev-add` takes it, without its node name.
    Blockdev(Value),
    /// Anything else that QEMU's `file=` understands, such as `nbd://host/name`.
    Uri(String),
}

impl Disk {
    /// A QEMU block device, as `blockdev-add` takes it, without its node name.
    pub(crate) fn blockdev(value: Value) -> Self {
        Self::new(Backend::Blockdev(value))
    }

    fn new(backend: Backend) -> Self {
        Self { backend, serial: None, block_bytes: 512, rate: None, switched: false, flushes: true }
    }

    /// A raw image file.
    pub(crate) fn raw(file: &Path) -> Self {
        // The host gets back what the guest discards: a sparse image stays sparse.
        Self::blockdev(json!({
            "driver": "raw",
            "discard": "unmap",
            "file": {"driver": "file", "filename": file, "discard": "unmap"},
        }))
    }

    /// A raw image file that the guest can only read.
    pub(crate) fn raw_read_only(file: &Path) -> Self {
        Self::blockdev(json!({
            "driver": "raw",
            "read-only": true,
            "file": {"driver": "file", "filename": file, "read-only": true},
        }))
    }

    /// The same disk with this serial number.
    pub(crate) fn with_serial(self, serial: &str) -> Self {
        Self { serial: Some(serial.to_owned()), ..self }
    }

    /// The same disk with blocks of this many bytes.
    pub(crate) fn with_blocks(self, block_bytes: u32) -> Self {
        Self { block_bytes, ..self }
    }

    /// The same block device, slowed down to this many bytes a second.
    pub(crate) fn with_rate(self, bytes_per_second: u64) -> Self {
        Self { rate: Some(bytes_per_second), ..self }
    }

    /// The device that disk `number` is to the guest, as `device_add` takes it; the
    /// kernel calls it `vbd` and its number, and so does QEMU.
    pub(crate) fn device(&self, number: usize) -> Value {
        let name = format!("vbd{number}");
        let id = self.switch(number).map_or_else(|| name.clone(), |switch| switch.device());
        let mut device = json!({
            "driver": "virtio-blk-pci",
            "id": id,
            "bus": port(number),
            "drive": name,
            "serial": self.serial.as_deref().unwrap_or(&name),
            "disable-legacy": "on",
            "logical_block_size": self.block_bytes,
            "physical_block_size": self.block_bytes,
            "rerror": "report",
            "werror": "report",
        });
        if !self.flushes {
            (device["config-wce"], device["write-cache"]) = (json!(false), json!("off"));
        }
        device
    }

    /// The same disk, if it is a block device, on a switch.
    pub(crate) fn switched(self) -> Self {
        let switched = matches!(self.backend, Backend::Blockdev(_));
        Self { switched, ..self }
    }

    /// The image file that has its data, if one has.
    pub(super) fn image(&self) -> Option<Image> {
        let Backend::Blockdev(value) = &self.backend else { return None };
        images::below(value)
    }

    /// Its name, for a person.
    pub(crate) fn told(&self) -> String {
        match (&self.backend, self.image()) {
            (_, Some(image)) => image.file.display().to_string(),
            (Backend::Blockdev(value), None) => {
                value["driver"].as_str().unwrap_or("a block device").to_owned()
            }
            (Backend::Uri(uri), None) => uri.clone(),
        }
    }

    /// The same disk without a cache, and without the command that empties one.
    pub(crate) fn without_flush(self) -> Self {
        Self { flushes: false, ..self }
    }

    /// Its switch, as disk `number`; none if it is on none.
    pub(crate) fn switch(&self, number: usize) -> Option<Switch> {
        let Backend::Blockdev(value) = &self.backend else { return None };
        self.switched.then(|| Switch::new(number, value))
    }

    /// The disk that a person names: a raw image's path, a URI with `://`, or
    /// a `json:{...}` block device.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        if let Some(blockdev) = text.strip_prefix("json:") {
            let value: Value = serde_json::from_str(blockdev)
                .with_context(|| format!("--disk {text}: not a JSON block device"))?;
            ensure!(value.is_object(), "--disk {text}: a block device is a JSON object");
            return Ok(Self::blockdev(value));
        }
        if text.contains("://") {
            return Ok(Self::new(Backend::Uri(text.to_owned())));
        }
        let file = Path::new(text);
        ensure!(file.exists(), "--disk {text}: no such file; `truncate -s 64M {text}` makes one");
        Ok(Self::raw(file))
    }
}

impl Machine<'_> {
    /// Whether its console gets a script: the last such word of the command line counts.
    pub(super) fn is_for_a_script(&self) -> bool {
        let mut words = self.cmdline.split_whitespace().rev();
        words.find_map(|word| word.strip_prefix("session=")) == Some("script")
    }

    /// The command that boots this machine; its serial line and QMP dial the
    /// `sockets`, its variable store is `variables` (written to).
    pub(super) fn command(&self, sockets: &Sockets, variables: &Path) -> Command {
        let mut qemu = Command::new(&self.tools.qemu);
        qemu.args(["-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"]);
        // Room for a second CPU, so that TCG keeps barriers: see `Accel::cpus`.
        qemu.args(["-machine", "q35", "-smp", self.accel.cpus(), "-cpu", "max", "-m"]);
        qemu.arg(format!("{MEMORY_MIB}M")).args(["-accel", self.accel.name()]);
        if self.accel == Accel::TcgCounted {
            qemu.args(counting::options(&self.logs));
        }
        self.lines(&mut qemu, sockets);
        self.boot(&mut qemu, variables);
        qemu.args(["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]);
        for (number, disk) in self.disks.iter().enumerate() {
            attach(&mut qemu, number, disk);
        }
        qemu
    }

    /// Serial line, QMP, the port for verdicts and the kernel's command line.
    fn lines(&self, qemu: &mut Command, sockets: &Sockets) {
        let serial = "socket,id=serial,server=off";
        qemu.arg("-chardev").arg(options(serial, &[("path", &sockets.serial)]));
        qemu.args(["-serial", "chardev:serial"]);
        qemu.arg("-chardev").arg(options("socket,id=qmp,server=off", &[("path", &sockets.qmp)]));
        qemu.args(["-mon", "chardev=qmp,mode=control"]);
        qemu.args(["-device", "isa-debug-exit,iobase=0xf4,iosize=4"]);
        let cmdline = escaped(&self.cmdline);
        qemu.arg("-fw_cfg").arg(format!("name=opt/dmirror/cmdline,string={cmdline}"));
    }

    /// Firmware and boot image.
    fn boot(&self, qemu: &mut Command, variables: &Path) {
        let firmware = &self.tools.firmware;
        let code = format!("if=pflash,unit=0,format={},readonly=on", firmware.format);
        qemu.arg("-drive").arg(options(&code, &[("file", &firmware.code)]));
        let vars = format!("if=pflash,unit=1,format={}", firmware.format);
        qemu.arg("-drive").arg(options(&vars, &[("file", variables)]));
        // An IDE disk must be writable; what the firmware writes is thrown away,
        // and the image may be booted twice at once.
        let image = "if=none,id=boot,format=raw,snapshot=on";
        qemu.arg("-drive").arg(options(image, &[("file", self.image)]));
        qemu.args(["-device", "ide-hd,drive=boot,bus=ide.0,bootindex=0"]);
    }
}

/// Adds disk `number`. The kernel names disks by their place on the bus, so the
/// slots are fixed; errors go to the guest, never stop the machine.
fn attach(qemu: &mut Command, number: usize, disk: &Disk) {
    let name = format!("vbd{number}");
    match &disk.backend {
        Backend::Blockdev(value) if disk.switched => {
            qemu.args(Switch::new(number, value).args(value, disk.rate));
        }
        Backend::Blockdev(value) => {
            let mut value = value.clone();
            if let Some(rate) = disk.rate {
                let group = format!("rate{number}");
                let limits = json!({"bps-total": rate});
                let object = json!({"qom-type": "throttle-group", "id": group, "limits": limits});
                qemu.arg("-object").arg(object.to_string());
                value = json!({
                    "driver": "throttle", "throttle-group": group, "file": value,
                    "discard": "unmap",
                });
            }
            value["node-name"] = json!(name);
            qemu.arg("-blockdev").arg(value.to_string());
        }
        Backend::Uri(uri) => {
            let options = format!("if=none,id={name},format=raw,discard=unmap");
            qemu.arg("-drive").arg(format!("{options},file={}", escaped(uri)));
        }
    }
    let (place, slot) = (FIRST_PORT + number, number + 1);
    qemu.arg("-device").arg(format!(
        "pcie-root-port,id={},addr={place:#x},chassis={slot},slot={slot}",
        port(number)
    ));
    let device = disk.device(number);
    qemu.arg("-device").arg(device.to_string());
}

/// PCI device of the port above `vbd0`; q35 itself uses 0 and 0x1f.
const FIRST_PORT: usize = 4;

/// What QEMU calls the port above disk `number`.
fn port(number: usize) -> String {
    format!("port{number}")
}

/// `head`, then `,key=path` for each pair, with QEMU's escape for commas.
fn options(head: &str, paths: &[(&str, &Path)]) -> OsString {
    let mut text = OsString::from(head);
    for (key, path) in paths {
        text.push(format!(",{key}={}", escaped(&path.to_string_lossy())));
    }
    text
}

/// QEMU doubles a comma that is not to end an option's value.
pub(crate) fn escaped(text: &str) -> String {
    text.replace(',', ",,")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_comma_in_a_path_does_not_end_the_option() {
        let text = options("if=none", &[("file", Path::new("/a,b"))]);
        assert_eq!(text, "if=none,file=/a,,b");
    }

    #[test]
    fn disks_are_told_apart_by_their_text() {
        let uri = Disk::parse("nbd://localhost/disk").unwrap();
        assert_eq!(uri.backend, Backend::Uri("nbd://localhost/disk".into()));
        let null = Disk::parse(r#"json:{"driver":"null-co"}"#).unwrap();
        assert_eq!(null, Disk::blockdev(json!({"driver": "null-co"})));
    }

    #[test]
    fn what_is_discarded_reaches_the_image_through_all_layers() {
        let raw = || Disk::raw(Path::new("/a"));
        for disk in [raw(), raw().with_rate(1), raw().switched()] {
            let mut qemu = Command::new("qemu");
            attach(&mut qemu, 0, &disk);
            let args: Vec<_> = qemu.get_args().map(|arg| arg.to_str().unwrap()).collect();
            let nodes = args.windows(2).filter(|pair| pair[0] == "-blockdev");
            for node in nodes.map(|pair| serde_json::from_str::<Value>(pair[1]).unwrap()) {
                let mut layer = &node;
                while layer.is_object() {
                    assert_eq!(layer["discard"], "unmap", "{layer} in {node}");
                    layer = &layer["file"];
                }
            }
        }
    }

    #[test]
    fn a_disk_that_cannot_be_is_refused_with_its_text() {
        for text in ["json:[]", "json:{", "no/such/file.img"] {
            let why = Disk::parse(text).unwrap_err().to_string();
            assert!(why.starts_with(&format!("--disk {text}")), "{why}");
        }
    }

    #[test]
    fn a_disk_is_attached_under_the_kernels_name_and_reports_errors() {
        let mut qemu = Command::new("qemu");
        let disk = Disk::blockdev(json!({"driver": "null-co"}));
        attach(&mut qemu, 2, &disk.with_blocks(4096));
        let args: Vec<_> = qemu.get_args().map(|arg| arg.to_str().unwrap()).collect();
        assert_eq!(args[1], r#"{"driver":"null-co","node-name":"vbd2"}"#);
        assert_eq!(args[3], "pcie-root-port,id=port2,addr=0x6,chassis=3,slot=3");
        let device: Value = serde_json::from_str(args[5]).unwrap();
        let words = [
            ("driver", json!("virtio-blk-pci")),
            ("bus", json!("port2")),
            ("drive", json!("vbd2")),
            ("serial", json!("vbd2")),
            ("disable-legacy", json!("on")),
            ("logical_block_size", json!(4096)),
            ("rerror", json!("report")),
            ("werror", json!("report")),
        ];
        for (key, value) in words {
            assert_eq!(device[key], value, "{key}");
        }
    }
}
