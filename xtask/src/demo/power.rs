//! The demo's second half: the power fails in the middle of a copy.
//!
//! Two blank disks become a mirror with superblocks. While the guest copies onto it, QEMU is
//! killed. The next boot finds the members, and makes equal only the regions that may have been
//! written. The host then compares the disks.
//!
//! Why this is a power cut: QEMU writes through the host's page cache, which outlives it.
//! Requests that QEMU had finished are there, the others are not, on each disk independently.
//! The disks' own caches are simulated elsewhere (`cargo xtask sim`).

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::{BOOT_LIMIT, RATE, Story, ask, percent};
use crate::figures::{copies, number_before};
use crate::qemu::{Disk, Guest, Machine};
use crate::verdict::Verdict;

const MIB: usize = 1 << 20;

/// Size of each leg, and where its data begins.
const LEG_BYTES: usize = 64 * MIB;
const DATA_START: usize = MIB;

/// How much is copied and flushed before the cut.
const FLUSHED: usize = 16 * MIB;

/// What is being copied when the power fails.
const CUT_START: usize = 24 * MIB;
const CUT_LENGTH: usize = 38 * MIB;

/// How much of that is done when the power fails, in percent.
const CUT_AT_PERCENT: u32 = 40;

/// The old contents of each leg.
const OLD_DATA: [u8; 2] = [0xe5, 0x5e];

/// The second leg is slower than the first, so that it lags when the power fails.
const RATE_OF_SECOND: u64 = RATE / 4 * 3;

const SECTOR: usize = 512;

/// How many pieces a region is copied in.
const COPIES_PER_REGION: u64 = 4;

/// The disks' images, and the data that the guest copies.
struct Images {
    legs: [PathBuf; 2],
    source: PathBuf,
    data: Vec<u8>,
}

/// Runs this half; `machine` makes the machine with these disks. Returns what was shown.
pub(super) fn tell<'m>(
    folder: &Path,
    machine: impl Fn(Vec<Disk>) -> Machine<'m>,
    story: &mut Story<'_>,
) -> Result<String> {
    let images = Images::make(folder, story)?;
    let machine = machine(images.disks());
    until_the_cut(&machine, story)?;
    images.compare_after_the_cut(story)?;
    let (copied, all) = after_the_cut(&machine, story)?;
    images.check(story)?;
    Ok(format!("a power cut cost the copying of {copied} regions of {all}"))
}

impl Images {
    fn make(folder: &Path, story: &mut Story<'_>) -> Result<Self> {
        story.chapter("Two other disks, and no warning");
        let legs = ["first.img", "second.img"].map(|name| folder.join(name));
        for (leg, byte) in legs.iter().zip(OLD_DATA) {
            let mut content = vec![byte; LEG_BYTES];
            // They are blank where a mirror has its records.
            content[..DATA_START].fill(0);
            fs::write(leg, content).context("making a leg")?;
        }
        story.say("vbd0 and vbd1: 64 MiB each, blank where a mirror has its records");
        let (source, data) = (folder.join("random.img"), random(LEG_BYTES - DATA_START));
        File::create(&source)
            .and_then(|mut file| file.write_all(&data))
            .context("making what is to be copied")?;
        story.say("vbd2: 63 MiB of random bytes, to be copied");
        Ok(Self { legs, source, data })
    }

    fn disks(&self) -> Vec<Disk> {
        let disks = self.legs.iter().map(|leg| Disk::raw(leg));
        let rates = [RATE, RATE_OF_SECOND];
        let legs = disks.zip(rates).map(|(disk, rate)| disk.with_rate(rate));
        legs.chain([Disk::raw_read_only(&self.source)]).collect()
    }

    /// The data of both legs.
    fn read(&self) -> Result<[Vec<u8>; 2]> {
        let read = |leg: &Path| -> Result<Vec<u8>> {
            let content = fs::read(leg).with_context(|| format!("{}", leg.display()))?;
            ensure!(content.len() == LEG_BYTES, "{} has changed its size", leg.display());
            Ok(content[DATA_START..].to_vec())
        };
        Ok([read(&self.legs[0])?, read(&self.legs[1])?])
    }

    fn compare_after_the_cut(&self, story: &mut Story<'_>) -> Result<()> {
        let [first, second] = self.read()?;
        let sectors = first.chunks(SECTOR).zip(second.chunks(SECTOR));
        let differing = sectors.filter(|(a, b)| a != b).count();
        story.say(&format!(
            "on the host, vbd0 and vbd1 differ in {differing} sectors of their data"
        ));
        Ok(())
    }

    /// Checks that both legs are equal, and hold what they must.
    fn check(&self, story: &mut Story<'_>) -> Result<()> {
        story.chapter("Back on the host: are the disks one again?");
        let [first, second] = self.read()?;
        if let Some(at) = first.iter().zip(&second).position(|(a, b)| a != b) {
            bail!("the legs differ in byte {at} of their data");
        }
        story.say("vbd0 and vbd1 hold the same data, byte by byte");
        ensure!(first[..FLUSHED] == self.data[..FLUSHED], "something that was flushed is gone");
        story.say("the 16 MiB that were flushed before the cut are all there");
        let mut new = 0;
        for (index, sector) in first.chunks(SECTOR).enumerate().skip(FLUSHED / SECTOR) {
            let at = index * SECTOR;
            let old = OLD_DATA.iter().any(|old| sector.iter().all(|byte| byte == old));
            let written = (CUT_START..CUT_START + CUT_LENGTH).contains(&at);
            let is_new = written && sector == &self.data[at..at + SECTOR];
            ensure!(old || is_new, "the sector at {at} is neither old nor new");
            new += usize::from(is_new);
        }
        let of = CUT_LENGTH / SECTOR;
        story.say(&format!(
            "of {of} sectors being copied, {new} are new and all others old: none is torn"
        ));
        Ok(())
    }
}

/// The first boot, up to its end in the middle of a copy.
fn until_the_cut(machine: &Machine<'_>, story: &mut Story<'_>) -> Result<()> {
    let mut guest = Guest::boot(machine, BOOT_LIMIT)?;
    guest.until_prompt()?;
    story.chapter("A mirror that remembers");
    ask(&mut guest, "mirror label m0 vbd0 vbd1", story)?;
    ask(&mut guest, "mirror wait m0", story)?;
    ask(&mut guest, "copy vbd2 m0 16M", story)?;
    ask(&mut guest, "flush m0", story)?;
    story.chapter("The power fails in the middle of a copy");
    story.command(&mut guest, "copy vbd2 m0 38M --from 24M --to 24M")?;
    loop {
        let Some(line) = guest.next_line()? else {
            bail!("the copy ended before it had shown {CUT_AT_PERCENT} %");
        };
        story.quote(&line);
        if percent(&line).is_some_and(|done| done >= CUT_AT_PERCENT) {
            break;
        }
    }
    guest.cut_power();
    story.say("QEMU is killed (SIGKILL)");
    Ok(())
}

/// The second boot: returns how many regions were copied, and how many there are.
fn after_the_cut(machine: &Machine<'_>, story: &mut Story<'_>) -> Result<(u64, u64)> {
    story.chapter("The same disks, the next boot");
    let mut guest = Guest::boot(machine, BOOT_LIMIT)?;
    let mut booting = Vec::new();
    while let Some(line) = guest.next_line()? {
        booting.push(line);
    }
    booting.iter().filter(|line| line.contains("m0: ")).for_each(|line| story.quote(line));
    let status = ask(&mut guest, "mirror status m0", story)?;
    let left = number_before(&status, " to be resynced").context("no count of regions")?;
    let all = number_before(&status, " of 512 KiB").context("no count of regions")?;
    ask(&mut guest, "mirror wait m0", story)?;
    let status = ask(&mut guest, "mirror status m0", story)?;
    ensure!(status.iter().any(|line| line.contains("healthy: 2 of 2")), "it is not healthy");
    let copied = copies(&status).context("no count of copies")?.div_ceil(COPIES_PER_REGION);
    story.say(&format!(
        "{copied} of {all} regions were copied from leg to leg: those that the map called dirty"
    ));
    ensure!(copied > 0 && copied >= left, "{left} regions were to be resynced");
    ensure!(copied < all, "all regions were copied, and not only those that were dirty");
    guest.send("poweroff");
    match guest.run(|_| ()) {
        Verdict::Passed => Ok((copied, all)),
        verdict => bail!("{verdict}\n{}", guest.last_words()),
    }
}

/// Bytes by chance, the same ones each time (Marsaglia, Xorshift RNGs, 2003).
fn random(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_le_bytes()
    };
    (0..length / 8).flat_map(|_| next()).collect()
}
