//! Memory runs out: requests that were issued end with the help of the heap's reserve.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use bio::{Bio, Buf, BufDone, ErrorKind, IoResult};
use bytes::{Bytes, BytesMut};
use shell::{COMMANDS, Mode};
use sim::Hit;

use super::labelled::{Disks, all_run};
use super::rig::{Rig, extent};
use super::{Test, alone};
use crate::check;
use crate::console::session::Session;
use crate::disks::{self, Order};
use crate::mm::heap;
use crate::task::{Completion, MaySleep, sleep, with_reserve};

pub const TESTS: &[Test] = &[
    Test { name: "shortage::the_reserve_is_not_for_everybody", run: not_for_everybody },
    Test { name: "shortage::slots_are_looked_after", run: slots_are_looked_after },
    Test {
        name: "shortage::a_leg_dies_under_load_and_every_request_ends",
        run: every_request_ends,
    },
    Test { name: "shortage::no_command_ends_the_machine", run: no_command_ends_the_machine },
    Test { name: "shortage::tables_fill_no_memory_but_their_own", run: tables_fill_no_memory },
];

/// The sizes that are taken, larger ones first.
const SIZES: [usize; 17] = {
    let mut sizes = [1 << 20; 17];
    let mut index = 1;
    while index < sizes.len() {
        sizes[index] = sizes[index - 1] / 2;
        index += 1;
    }
    sizes
};

/// Long enough for other threads to do their work.
const MOMENT: Duration = Duration::from_millis(10);

/// After this time a command that waits for something is ended as by Ctrl-C.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often memory is taken again, at most, until it stays short.
const ATTEMPTS: usize = 100;

/// The most blocks that are taken.
const BLOCKS_MAX: usize = 16384;

/// All memory that a thread can get without the reserve.
struct Hoard {
    blocks: Vec<Vec<u8>>,
}

impl Hoard {
    fn take() -> Result<Self, String> {
        let mut hoard = Self { blocks: Vec::with_capacity(BLOCKS_MAX) };
        hoard.take_more()?;
        Ok(hoard)
    }

    /// The same, once nobody gives memory back: memory of an earlier test may still be on its
    /// way back.
    fn take_lasting(may_sleep: &MaySleep) -> Result<Self, String> {
        let mut hoard = Self::take()?;
        for _ in 0..ATTEMPTS {
            sleep(may_sleep, MOMENT);
            if is_short() {
                return Ok(hoard);
            }
            hoard.take_more()?;
        }
        Err("memory does not stay short".into())
    }

    /// Takes the memory that others gave back meanwhile: on a busy host an earlier test's
    /// threads may end late.
    fn take_more(&mut self) -> Result<(), String> {
        for size in SIZES {
            let mut block = Vec::new();
            while block.try_reserve_exact(size).is_ok() {
                check!(self.blocks.len() < BLOCKS_MAX, "a heap of many pieces");
                self.blocks.push(core::mem::take(&mut block));
            }
        }
        Ok(())
    }
}

fn is_short() -> bool {
    Vec::<u8>::new().try_reserve_exact(16).is_err()
}

fn not_for_everybody(_: &MaySleep) -> Result<(), String> {
    let _alone = alone();
    let hoard = Hoard::take()?;
    let (short, spared) = (is_short(), with_reserve(is_short));
    let (again, stats) = (is_short(), heap::stats());
    drop(hoard);
    check!(short && !spared && again, "{short}, with the reserve {spared}, then {again}");
    let left = stats.capacity - stats.in_use;
    check!((stats.reserve..stats.reserve + 64).contains(&left), "{left} of {}", stats.reserve);
    check!(!is_short(), "what was held is free again");
    Ok(())
}

fn slots_are_looked_after(may_sleep: &MaySleep) -> Result<(), String> {
    let Some(slot) = disks::view().first().map(|slot| slot.number) else {
        return Err("the machine has no slot".into());
    };
    let mut hoard = Hoard::take_lasting(may_sleep)?;
    // Starting a slot that is on is refused, after a look at all slots.
    with_reserve(|| disks::order(slot, Order::Start));
    while with_reserve(|| disks::settled(slot)).is_none() {
        hoard.take_more()?;
        sleep(may_sleep, MOMENT);
    }
    Ok(())
}

/// How many writes of 8 sectors there are, each in another place.
const WRITES: u64 = 512;
const STRIDE: u64 = 160;

/// The end of a request, to wait for.
type Ended = Completion<(Buf, IoResult)>;

fn every_request_ends(may_sleep: &MaySleep) -> Result<(), String> {
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    let device = disks.rig.open("m")?;
    // The originator takes its own memory before.
    let data: Bytes = BytesMut::from(&[7; 4096][..]).freeze();
    let places = (0..WRITES).map(|nth| extent(nth * STRIDE, 8));
    let mut bufs: Vec<Buf> = places.clone().map(|at| Buf::write(at, data.clone())).collect();
    bufs.push(Buf::flush());
    bufs.extend(places.map(|at| Buf::read(at, BytesMut::zeroed(4096))));
    let ended: Vec<Arc<Ended>> =
        bufs.iter().map(|_| Arc::new(Completion::new("biowait"))).collect();
    let mut results: Vec<(Buf, IoResult)> = Vec::with_capacity(bufs.len());
    // The leg dies when half is done.
    let half = disks.fault.counts().total() + WRITES / 2;
    disks.fault.fail(Hit::From(half), ErrorKind::Gone);

    let mut hoard = Hoard::take_lasting(may_sleep)?;
    let mut waiting = ended.iter();
    let (writes, rest) = (WRITES as usize, bufs.len() - WRITES as usize);
    let mut bufs = bufs.into_iter();
    for count in [writes, rest] {
        for (buf, ended) in bufs.by_ref().zip(ended.iter().skip(results.len())).take(count) {
            let done: Arc<dyn BufDone> = ended.clone();
            hoard.take_more()?;
            with_reserve(|| device.strategy(Bio::new(buf, done, 0)));
        }
        results.extend(waiting.by_ref().take(count).map(|ended| ended.wait(may_sleep)));
    }
    drop(hoard);

    check!(results.len() == writes + rest);
    for (buf, result) in results {
        check!(result.is_ok(), "{:?} {}: {result:?}", buf.cmd(), buf.extent());
        check!(buf.into_read().is_none_or(|memory| memory[..] == data[..]), "not what was written");
    }
    check!(disks.show()?.starts_with("degraded: 1 of 2"), "{}", disks.show()?);
    disks.fault.forgive();
    drop((device, ended));
    all_run(&mut session, &["mirror add m 1", "mirror wait m"])?;
    disks.end(&mut session)
}

/// What happens to a command when memory is short.
#[derive(Clone, Copy)]
enum Then {
    /// It is carried out: it helps a person out of the shortage, or takes little.
    Does,
    /// It is refused for want of memory.
    Refused,
    /// Either of the two: it prints much and takes little.
    Either,
    /// It is not tried: it ends the machine, or has nothing to do with memory here.
    Untried,
}

/// A line for each command, on a mirror `m` of two disks and a device `l`.
const SHORT: &[(&str, Then)] = &[
    ("help", Then::Does),
    ("events", Then::Does),
    ("disks", Then::Does),
    ("memory", Then::Does),
    ("threads", Then::Does),
    ("interrupts", Then::Does),
    ("uptime", Then::Does),
    ("log info", Then::Does),
    ("color off", Then::Does),
    ("slot ls", Then::Does),
    ("slot eject 99", Then::Either),
    ("slot start 99", Then::Either),
    ("slot reset 99", Then::Either),
    ("slot pull 99", Then::Either),
    ("dmsetup create z --table \"0 8 zero\"", Then::Refused),
    ("dmsetup load l --table \"0 8 zero\"", Then::Refused),
    ("dmsetup reload l --table \"0 8 zero\"", Then::Refused),
    ("dmsetup clear l", Then::Either),
    ("dmsetup rename l k", Then::Does),
    ("dmsetup rename k l", Then::Does),
    ("dmsetup wipe_table l", Then::Either),
    ("dmsetup ls --tree", Then::Does),
    ("dmsetup info", Then::Does),
    ("dmsetup deps", Then::Does),
    ("dmsetup table --json", Then::Does),
    ("dmsetup status", Then::Does),
    ("dmsetup targets", Then::Does),
    ("dmsetup message m 0 show", Then::Does),
    ("dmsetup wait m 99999", Then::Does),
    ("dmsetup suspend m", Then::Does),
    ("dmsetup resume m", Then::Does),
    ("mirror status", Then::Does),
    ("mirror status --json", Then::Either),
    ("mirror fail m 1", Then::Does),
    ("mirror wait m", Then::Either),
    ("mirror add m 1", Then::Either),
    ("mirror wait m", Then::Either),
    ("mirror rebuild m 1", Then::Either),
    ("mirror policy m round_robin", Then::Does),
    ("mirror write-mostly m 1 off", Then::Does),
    ("mirror rate m none,none", Then::Does),
    ("mirror check m", Then::Either),
    ("mirror repair m", Then::Either),
    ("mirror idle m", Then::Either),
    ("mirror label x l --force", Then::Refused),
    ("mirror assemble", Then::Refused),
    ("mirror start x", Then::Refused),
    ("mirror start-degraded m", Then::Either),
    ("mirror keep m 0", Then::Either),
    ("mirror replace m 1 l", Then::Either),
    ("mirror remove m 1", Then::Either),
    ("mirror forget l", Then::Refused),
    ("mirror examine l", Then::Refused),
    ("read m 0 8s", Then::Refused),
    ("write l 0 x", Then::Does),
    ("flush m", Then::Does),
    ("discard l 0 8s", Then::Either),
    ("fill l 0 1M 0", Then::Refused),
    ("verify l 0 1M 0", Then::Refused),
    ("compare m l 0 8s", Then::Either),
    ("copy m l 8s", Then::Either),
    ("torture l 0 8s 10 7", Then::Either),
    ("bench l write --requests 10", Then::Either),
    ("bench l read --size 1M --depth 1024 --requests 10", Then::Refused),
    ("trace on", Then::Either),
    ("trace show", Then::Either),
    ("trace dump", Then::Either),
    ("trace clear", Then::Does),
    ("trace off", Then::Does),
    ("dmsetup remove l", Then::Does),
    ("dmsetup remove_all", Then::Does),
    ("mirror stop m", Then::Either),
    ("fuzz", Then::Untried),
    ("panic", Then::Untried),
    ("poweroff", Then::Untried),
];

/// How a command is refused when memory is short.
const NO_MEMORY: &str = "not enough memory";

fn no_command_ends_the_machine(may_sleep: &MaySleep) -> Result<(), String> {
    for spec in COMMANDS {
        let is_it = |line: &str| line == spec.name || line.starts_with(&format!("{} ", spec.name));
        check!(SHORT.iter().any(|(line, _)| is_it(line)), "`{}` is not tried", spec.name);
    }
    let disks = Disks::new(may_sleep)?;
    let mut session = Session::new(&disks.rig.dm, Mode::Plain, may_sleep);
    disks.label(&mut session)?;
    all_run(&mut session, &["dmsetup create l --table \"0 16384 linear m 65536\""])?;
    for (line, then) in SHORT.iter().filter(|(_, then)| !matches!(then, Then::Untried)) {
        let hoard = Hoard::take_lasting(may_sleep)?;
        session.interrupt_after(Some(PATIENCE));
        let outcome = session.execute(line);
        session.interrupt_after(None);
        drop(hoard);
        let told = outcome.as_ref().err().map(|failure| failure.to_string()).unwrap_or_default();
        // A command that waits is ended as by Ctrl-C, which is no refusal.
        let done = outcome.is_ok() || told.contains("Ctrl-C");
        let right = match then {
            Then::Does => done,
            Then::Refused => told.contains(NO_MEMORY),
            Then::Either => done || !told.is_empty(),
            Then::Untried => true,
        };
        check!(right, "{line}: {outcome:?}");
    }
    // And all of it works again.
    all_run(&mut session, &["dmsetup remove_all"])?;
    disks.label(&mut session)?;
    all_run(&mut session, &["fill m 0 1M 0", "verify m 0 1M 0"])?;
    disks.end(&mut session)
}

/// How many of the largest blocks are left for tables: more than ten mirrors need.
const FOR_TABLES: usize = 64;

/// Mirrors with the most regions, until there is no memory for one more. Most memory is taken
/// before, since filling it with mirrors would take minutes.
fn tables_fill_no_memory(may_sleep: &MaySleep) -> Result<(), String> {
    let rig = Rig::new(may_sleep)?;
    let mut hoard = Hoard::take_lasting(may_sleep)?.blocks;
    check!(hoard.len() > FOR_TABLES && hoard[FOR_TABLES - 1].capacity() == SIZES[0]);
    drop(hoard.drain(..FOR_TABLES));
    let mut session = Session::new(&rig.dm, Mode::Plain, may_sleep);
    let length = dm_mirror::REGIONS_MAX * 8;
    let legs = |nth: usize| format!("{length} mirror core 2 8 nosync 1 z{nth} 0");
    let mut made = 0;
    let told = loop {
        let zeroes = format!("dmsetup create z{made} --table \"0 {length} zero\"");
        let mirror = format!("dmsetup create m{made} --table \"0 {}\"", legs(made));
        match session.execute(&zeroes).and_then(|()| session.execute(&mirror)) {
            Ok(()) => made += 1,
            Err(failure) => break failure.to_string(),
        }
        check!(made < 120, "memory has no end");
    };
    check!(made > 10 && told.contains(NO_MEMORY), "{made} mirrors: {told}");
    check!(heap::has_room(16), "the reserve is touched");
    // The mirrors that exist work. When they are gone, others can be made.
    all_run(&mut session, &["write m0 0 x", "dmsetup status m0", "flush m0"])?;
    for number in 0..made {
        all_run(&mut session, &[&format!("dmsetup remove m{number}")])?;
    }
    // Of several in a table, the first that finds no memory is refused, with its line.
    let lines: String = (0..200).map(|line| format!("{} {}\n", line * length, legs(0))).collect();
    let refused = session.run("dmsetup create many <<END", Some(&lines));
    let told = refused.err().map(|failure| failure.to_string()).unwrap_or_default();
    check!(told.contains(NO_MEMORY) && !told.contains("line 1,"), "{told}");
    check!(rig.dm.get("many").is_err());
    all_run(&mut session, &[&format!("dmsetup create m --table \"0 {}\"", legs(0))])?;
    all_run(&mut session, &["dmsetup remove_all"])
}
