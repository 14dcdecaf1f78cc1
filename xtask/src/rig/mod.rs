//! The fault rig: faults of the disks of a running guest, made from outside.
//!
//! `server` is a disk that hangs. [`Rig`] knows the fault of each disk, and refuses a fault
//! that does not fit. `run` gives it to a person (`cargo xtask disk`), `faults` to its cases.
//! Rule: a disk has one fault at a time, besides a limit to its rate. A refusal says what to do
//! instead, and changes nothing.

mod server;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use crate::provision::Tools;
use crate::qemu::{Disk, Guest, Switch};
pub(crate) use server::Server;

/// Linux's number for an I/O error, which QEMU takes on every host.
const EIO: u32 = 5;

/// The disks of a guest, and what was done to them.
pub(crate) struct Rig<'a> {
    tools: &'a Tools,
    /// Where servers' logs go.
    logs: PathBuf,
    disks: Vec<Handle>,
}

/// A disk of the guest.
struct Handle {
    name: String,
    switch: Option<Switch>,
    fault: Fault,
    /// Bytes a second, if it was slowed down.
    rate: Option<u64>,
}

/// The fault of a disk. With all but the first, the device uses another node.
enum Fault {
    None,
    /// Requests fail.
    Failing,
    /// Nothing is answered.
    Hung(Server),
    /// The server of a disk that hung was killed.
    Dead,
}

impl<'a> Rig<'a> {
    /// The rig of a guest that was booted with these disks.
    pub(crate) fn new(disks: &[Disk], logs: &Path, tools: &'a Tools) -> Self {
        let handle = |(number, disk): (usize, &Disk)| Handle {
            name: format!("vbd{number}"),
            switch: disk.switch(number),
            fault: Fault::None,
            rate: None,
        };
        let disks = disks.iter().enumerate().map(handle).collect();
        Self { tools, logs: logs.to_owned(), disks }
    }

    /// Every request fails, those in flight too if the disk hangs.
    pub(crate) fn pull(&mut self, guest: &mut Guest, number: usize) -> Result<String> {
        let disk = self.disk(number)?;
        if let Fault::Hung(server) = &mut disk.fault {
            server.kill()?;
            disk.fault = Fault::Dead;
        } else {
            disk.inject(guest, &[json!({})])?;
        }
        Ok(format!("{} is pulled: every request fails", disk.name))
    }

    /// Requests fail by these rules, in blkdebug's words (`iotype`, `sector`, `once`).
    pub(crate) fn inject(
        &mut self,
        guest: &mut Guest,
        number: usize,
        rules: &[Value],
    ) -> Result<()> {
        self.disk(number)?.inject(guest, rules)
    }

    /// From now on nothing is answered.
    pub(crate) fn hang(&mut self, guest: &mut Guest, number: usize) -> Result<String> {
        let (tools, log) = (self.tools, self.logs.join(format!("nbd{number}.log")));
        let disk = self.disk(number)?;
        disk.ensure_well()?;
        let switch = disk.switch()?;
        let image = switch.image().with_context(|| {
            format!("{} is no image file, and cannot be made to hang", disk.name)
        })?;
        let server = Server::start(image, &log, tools)?;
        let mut node = server.blockdev();
        node["node-name"] = json!(disk.fault_node());
        switch.divert(guest, node)?;
        server.hang()?;
        disk.fault = Fault::Hung(server);
        Ok(format!("{} hangs: nothing is answered", disk.name))
    }

    /// Limits a disk to this many bytes a second.
    pub(crate) fn slow(&mut self, guest: &mut Guest, number: usize, rate: u64) -> Result<String> {
        let disk = self.disk(number)?;
        ensure!(rate > 0, "a disk with no rate at all hangs: `cargo xtask disk hang {number}`");
        disk.switch()?.limit(guest, Some(rate))?;
        disk.rate = Some(rate);
        Ok(format!("{} is slow: {} KiB/s", disk.name, rate >> 10))
    }

    /// Ends a hang, whose requests are answered now, and a limit to the rate.
    pub(crate) fn heal(&mut self, guest: &mut Guest, number: usize) -> Result<String> {
        let disk = self.disk(number)?;
        ensure!(!disk.is_gone(), "{} is pulled: `cargo xtask disk return {number}`", disk.name);
        let hung = matches!(disk.fault, Fault::Hung(_));
        ensure!(hung || disk.rate.is_some(), "{} is well", disk.name);
        disk.end_fault(guest)?;
        if disk.rate.is_some() {
            disk.switch()?.limit(guest, None)?;
            disk.rate = None;
        }
        let late = if hung { "; what it was asked is answered now, late" } else { "" };
        Ok(format!("{} is well again{late}", disk.name))
    }

    /// A disk that was pulled is there again, with what it had.
    pub(crate) fn give_back(&mut self, guest: &mut Guest, number: usize) -> Result<String> {
        let disk = self.disk(number)?;
        if matches!(disk.fault, Fault::Hung(_)) {
            bail!("{} hangs: `cargo xtask disk heal {number}`", disk.name);
        }
        ensure!(disk.is_gone(), "{} was not pulled", disk.name);
        disk.end_fault(guest)?;
        Ok(format!(
            "{} is there again; a mirror that it left takes it back by `mirror add NAME LEG`",
            disk.name
        ))
    }

    /// A line for each disk.
    pub(crate) fn told(&self) -> String {
        self.disks.iter().map(|disk| format!("{}: {}\n", disk.name, disk.told())).collect()
    }

    fn disk(&mut self, number: usize) -> Result<&mut Handle> {
        let count = self.disks.len();
        self.disks.get_mut(number).with_context(|| match count {
            0 => "the guest has no disks".to_owned(),
            _ => format!("there is no vbd{number}: the last one is vbd{}", count - 1),
        })
    }
}

impl Handle {
    fn switch(&self) -> Result<&Switch> {
        let name = &self.name;
        self.switch.as_ref().with_context(|| format!("{name} is a URI's disk, and on no switch"))
    }

    fn fault_node(&self) -> String {
        format!("{}-fault", self.name)
    }

    fn is_gone(&self) -> bool {
        matches!(self.fault, Fault::Failing | Fault::Dead)
    }

    fn ensure_well(&self) -> Result<()> {
        let name = &self.name;
        ensure!(!self.is_gone(), "{name} is pulled already; `cargo xtask disk return` ends that");
        let hung = matches!(self.fault, Fault::Hung(_));
        ensure!(!hung, "{name} hangs already; `cargo xtask disk heal` ends that");
        Ok(())
    }

    fn inject(&mut self, guest: &mut Guest, rules: &[Value]) -> Result<()> {
        self.ensure_well()?;
        let switch = self.switch()?;
        let rules: Vec<Value> = rules.iter().map(rule).collect();
        let node = json!({
            "driver": "blkdebug",
            "node-name": self.fault_node(),
            "image": switch.store(),
            "inject-error": rules,
        });
        switch.divert(guest, node)?;
        self.fault = Fault::Failing;
        Ok(())
    }

    /// The device uses the disk's own data again.
    fn end_fault(&mut self, guest: &mut Guest) -> Result<()> {
        match &self.fault {
            Fault::None => return Ok(()),
            // The change of the switch waits for the disk's requests.
            Fault::Hung(server) => server.go_on()?,
            Fault::Failing | Fault::Dead => {}
        }
        self.switch()?.lead_back(guest, &self.fault_node())?;
        self.fault = Fault::None;
        Ok(())
    }

    fn told(&self) -> String {
        let fault = match &self.fault {
            Fault::None => "well",
            Fault::Failing | Fault::Dead => "pulled",
            Fault::Hung(_) => "hangs",
        };
        match self.rate {
            Some(rate) => format!("{fault}, slow: {} KiB/s", rate >> 10),
            None => fault.to_owned(),
        }
    }
}

/// A rule of blkdebug: an I/O error for the requests that `which` describes.
fn rule(which: &Value) -> Value {
    let mut rule = json!({"event": "none", "errno": EIO, "once": false});
    if let (Some(rule), Some(which)) = (rule.as_object_mut(), which.as_object()) {
        rule.extend(which.clone());
    }
    rule
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_says_what_is_not_said() {
        let rule = rule(&json!({"iotype": "read", "once": true}));
        assert_eq!(rule["errno"], EIO);
        assert_eq!((&rule["iotype"], &rule["once"]), (&json!("read"), &json!(true)));
    }
}
