//! The suite that takes a mirror's disk out of its slot under load, and puts it back.
//!
//! QEMU presses the slot's button (`device_del`), or the guest takes the power away without
//! warning its own driver. QEMU says when the disk has left. Each case is a test, and ends with
//! the host's look at the images.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};

use super::Options;
use super::lab::Lab;
use super::report::Report;
use super::tally::Tally;
use crate::patience::{self, Watch};
use crate::qemu::{Disk, Guest, Step};
use crate::rig::Server;
use crate::scratch::Scratch;
use crate::verdict::Verdict;

/// How long the guest may say nothing.
const LIMIT: Duration = patience::OF_A_GUEST;

/// Size of a leg, and where its data begin.
const LEG_BYTES: u64 = 48 << 20;
const DATA_START: usize = 1 << 20;

/// How much is written while the disk leaves, in bytes from the start of the data.
const FILLED: usize = 40 << 20;

/// How often something is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// How fast the leg that leaves is, in bytes a second: a button is obeyed after five seconds,
/// and the write would last four times as long if the leg stayed.
const RATE: u64 = 2 << 20;

struct Case {
    name: &'static str,
    /// For the kernel.
    words: &'static str,
    /// Whether a separate process serves the second disk, so that it can hang.
    served: bool,
    run: fn(&mut Bench) -> Result<()>,
}

const fn case(name: &'static str, words: &'static str, run: fn(&mut Bench) -> Result<()>) -> Case {
    Case { name, words, served: false, run }
}

const CASES: &[Case] = &[
    case("a_disk_whose_button_is_pressed_leaves_and_comes_back", "", button),
    case("a_disk_that_is_torn_out_and_comes_back_is_a_leg_again", "", torn_out),
    case("slots_and_disks_without_messages_do_the_same", "interrupts=line", button),
    Case {
        served: true,
        ..case("a_disk_that_hangs_keeps_its_power_until_it_has_answered", "disk_timeout=3", hung)
    },
    case("a_disk_that_was_away_unnoticed_is_no_leg_in_sync", "", unnoticed),
    case("another_disk_in_the_slot_gets_another_name", "", stranger),
    case("a_disk_that_comes_and_goes_uses_no_memory_up", "", again_and_again),
    case("a_machine_whose_leg_has_left_powers_off_well", "", off_without_a_leg),
    case("a_machine_whose_disk_has_left_powers_off_well", "", off_without_a_disk),
];

/// Runs the cases.
pub(super) fn plug(options: &Options, report: &mut Report) -> Result<Tally> {
    let lab = report.aside(|| Lab::open(options))?;
    let mut tally = Tally::default();
    for case in CASES {
        let folder = Scratch::below(report.folder())?;
        let done = Bench::boot(&lab, case, folder.path(), report).and_then(|mut bench| {
            let done = (case.run)(&mut bench);
            bench.said.iter().for_each(|line| report.line(line));
            done
        });
        let word = if done.is_ok() { "ok" } else { "FAILED" };
        report.line(&format!("test plug::{} ... {word}", case.name));
        if let Err(why) = &done {
            report.text(&format!("{why:#}\n"));
        }
        tally += Tally::of(done.is_ok());
    }
    Ok(tally)
}

/// A guest with a mirror of two disks.
struct Bench {
    guest: Guest,
    folder: PathBuf,
    legs: [PathBuf; 2],
    /// The server of the second disk, if the case makes it hang.
    server: Option<Server>,
    /// The device of the second disk, in QEMU's terms.
    device: Value,
    /// The last command.
    command: String,
    said: Vec<String>,
}

impl Bench {
    fn boot(lab: &Lab, case: &Case, folder: &Path, report: &Report) -> Result<Self> {
        let legs = [0, 1].map(|leg| folder.join(format!("leg{leg}.img")));
        for leg in &legs {
            File::create(leg).and_then(|leg| leg.set_len(LEG_BYTES)).context("making a leg")?;
        }
        let log = report.folder().join("nbd.log");
        let server = case.served.then(|| lab.serve(&legs[1], &log)).transpose()?;
        let second = server.as_ref().map_or_else(|| Disk::raw(&legs[1]), Server::disk);
        let disks = [Disk::raw(&legs[0]), second].map(|disk| disk.with_rate(0)).to_vec();
        let device = disks[1].device(1);
        let cmdline = format!("mode=console session=script {}", case.words);
        let mut guest = Guest::boot(&lab.machine(cmdline, disks, report), LIMIT)?;
        guest.until_prompt()?;
        let folder = folder.to_owned();
        let mut bench =
            Self { guest, folder, legs, server, device, command: String::new(), said: Vec::new() };
        bench.does("slot ls", "2  00:05.0")?;
        bench.does("mirror label m0 vbd0 vbd1", "m0: vbd0, vbd1 labelled")?;
        bench.is_healthy()?;
        Ok(bench)
    }

    fn begin(&mut self, command: &str) {
        self.guest.set_limit(Some(LIMIT));
        self.guest.send(command);
        command.clone_into(&mut self.command);
    }

    /// Waits for the end of a command that was begun. It must have succeeded, with these words.
    fn did(&mut self, words: &str) -> Result<()> {
        let mut answer: Vec<String> = Vec::new();
        while let Some(line) = self.guest.next_line()? {
            answer.push(line);
        }
        let refused = self.guest.has_failed();
        let told = answer.iter().any(|line| line.contains(words));
        self.said.extend(answer.iter().cloned());
        ensure!(!refused && told, "it was to say `{words}`, and said\n{}", answer.join("\n"));
        Ok(())
    }

    fn does(&mut self, command: &str, words: &str) -> Result<()> {
        self.begin(command);
        self.did(words).with_context(|| command.to_owned())
    }

    /// Waits until the guest says something with these words by itself, and shows its
    /// prompt again.
    fn until(&mut self, words: &str) -> Result<()> {
        self.guest.set_limit(Some(LIMIT));
        loop {
            while let Some(line) = self.guest.take_line() {
                let found = line.contains(words);
                self.said.push(line);
                if found {
                    return self.guest.until_prompt();
                }
            }
            if let Step::Ended(verdict) = self.guest.step() {
                bail!("it was to say `{words}`: {verdict}\n{}", self.guest.last_words());
            }
        }
    }

    /// Limits the second disk to this many bytes a second; 0 is no limit.
    fn limit(&mut self, rate: u64) -> Result<()> {
        let limits = json!({"bps-total": rate});
        let set = json!({"path": "/objects/rate1", "property": "limits", "value": limits});
        self.guest.qmp("qom-set", set).map(drop)
    }

    /// Puts a disk in the slot and waits until it is there. The guest must have said these
    /// words about it.
    fn put_in(&mut self, device: Value, words: &str) -> Result<()> {
        let before = self.said.len();
        self.guest.qmp("device_add", device)?;
        self.until("slot 2: a device is there")?;
        let told = self.said[before..].iter().any(|line| line.contains(words));
        ensure!(told, "it was to say `{words}`");
        Ok(())
    }

    /// Makes the disk leave, even if it is in use.
    fn eject(&mut self) -> Result<()> {
        self.does("slot eject 2 --force", "slot 2 is off")?;
        self.guest.until_left("vbd1")
    }

    /// Waits until no disk has a request. Then the mirror's own writes have ended, since each
    /// step follows directly on the step before.
    fn is_quiet(&mut self) -> Result<()> {
        let mut watch = Watch::of(LIMIT);
        loop {
            let before = self.said.len();
            self.does("disks", "vbd1")?;
            // Name, size in two words, block, serial number, cache; then the requests in
            // flight.
            let in_flight = |row: &String| row.split_whitespace().nth(6).map(str::to_owned);
            let rows = self.said[before..].iter().filter(|row| row.starts_with("vbd"));
            let held: Vec<_> = rows.filter_map(in_flight).collect();
            if held == ["0", "0"] {
                return Ok(());
            }
            ensure!(watch.sees(held.join(" ")), "requests stay in flight: {}", held.join(" "));
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// How much memory is free, as the kernel says, to a tenth of a MiB.
    fn free_memory(&mut self) -> Result<String> {
        self.does("memory", "memory  ")?;
        let line = self.said.iter().rev().find(|line| line.starts_with("memory  "));
        line.cloned().context("the kernel does not say how much memory is free")
    }

    fn found(&self, words: &str) -> bool {
        self.said.iter().any(|line| line.contains(words))
    }

    fn is_healthy(&mut self) -> Result<()> {
        self.does("mirror wait m0", "m0: healthy: 2 of 2 legs in sync")
    }

    /// Waits until the command that was begun writes data to the second disk: more than all
    /// records together.
    fn until_written(&mut self) -> Result<()> {
        let enough = self.written()? + (1 << 20);
        let mut watch = Watch::of(LIMIT);
        loop {
            let written = self.written()?;
            if written > enough {
                return Ok(());
            }
            ensure!(watch.sees(written), "nothing is written to vbd1");
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// How much was written to the second disk, in bytes.
    fn written(&mut self) -> Result<u64> {
        let stats = self.guest.qmp("query-blockstats", json!({}))?;
        let mut devices = stats.as_array().into_iter().flatten();
        let device = devices.find(|it| it["qdev"] == "/machine/peripheral/vbd1/virtio-backend");
        let bytes = device.and_then(|device| device["stats"]["wr_bytes"].as_u64());
        bytes.context("QEMU counts nothing of vbd1")
    }

    /// The data of a leg, as its image has them now.
    fn data(&self, leg: usize) -> Result<Vec<u8>> {
        Ok(fs::read(&self.legs[leg])?.split_off(DATA_START))
    }

    /// Checks that the disk left while the mirror was written: it has the beginning and not the
    /// end. The mirror must have gone on.
    fn is_degraded(&mut self) -> Result<()> {
        let (stayed, left) = (self.data(0)?, self.data(1)?);
        let last = FILLED - 512..FILLED;
        ensure!(left[..FILLED].iter().any(|&byte| byte != 0), "it left before the writing");
        ensure!(left[last.clone()] != stayed[last], "it left after the writing");
        self.does("mirror status m0", "degraded: 1 of 2 legs in sync")?;
        self.does("verify m0 0 40M random=1", "verified 40 MiB")?;
        self.does("events", "slot 2: the device")?;
        self.does("slot ls", "2  00:05.0")?;
        let row = self.said.iter().rev().find(|line| line.contains("00:05.0"));
        let row = row.map(|row| row.split_whitespace().collect::<Vec<_>>()).unwrap_or_default();
        ensure!(row.ends_with(&["-", "off"]), "the slot is to be empty and off: {row:?}");
        Ok(())
    }

    /// Puts the same disk back. The mirror must take it back, and give it what it missed.
    fn comes_back(&mut self) -> Result<()> {
        self.limit(0)?;
        self.does("fill m0 1M 2M 0x5a", "filled 2 MiB")?;
        self.put_in(self.device.clone(), "vbd1: the disk is back")?;
        self.does("mirror add m0 1", "leg 1 is given what it missed")?;
        self.is_healthy()?;
        self.does("mirror check m0 --wait", "0 differ")
    }

    /// Powers off; neither that nor an earlier command may have failed.
    fn powers_off(&mut self) -> Result<()> {
        self.begin("poweroff");
        match self.guest.run(|_| ()) {
            Verdict::Passed => Ok(()),
            verdict => bail!("poweroff: {verdict}\n{}", self.guest.last_words()),
        }
    }

    /// Powers off; then both legs must have the same data, including the last write.
    fn legs_are_equal(&mut self) -> Result<()> {
        self.powers_off()?;
        let (one, other) = (self.data(0)?, self.data(1)?);
        ensure!(
            one[1 << 20..3 << 20].iter().all(|&byte| byte == 0x5a),
            "leg 0 lacks the last write"
        );
        match one.iter().zip(&other).position(|(one, other)| one != other) {
            Some(at) => bail!("the legs differ in sector {} of their data", at / 512),
            None => Ok(()),
        }
    }
}

fn button(bench: &mut Bench) -> Result<()> {
    bench.limit(RATE)?;
    bench.begin("fill m0 0 40M random=1");
    bench.until_written()?;
    bench.guest.qmp("device_del", json!({"id": "vbd1"}))?;
    bench.guest.until_left("vbd1")?;
    bench.did("filled 40 MiB")?;
    ensure!(bench.found("slot 2: its button was pressed"), "the guest did not see the button");
    if !bench.found("slot 2: the device has left") {
        bench.until("slot 2: the device has left")?;
    }
    bench.is_degraded()?;
    bench.comes_back()?;
    bench.legs_are_equal()
}

fn torn_out(bench: &mut Bench) -> Result<()> {
    bench.limit(RATE)?;
    bench.does("slot pull 2 --after 3", "slot 2 loses its power in 3 s")?;
    bench.does("fill m0 0 40M random=1", "filled 40 MiB")?;
    bench.guest.until_left("vbd1")?;
    ensure!(bench.found("slot 2: the device was torn out"), "the guest did not see it");
    bench.is_degraded()?;
    bench.comes_back()?;
    bench.legs_are_equal()
}

fn hung(bench: &mut Bench) -> Result<()> {
    bench.limit(RATE)?;
    bench.begin("fill m0 0 40M random=1");
    bench.until_written()?;
    let server = bench.server.take().context("its disk is served")?;
    server.hang()?;
    bench.guest.qmp("device_del", json!({"id": "vbd1"}))?;
    bench.did("filled 40 MiB")?;
    bench.until("it keeps its power")?;
    bench.does("slot ls", "leaving")?;
    server.go_on()?;
    bench.until("slot 2: the device has left")?;
    bench.is_degraded()?;
    // QEMU may say so only after a request to it.
    bench.limit(0)?;
    bench.guest.until_left("vbd1")?;
    bench.comes_back()?;
    bench.legs_are_equal()
}

fn unnoticed(bench: &mut Bench) -> Result<()> {
    bench.does("fill m0 0 40M random=1", "filled 40 MiB")?;
    // Nothing is dirty then, so the mirror writes nothing by itself once the resume is
    // recorded.
    bench.does("dmsetup suspend m0", "suspended")?;
    bench.does("dmsetup resume m0", "running")?;
    bench.is_quiet()?;
    bench.eject()?;
    bench.put_in(bench.device.clone(), "vbd1: the disk is back")?;
    bench.does("mirror status m0", "healthy: 2 of 2 legs in sync")?;
    bench.does("fill m0 1M 2M 0x5a", "filled 2 MiB")?;
    bench.does("mirror status m0", "its cache was lost")?;
    bench.does("mirror add m0 1", "leg 1 is given what it missed")?;
    bench.is_healthy()?;
    bench.does("mirror check m0 --wait", "0 differ")?;
    bench.legs_are_equal()
}

/// The queue of each return takes 44 KiB, so a leak of four shows.
fn again_and_again(bench: &mut Bench) -> Result<()> {
    const RETURNS: usize = 4;
    let mut free = Vec::new();
    for _ in 0..=RETURNS {
        bench.eject()?;
        bench.put_in(bench.device.clone(), "vbd1: the disk is back")?;
        free.push(bench.free_memory()?);
    }
    ensure!(free.first() == free.last(), "memory goes with each return:\n{}", free.join("\n"));
    bench.does("fill m0 1M 2M 0x5a", "filled 2 MiB")?;
    bench.does("mirror add m0 1", "leg 1 is given what it missed")?;
    bench.is_healthy()?;
    bench.legs_are_equal()
}

fn off_without_a_leg(bench: &mut Bench) -> Result<()> {
    bench.does("fill m0 1M 2M 0x5a", "filled 2 MiB")?;
    bench.eject()?;
    bench.legs_are_equal()
}

/// A disk that is used without a mirror, and the devices on it, cannot be flushed.
fn off_without_a_disk(bench: &mut Bench) -> Result<()> {
    bench.does("mirror remove m0 1 --force", "`vbd1` is free")?;
    bench.does("dmsetup create part --table \"0 8 linear vbd1 65536\"", "part: 4 KiB")?;
    bench.eject()?;
    bench.powers_off()
}

fn stranger(bench: &mut Bench) -> Result<()> {
    bench.eject()?;
    let of_vbd1 = bench.legs[1].clone();
    let as_it_left = fs::read(&of_vbd1)?;
    let image = bench.folder.join("other.img");
    File::create(&image)?.set_len(LEG_BYTES)?;
    let file = json!({"driver": "file", "filename": image});
    bench
        .guest
        .qmp("blockdev-add", json!({"driver": "raw", "node-name": "other", "file": file}))?;
    let mut device = bench.device.clone();
    (device["drive"], device["serial"]) = (json!("other"), json!("other"));
    bench.put_in(device, "vbd2 at 02:00.0")?;
    bench.does("slot ls", "vbd2")?;
    bench.does("mirror replace m0 1 vbd2", "leg 1 is given what it missed")?;
    bench.is_healthy()?;
    bench.does("fill m0 1M 2M 0x5a", "filled 2 MiB")?;
    // The disk that was there has its name again.
    bench.eject()?;
    bench.put_in(bench.device.clone(), "vbd1: the disk is back")?;
    // All later writes went to the other disk, and none to this one.
    bench.legs[1] = image;
    bench.legs_are_equal()?;
    ensure!(fs::read(of_vbd1)? == as_it_left, "something was written to the disk that was away");
    Ok(())
}
