//! The means of a case: two disks that are a mirror, a guest, and the rig.
//!
//! Rules: the words of the guest's answers are checked. Acknowledged data are looked up in the
//! images, when only the host uses them. An error says what was expected, and what the guest
//! said instead.

use std::fs::{self, File};
use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Lab;
use crate::patience::{self, Watch};
use crate::qemu::accel::Accel;
use crate::qemu::{Disk, Guest, Machine, Step};
use crate::rig::{Rig, Server};
use crate::soak;
use crate::verdict::Verdict;

/// How long the guest may say nothing; far above the watchdog's bound.
const LIMIT: Duration = patience::OF_A_GUEST;

/// How often something is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// Size of a leg, and where its data begin.
const LEG_BYTES: u64 = 32 << 20;
const DATA_START: usize = 1 << 20;

/// A guest and its two disks.
pub(super) struct Bench<'a> {
    lab: &'a Lab,
    /// Images and logs of this case.
    folder: PathBuf,
    legs: [PathBuf; 2],
    rig: Rig<'a>,
    guest: Option<Guest>,
    /// Words for the kernel.
    words: String,
    /// All answers of the guest.
    said: Vec<String>,
}

impl<'a> Bench<'a> {
    /// New disks, both blank; nothing is booted.
    pub(super) fn new(lab: &'a Lab, folder: PathBuf) -> Result<Self> {
        let legs = [0, 1].map(|leg| folder.join(format!("leg{leg}.img")));
        for leg in &legs {
            File::create(leg).and_then(|leg| leg.set_len(LEG_BYTES)).context("making a leg")?;
        }
        let rig = Rig::new(&[], &folder, &lab.tools);
        Ok(Self { lab, folder, legs, rig, guest: None, words: String::new(), said: Vec::new() })
    }

    /// Sets the patience of the watchdog in later boots, in seconds. The watchdog looks once a
    /// second, and grants one look more.
    pub(super) fn set_watchdog(&mut self, seconds: u32) {
        self.words = format!("disk_timeout={seconds}");
    }

    /// The disk of a leg: its image, on a switch.
    pub(super) fn disk(&self, leg: usize) -> Disk {
        Disk::raw(&self.legs[leg]).switched()
    }

    /// The same for reading only.
    pub(super) fn disk_read_only(&self, leg: usize) -> Disk {
        Disk::raw_read_only(&self.legs[leg])
    }

    /// A process that serves the image of a leg.
    pub(super) fn server(&self, leg: usize) -> Result<Server> {
        Server::start(&self.legs[leg], &self.folder.join("nbd.log"), &self.lab.tools)
    }

    /// Boots with these disks, up to the prompt.
    pub(super) fn boot(&mut self, disks: Vec<Disk>) -> Result<()> {
        self.rig = Rig::new(&disks, &self.folder, &self.lab.tools);
        let machine = Machine {
            tools: &self.lab.tools,
            accel: self.lab.accel,
            image: &self.lab.kernel.image,
            cmdline: format!("mode=console session=script {}", self.words),
            disks,
            logs: self.folder.clone(),
        };
        self.guest = Some(Guest::boot(&machine, LIMIT)?);
        self.listen().map(drop).context("booting")
    }

    /// Boots with both legs on their switches.
    pub(super) fn boot_legs(&mut self) -> Result<()> {
        self.boot(vec![self.disk(0), self.disk(1)])
    }

    /// Boots with both legs and makes the mirror `m0` of them.
    pub(super) fn mirror(&mut self) -> Result<()> {
        self.boot_legs()?;
        self.label()
    }

    /// Makes a mirror of the two disks.
    pub(super) fn label(&mut self) -> Result<()> {
        self.does("mirror label m0 vbd0 vbd1", "m0: vbd0, vbd1 labelled")?;
        self.is_healthy()
    }

    /// Waits for the end of all copying; then both legs must be in sync.
    pub(super) fn is_healthy(&mut self) -> Result<()> {
        self.does("mirror wait m0", "m0: healthy: 2 of 2 legs in sync")
    }

    /// Takes a leg back that was out, and waits until it has what it missed.
    pub(super) fn add_back(&mut self, leg: usize) -> Result<()> {
        self.does(&format!("mirror add m0 {leg}"), "is given what it missed")?;
        self.is_healthy()
    }

    fn guest(&mut self) -> Result<&mut Guest> {
        self.guest.as_mut().context("no guest runs")
    }

    /// Has the guest carry out a command; its answer must have these words.
    pub(super) fn does(&mut self, command: &str, words: &str) -> Result<()> {
        self.begin(command)?;
        self.did(command, words)
    }

    /// Begins a command.
    pub(super) fn begin(&mut self, command: &str) -> Result<()> {
        let guest = self.guest()?;
        guest.set_limit(Some(LIMIT));
        guest.send(command);
        Ok(())
    }

    /// Waits until the guest says something with these words by itself.
    pub(super) fn until(&mut self, words: &str) -> Result<()> {
        let guest = self.guest.as_mut().context("no guest runs")?;
        guest.set_limit(Some(LIMIT));
        loop {
            while let Some(line) = guest.take_line() {
                let found = line.contains(words);
                self.said.push(line);
                if found {
                    return Ok(());
                }
            }
            if let Step::Ended(verdict) = guest.step() {
                bail!("it was to say `{words}`: {verdict}\n{}", guest.last_words());
            }
        }
    }

    /// The same, tried again until the command succeeds.
    pub(super) fn does_in_time(&mut self, command: &str, words: &str) -> Result<()> {
        let mut watch = Watch::of(LIMIT);
        loop {
            match self.does(command, words) {
                Err(why) if watch.sees(format!("{why:#}")) => thread::sleep(LOOK_AGAIN),
                done => return done,
            }
        }
    }

    /// How much the guest has written to a disk, in bytes.
    pub(super) fn written(&mut self, disk: usize) -> Result<u64> {
        let path = json!(format!("/machine/peripheral/disk{disk}/virtio-backend"));
        let stats = self.guest()?.qmp("query-blockstats", json!({}))?;
        let mut devices = stats.as_array().into_iter().flatten();
        let device = devices.find(|device| device["qdev"] == path);
        let bytes = device.and_then(|device| device["stats"]["wr_bytes"].as_u64());
        bytes.context("QEMU counts nothing of this disk")
    }

    /// Waits until the guest has written more to a disk than that.
    pub(super) fn until_written(&mut self, disk: usize, bytes: u64) -> Result<()> {
        let mut watch = Watch::of(LIMIT);
        loop {
            let written = self.written(disk)?;
            if written > bytes {
                return Ok(());
            }
            ensure!(watch.sees(written), "nothing is written to vbd{disk}");
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// The number of a leg in `mirror status`, in the column with this title.
    pub(super) fn column(&mut self, leg: usize, title: &str) -> Result<u64> {
        self.begin("mirror status m0")?;
        let lines = self.listen()?;
        let status = lines.join("\n    ");
        column(&lines, leg, title)
            .with_context(|| format!("`{title}` of leg {leg} is not in\n    {status}"))
    }

    /// Waits for the end of a command that was begun, as [`Bench::does`].
    pub(super) fn did(&mut self, command: &str, words: &str) -> Result<()> {
        let answer = self.listen().with_context(|| format!("`{command}`"))?;
        let failed = self.guest()?.has_failed();
        let told = answer.iter().any(|line| line.contains(words));
        let answer = answer.join("\n    ");
        ensure!(
            !failed && told,
            "`{command}` was to do it and say `{words}`; it said\n    {answer}"
        );
        Ok(())
    }

    /// Sends a command that must be refused, or fail, in these words.
    pub(super) fn fails(&mut self, command: &str, words: &str) -> Result<()> {
        self.begin(command)?;
        let answer = self.listen().with_context(|| format!("`{command}`"))?;
        let failed = self.guest()?.has_failed();
        let told = failed && answer.iter().any(|line| line.contains(words));
        let answer = answer.join("\n    ");
        ensure!(told, "`{command}` was to fail and say `{words}`; it said\n    {answer}");
        Ok(())
    }

    fn listen(&mut self) -> Result<Vec<String>> {
        let (guest, mut lines) = (self.guest()?, Vec::new());
        while let Some(line) = guest.next_line()? {
            lines.push(line);
        }
        self.said.extend(lines.iter().cloned());
        Ok(lines)
    }

    /// The last line with these words that the guest said by itself or to a command,
    /// without its time.
    pub(super) fn saw(&self, words: &str) -> Result<String> {
        let line = self.said.iter().rev().find(|line| line.contains(words));
        let line = line.with_context(|| format!("the guest never said `{words}`"))?;
        Ok(without_origin(line).to_owned())
    }

    /// Requests to a disk fail by these rules, in blkdebug's words.
    pub(super) fn inject(&mut self, disk: usize, rules: &[Value]) -> Result<()> {
        let guest = self.guest.as_mut().context("no guest runs")?;
        self.rig.inject(guest, disk, rules)
    }

    /// Ends the injected faults.
    pub(super) fn give_back(&mut self, disk: usize) -> Result<()> {
        let guest = self.guest.as_mut().context("no guest runs")?;
        self.rig.give_back(guest, disk).map(drop)
    }

    /// From now on a disk answers nothing.
    pub(super) fn hang(&mut self, disk: usize) -> Result<()> {
        let guest = self.guest.as_mut().context("no guest runs")?;
        self.rig.hang(guest, disk).map(drop)
    }

    /// A disk answers again, also the requests that came meanwhile.
    pub(super) fn heal(&mut self, disk: usize) -> Result<()> {
        let guest = self.guest.as_mut().context("no guest runs")?;
        self.rig.heal(guest, disk).map(drop)
    }

    /// Slows a disk down to this many bytes a second.
    pub(super) fn slow(&mut self, disk: usize, rate: u64) -> Result<()> {
        let guest = self.guest.as_mut().context("no guest runs")?;
        self.rig.slow(guest, disk, rate).map(drop)
    }

    /// Changes the size of a disk.
    pub(super) fn resize(&mut self, disk: usize, bytes: u64) -> Result<()> {
        let arguments = json!({"node-name": format!("vbd{disk}"), "size": bytes});
        self.guest()?.qmp("block_resize", arguments).map(drop)
    }

    /// Ends the guest, which has to stop its mirrors.
    pub(super) fn stop(&mut self) -> Result<()> {
        let mut guest = self.guest.take().context("no guest runs")?;
        guest.set_limit(Some(LIMIT));
        guest.send("poweroff");
        match guest.run(|_| ()) {
            // If a command was refused, the script has failed.
            Verdict::Passed | Verdict::Failed => Ok(()),
            verdict => bail!("poweroff: {verdict}\n{}", guest.last_words()),
        }
    }

    /// Kills QEMU.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.guest.take().context("no guest runs")?.cut_power();
        Ok(())
    }

    /// The rounds of the soak that are part of the tests, with disks of their own.
    pub(super) fn soak(&mut self) -> Result<String> {
        let options = soak::Options::for_tests(self.lab.build.clone(), self.lab.choice);
        let mut last = String::new();
        soak::run(&options, &mut |line| line.clone_into(&mut last))?;
        Ok(last)
    }

    /// The guest loads this many new disks, which must all answer. Returns what it said at the
    /// end. If `unordered`, the machine keeps no barriers.
    pub(super) fn load(&self, disks: usize, unordered: bool, words: &str) -> Result<String> {
        let seconds = self.lab.load_seconds;
        let disk = |number| {
            let image = self.folder.join(format!("load{number}.img"));
            File::create(&image).and_then(|image| image.set_len(LEG_BYTES))?;
            Ok(Disk::raw(&image))
        };
        let machine = Machine {
            tools: &self.lab.tools,
            accel: if unordered { Accel::TcgUnordered } else { self.lab.accel },
            image: &self.lab.kernel.image,
            cmdline: format!("mode=soak seconds={seconds} {words}"),
            disks: (0..disks).map(disk).collect::<Result<_>>()?,
            logs: self.folder.clone(),
        };
        let mut guest = Guest::boot(&machine, LIMIT + Duration::from_secs(seconds))?;
        let mut summary = None;
        let verdict = guest.run(|line| {
            summary = line.strip_prefix("soak: ").map(str::to_owned).or(summary.take());
        });
        let summary = summary.unwrap_or_else(|| "nothing of its disks".into());
        ensure!(verdict == Verdict::Passed, "{verdict}; the guest said: {summary}");
        Ok(summary)
    }

    /// The images of both legs as they are now.
    pub(super) fn images(&self) -> Result<[Vec<u8>; 2]> {
        ensure!(self.guest.is_none(), "the guest still runs");
        Ok([self.image(0)?, self.image(1)?])
    }

    /// Restores the images of both legs.
    pub(super) fn restore(&self, images: &[Vec<u8>; 2]) -> Result<()> {
        ensure!(self.guest.is_none(), "the guest still runs");
        for (leg, image) in self.legs.iter().zip(images) {
            fs::write(leg, image).with_context(|| leg.display().to_string())?;
        }
        Ok(())
    }

    /// Changes a byte of a leg's image.
    pub(super) fn change(&self, leg: usize, at: usize, change: fn(u8) -> u8) -> Result<()> {
        ensure!(self.guest.is_none(), "the guest still runs");
        let mut image = self.image(leg)?;
        let byte = image.get_mut(at).context("beyond the leg's end")?;
        *byte = change(*byte);
        let file = &self.legs[leg];
        fs::write(file, image).with_context(|| file.display().to_string())
    }

    fn image(&self, leg: usize) -> Result<Vec<u8>> {
        let image = &self.legs[leg];
        fs::read(image).with_context(|| image.display().to_string())
    }

    fn parts(&self, leg: usize, parts: [(usize, usize); 2]) -> Result<[Vec<u8>; 2]> {
        let image = self.image(leg)?;
        Ok(parts.map(|(at, length)| image[at..at + length].to_vec()))
    }

    /// Checks that two parts of a leg's image are equal. Each part is a start and a length, in
    /// bytes.
    pub(super) fn are_alike(&self, leg: usize, parts: [(usize, usize); 2]) -> Result<()> {
        let [a, b] = self.parts(leg, parts)?;
        ensure!(a == b, "two parts of leg {leg} differ: {parts:?}");
        Ok(())
    }

    /// Waits until they are equal.
    pub(super) fn until_alike(&self, leg: usize, parts: [(usize, usize); 2]) -> Result<()> {
        let mut watch = Watch::of(LIMIT);
        while let Err(why) = self.are_alike(leg, parts) {
            if !watch.sees(self.parts(leg, parts)?) {
                return Err(why);
            }
            thread::sleep(LOOK_AGAIN);
        }
        Ok(())
    }

    /// The data of a leg, from its image, when nobody writes to it.
    fn data(&self, leg: usize) -> Result<Vec<u8>> {
        ensure!(self.guest.is_none(), "the guest still runs");
        self.data_now(leg)
    }

    /// The data of a leg, from its image, at this moment.
    fn data_now(&self, leg: usize) -> Result<Vec<u8>> {
        let mut data = self.image(leg)?;
        ensure!(data.len() > DATA_START, "leg {leg} has no data left");
        Ok(data.split_off(DATA_START))
    }

    /// Checks that both legs have the same data.
    pub(super) fn legs_are_equal(&self) -> Result<()> {
        let (a, b) = (self.data(0)?, self.data(1)?);
        match a.iter().zip(&b).position(|(a, b)| a != b) {
            Some(at) => bail!("the legs differ in sector {} of their data", at / 512),
            None => Ok(()),
        }
    }

    /// Checks that a leg whose disk is dead has the beginning of a write of this byte and not
    /// its end: the disk died during that write.
    pub(super) fn dead_leg_holds_the_beginning(
        &self,
        leg: usize,
        (at, length): (usize, usize),
        byte: u8,
    ) -> Result<()> {
        let data = self.data_now(leg)?;
        let part = data.get(at..at + length).context("beyond the leg's end")?;
        ensure!(part.contains(&byte), "leg {leg} died before the write of {byte:#04x}");
        ensure!(part[length - 1] != byte, "leg {leg} died after the write of {byte:#04x}");
        Ok(())
    }

    /// Checks that a leg has only this byte in this part of its data.
    pub(super) fn leg_holds(
        &self,
        leg: usize,
        (at, length): (usize, usize),
        byte: u8,
    ) -> Result<()> {
        let data = self.data(leg)?;
        let part = data.get(at..at + length).context("beyond the leg's end")?;
        match part.iter().position(|it| *it != byte) {
            Some(wrong) => bail!(
                "leg {leg} has not {byte:#04x} in sector {} of its data, but {:#04x}",
                (at + wrong) / 512,
                part[wrong]
            ),
            None => Ok(()),
        }
    }

    /// Checks the same of both legs.
    pub(super) fn legs_hold(&self, part: (usize, usize), byte: u8) -> Result<()> {
        self.leg_holds(0, part, byte)?;
        self.leg_holds(1, part, byte)
    }
}

/// A line of the log without its time, its level and its target.
fn without_origin(line: &str) -> &str {
    let of_log = line.starts_with('[').then(|| line.split_once(": ")).flatten();
    of_log.map_or(line, |(_, text)| text.strip_prefix("mirror: ").unwrap_or(text)).trim()
}

/// The number under `title`, right aligned, in the row of a leg.
fn column(lines: &[String], leg: usize, title: &str) -> Option<u64> {
    let at = lines.iter().position(|line| line.trim_start().starts_with("LEG "))?;
    let end = lines[at].find(title)? + title.len();
    let is_row = |line: &&String| line.split_whitespace().next() == Some(&leg.to_string());
    let row = lines[at + 1..].iter().find(is_row)?;
    row.get(..end)?.split_whitespace().last()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::{column, without_origin};

    #[test]
    fn a_line_of_the_log_is_what_it_says() {
        let line = "[    1.0] WARN  dm_mirror::mirror: mirror: leg 1 (vbd1) is out: gone";
        assert_eq!(without_origin(line), "leg 1 (vbd1) is out: gone");
        assert_eq!(without_origin("m0: vbd0, vbd1: healthy"), "m0: vbd0, vbd1: healthy");
    }

    #[test]
    fn a_column_is_found_by_its_title() {
        let status = [
            "healthy: 2 of 2 legs in sync",
            "LEG  DEVICE          READS  READ ERR REPAIRED  STATE",
            "  0  vbd0              195         3        0  in sync",
            "  1  vbd1                6        12        2  in sync",
        ]
        .map(String::from);
        assert_eq!(column(&status, 0, "READ ERR"), Some(3));
        assert_eq!(column(&status, 1, "REPAIRED"), Some(2));
        assert_eq!((column(&status, 2, "READS"), column(&status, 0, "MISSED")), (None, None));
    }
}
