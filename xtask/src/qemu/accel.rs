//! Which accelerator a guest runs on.
//!
//! KVM and Hypervisor.framework are many times faster than TCG, QEMU's interpreter. But they
//! may be there and not work: inside some virtual machines the device opens, and then the
//! firmware crashes. So `auto` believes only a boot that reached the ready line, and remembers
//! the answer for this version of QEMU.

use std::fs::{self, File};
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use clap::ValueEnum;

use super::command::Machine;
use super::guest::Guest;
use crate::build::Kernel;
use crate::provision::Tools;
use crate::workspace;

/// How long a trial boot may take; one that works takes a few seconds.
const TRIAL_LIMIT: Duration = Duration::from_secs(30);

/// An accelerator of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accel {
    /// Linux.
    Kvm,
    /// macOS on Intel.
    Hvf,
    /// Interpretation: everywhere, slow.
    Tcg,
    /// The same for a guest that can have only one CPU. For `faults` only: see [`Accel::cpus`].
    TcgUnordered,
    /// The same with a plugin that counts what the guest executes. Benchmarks only: see
    /// `counting`.
    TcgCounted,
}

impl Accel {
    const ALL: [Self; 3] = [Self::Kvm, Self::Hvf, Self::Tcg];

    /// QEMU's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Hvf => "hvf",
            Self::Tcg | Self::TcgUnordered | Self::TcgCounted => "tcg",
        }
    }

    /// The guest's CPUs, as `-smp` takes them: one, and room for another. Without that room TCG
    /// assumes that the guest's CPU is alone, and leaves barriers out of the translated code,
    /// although devices run on other threads of the host.
    pub(super) fn cpus(self) -> &'static str {
        match self {
            Self::Kvm | Self::Hvf | Self::Tcg | Self::TcgCounted => "1,maxcpus=2",
            Self::TcgUnordered => "1",
        }
    }

    /// The fast accelerator that this host seems to offer.
    fn offered() -> Option<Self> {
        if !cfg!(target_arch = "x86_64") {
            None
        } else if cfg!(target_os = "macos") {
            Some(Self::Hvf)
        } else {
            let kvm = File::options().read(true).write(true).open("/dev/kvm");
            kvm.is_ok().then_some(Self::Kvm)
        }
    }
}

/// What the person asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Choice {
    /// The fast one if a guest comes up on it, else TCG
    Auto,
    /// Linux's KVM
    Kvm,
    /// macOS' Hypervisor.framework
    Hvf,
    /// QEMU's interpreter: slow, everywhere the same
    Tcg,
}

impl Choice {
    /// The word for it on xtask's command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Kvm => Accel::Kvm.name(),
            Self::Hvf => Accel::Hvf.name(),
            Self::Tcg => Accel::Tcg.name(),
        }
    }

    /// The accelerator to use; `auto` may boot `kernel` to find out.
    pub(crate) fn resolve(self, tools: &Tools, kernel: &Kernel) -> Result<Accel> {
        match self {
            Self::Kvm => Ok(Accel::Kvm),
            Self::Hvf => Ok(Accel::Hvf),
            Self::Tcg => Ok(Accel::Tcg),
            Self::Auto => match Accel::offered() {
                None => Ok(Accel::Tcg),
                Some(fast) => remembered_or_tried(fast, tools, kernel),
            },
        }
    }
}

fn remembered_or_tried(fast: Accel, tools: &Tools, kernel: &Kernel) -> Result<Accel> {
    let version = qemu_version(tools);
    let memory = workspace::accel_memory();
    let known = fs::read_to_string(&memory).ok().and_then(|text| recall(&text, &version));
    if let Some(accel) = known {
        return Ok(accel);
    }
    eprintln!("xtask: trying {} (once; the answer is kept in {})", fast.name(), memory.display());
    let accel = match trial(fast, tools, kernel) {
        Ok(()) => fast,
        Err(why) => {
            let why = why.to_string();
            let first = why.lines().next().unwrap_or_default();
            eprintln!("xtask: no guest comes up on {}, using tcg: {first}", fast.name());
            Accel::Tcg
        }
    };
    fs::write(&memory, remember(accel, &version))?;
    Ok(accel)
}

/// Boots to the ready line, or says why it was not reached.
fn trial(accel: Accel, tools: &Tools, kernel: &Kernel) -> Result<()> {
    let machine = Machine {
        tools,
        accel,
        image: &kernel.image,
        cmdline: "mode=console session=script".into(),
        disks: Vec::new(),
        logs: workspace::make(workspace::runs().join("accel"))?,
    };
    Guest::boot(&machine, TRIAL_LIMIT)?.until_prompt()
}

/// QEMU's name and version.
pub(crate) fn qemu_version(tools: &Tools) -> String {
    let output = Command::new(&tools.qemu).arg("--version").output();
    let text = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().to_owned()
}

/// The memory file's text: the accelerator, then the QEMU it was tried with.
fn remember(accel: Accel, version: &str) -> String {
    format!("{}\n{version}\n", accel.name())
}

/// The accelerator in the memory file's text, if it is about this QEMU.
fn recall(text: &str, version: &str) -> Option<Accel> {
    let (name, tried_with) = text.split_once('\n')?;
    let accel = Accel::ALL.into_iter().find(|accel| accel.name() == name)?;
    (tried_with.trim_end() == version).then_some(accel)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_recalled_for_the_same_qemu_only() {
        for accel in Accel::ALL {
            let text = remember(accel, "QEMU 7.2");
            assert_eq!(recall(&text, "QEMU 7.2"), Some(accel));
            assert_eq!(recall(&text, "QEMU 9.0"), None);
        }
    }

    #[test]
    fn a_memory_that_makes_no_sense_is_none() {
        for text in ["", "kvm", "warp\nQEMU 7.2\n"] {
            assert_eq!(recall(text, "QEMU 7.2"), None);
        }
    }
}
