//! A run at a moment, as a page shows it.

use bio::{BufCmd, Extent, IoResult, SECTOR_SIZE, Sector, Sectors};
use dm_mirror::format::{
    MapPage, Marks, MemberId, MemberState, REGIONS_PER_PAGE, SLOTS, Superblock, newest_superblock,
    page_place, superblock_place,
};
use dm_mirror::report::Standing;
use dm_mirror::requests::{Phase, RequestView, Tx};
use dm_mirror::view::{LegView, RegionView};
use sim::{Asked, Content, Life, Op, Presence, SimDisk, Subject, Violation};

use crate::places::{Part, part, told};
use crate::run::{End, Run};
use crate::state;
use crate::state::{
    Broken, Late, Left, Leg, Line, Mark, Memory, Oracle, Question, Request, Stamp, State, Twice,
    UserOp, Waiting,
};

/// The last requests and lines that are shown.
const USER_MAX: usize = 40;
const LINES_MAX: usize = 200;

/// Where the run stands, and what it asks.
pub(crate) fn state(run: &Run<'_>, ask: Option<Question>) -> State {
    let mapped = run.mapped();
    let (over, violation) = match &run.end {
        None => (None, None),
        Some(End::Rest) => (Some("rest"), None),
        Some(End::Broken(violation)) => (Some("violation"), Some(broken(violation))),
    };
    let life = mapped.life();
    let legs: Vec<Leg> = (0..run.lives.scenario.legs).map(|leg| self::leg(run, leg)).collect();
    let asked = run.world.history().asked();
    let left = run.world.left();
    let sectors = 0..run.lives.scenario.sectors.0;
    let steps = run.marks.len();
    State {
        path: Vec::new(),
        step: steps,
        marks: run.marks.clone(),
        ask,
        over,
        violation,
        life: match life {
            Life::Starting => "starting",
            Life::Held => "held",
            Life::Running => "running",
            Life::Refused => "refused",
        },
        why: match life {
            // The lines behind it are a table of the legs, which the page draws itself.
            Life::Held | Life::Refused => mapped.why().lines().next().unwrap_or("").to_owned(),
            Life::Starting | Life::Running => String::new(),
        },
        boots: run.world.boots() + 1,
        generation: generation(&legs),
        legs,
        requests: mapped.requests().iter().map(request).collect(),
        user: asked[asked.len().saturating_sub(USER_MAX)..]
            .iter()
            .map(|it| user_op(run, it))
            .collect(),
        oracle: sectors.map(|sector| oracle(run, sector)).collect(),
        left: Left {
            faults: left.faults,
            crashes: left.crashes,
            stops: left.stops,
            returns: left.returns,
            acts: left.acts,
        },
        account: account(run),
    }
}

/// The generation that most recent superblock names.
fn generation(legs: &[Leg]) -> Option<String> {
    let seen = |leg: &Leg| leg.superblock.cache.clone().flatten().or(leg.superblock.media.clone());
    let newest = legs.iter().filter(|leg| leg.standing == "in sync").filter_map(seen);
    newest.max_by_key(|superblock| superblock.seq).map(|superblock| superblock.generation)
}

fn account(run: &Run<'_>) -> Vec<Line> {
    let step = |line: usize| run.lines.partition_point(|end| *end <= line);
    let lines = run.account.iter().enumerate().skip(run.account.len().saturating_sub(LINES_MAX));
    lines.map(|(at, text)| Line { step: step(at), text: told(run, text) }).collect()
}

fn oracle(run: &Run<'_>, sector: u64) -> Oracle {
    let (now, after) = run.world.history().may_hold(Sector(sector));
    let all = |stamps: Vec<sim::Stamp>| stamps.into_iter().map(|it| stamp(&Content::Stamp(it)));
    Oracle { sector, may: all(now).collect(), durable: all(after).collect() }
}

pub(crate) fn stamp(content: &Content) -> Stamp {
    let text = match content {
        Content::Stamp(stamp) => stamp.to_string(),
        Content::Raw(_) => "?".into(),
    };
    // `w3@5`: the sector is known where it stands.
    let text = text.split('@').next().unwrap_or_default().to_owned();
    let write = text.strip_prefix('w').and_then(|write| write.parse().ok());
    Stamp { write, text }
}

fn leg(run: &Run<'_>, leg: usize) -> Leg {
    let (disk, mapped, scenario) = (&*run.world.legs()[leg], run.mapped(), &run.lives.scenario);
    let data = mapped.data_start(leg);
    let sector = |at: u64| {
        let at = data + Sectors(at);
        Twice::of(stamp(&disk.durable(at)), stamp(&disk.contents(at)))
    };
    let view = mapped.view().and_then(|view| view.legs().get(mapped.place(leg)).copied());
    let place = mapped.place(leg);
    let memory = |region: &RegionView| Memory {
        dirty: region.dirty,
        missed: region.missed >> place & 1 == 1,
        unsettled: region.unsettled,
    };
    Leg {
        name: format!("vbd{leg}"),
        presence: match (disk.presence(), disk.overdue()) {
            (Presence::Gone, _) => "gone",
            (_, 0) => "ready",
            _ => "silent",
        },
        standing: standing(view),
        sectors: (0..scenario.sectors.0).map(sector).collect(),
        regions: regions(run, disk),
        memory: mapped.regions(scenario.sectors).iter().map(memory).collect(),
        superblock: Twice::of(superblock(run, disk, true), superblock(run, disk, false)),
        waiting: waiting(run, leg, disk),
        late: (0..disk.overdue())
            .filter_map(|id| disk.late(id).map(|it| Late { id, text: it.to_string() }))
            .collect(),
    }
}

fn standing(view: Option<LegView>) -> &'static str {
    match view.map(|view| view.standing) {
        None => "unknown",
        Some(Standing::InSync) => "in sync",
        Some(Standing::Coming) => "coming",
        Some(Standing::Out) => "out",
        Some(Standing::NoMember) => "no member",
    }
}

/// The bytes of a place on a disk: what is durable, or what a read sees.
fn bytes(run: &Run<'_>, disk: &SimDisk, place: Extent, durable: bool) -> Vec<u8> {
    let start = place.start() + Sectors(run.lives.mirror.window.offset);
    let mut bytes = vec![0; place.count().bytes()];
    for (sector, at) in bytes.chunks_exact_mut(SECTOR_SIZE).zip(0..) {
        let at = start + Sectors(at);
        let content = if durable { disk.durable(at) } else { disk.contents(at) };
        content.fill(sector);
    }
    bytes
}

fn newest(run: &Run<'_>, disk: &SimDisk, durable: bool) -> Option<Superblock> {
    let slots: [Vec<u8>; SLOTS] =
        std::array::from_fn(|slot| bytes(run, disk, superblock_place(slot), durable));
    let slots = std::array::from_fn(|slot| &slots[slot][..]);
    newest_superblock(slots).ok().map(|(_, superblock)| superblock)
}

fn superblock(run: &Run<'_>, disk: &SimDisk, durable: bool) -> Option<state::Superblock> {
    let superblock = newest(run, disk, durable)?;
    let state = |id| match superblock.entry(id).map(|entry| entry.state) {
        None => "-",
        Some(MemberState::InSync) => "in sync",
        Some(MemberState::Rebuilding) => "rebuilding",
        Some(MemberState::Out) => "out",
        Some(MemberState::FailedMedia) => "out: media",
        Some(MemberState::FailedByHand) => "out: by hand",
    };
    Some(state::Superblock {
        generation: superblock.generation.to_string()[..8].to_owned(),
        seq: superblock.seq,
        session: superblock.session,
        members: MemberId::all().take(run.lives.scenario.legs).map(state).collect(),
    })
}

/// The leg's own map, of the regions that clients use.
fn regions(run: &Run<'_>, disk: &SimDisk) -> Vec<Twice<Mark>> {
    let window = run.lives.mirror.window;
    let in_use = Extent::new(Sector(window.first), run.lives.scenario.sectors);
    let Some(superblock) = newest(run, disk, false) else { return Vec::new() };
    let geometry = superblock.geometry;
    let mark = |region: dm_mirror::format::Region, durable| {
        let incarnation = newest(run, disk, durable).map(|it| it.incarnation);
        let (page, nth) =
            (region.0 / REGIONS_PER_PAGE as u32, region.0 as usize % REGIONS_PER_PAGE);
        let pages = (0..SLOTS).filter_map(|slot| {
            MapPage::decode(&bytes(run, disk, page_place(page, slot), durable)).ok()
        });
        let pages = pages.filter(|page| Some(page.incarnation) == incarnation);
        let marks = pages.max_by_key(|page| page.seq).map_or(Marks::empty(), |it| it.marks[nth]);
        let missed = MemberId::all().filter(|id| marks.contains(Marks::missed(*id)));
        Mark { dirty: marks.contains(Marks::DIRTY), missed: missed.map(MemberId::index).collect() }
    };
    geometry.touched(in_use).map(|it| Twice::of(mark(it, true), mark(it, false))).collect()
}

fn waiting(run: &Run<'_>, leg: usize, disk: &SimDisk) -> Vec<Waiting> {
    let of = |id: usize| {
        let it = disk.pending(id)?;
        let start = it.extent.start();
        let (what, at) = match part(run, leg, start) {
            _ if it.cmd == BufCmd::Flush => ("flush", start.0),
            Part::Data(at) => ("data", at),
            _ if it.cmd == BufCmd::Read => ("search", start.0),
            Part::Superblock => ("superblock", start.0),
            Part::Map => ("map", start.0),
        };
        let count = it.extent.count().0;
        let cmd = command(it.cmd);
        let text = match what {
            "data" => format!("{cmd} {at}+{count}"),
            "superblock" | "map" => format!("{cmd} {what}"),
            "search" => "read records".into(),
            _ => cmd.into(),
        };
        Some(Waiting { id, cmd, what, start: at, count, text, performed: it.performed })
    };
    (0..disk.queued()).filter_map(of).collect()
}

fn command(cmd: BufCmd) -> &'static str {
    match cmd {
        BufCmd::Read => "read",
        BufCmd::Write { fua: false } => "write",
        BufCmd::Write { fua: true } => "fua",
        BufCmd::Flush => "flush",
        BufCmd::FreeBlks => "discard",
    }
}

fn request(it: &RequestView) -> Request {
    let tx = |&(leg, tx): &(usize, Tx)| state::Tx {
        leg,
        state: match tx {
            Tx::Start => "START",
            Tx::JournalFlush => "MAP",
            Tx::DataWrite => "DATA_WRITE",
            Tx::DataFlush => "DATA_FLUSH",
            Tx::Done => "DONE",
            Tx::Failed => "FAILED",
        },
    };
    Request {
        id: it.place,
        own: it.own,
        cmd: command(it.cmd),
        start: it.extent.start().0,
        count: it.extent.count().0,
        phase: match it.phase {
            Phase::Waiting => "waits".into(),
            Phase::Reading(leg) => format!("reads leg {leg}"),
            Phase::ByBlock => "read block by block".into(),
            Phase::Writing => "write group".into(),
            Phase::Parked => "parked: SUPER_WRITE".into(),
            Phase::Comparing => "compares legs".into(),
        },
        txs: it.txs.iter().map(tx).collect(),
    }
}

fn user_op(run: &Run<'_>, it: &Asked) -> UserOp {
    let (cmd, extent) = match it.op {
        Op::Read(extent) => ("read", extent),
        Op::Write(extent) => ("write", extent),
        Op::WriteFua(extent) => ("fua", extent),
        Op::Flush => ("flush", Extent::default()),
        Op::Discard(extent) => ("discard", extent),
    };
    let answered = format!("request {} ends: ", it.id);
    let told = run.account.iter().rev().find_map(|line| line.strip_prefix(&*answered));
    UserOp {
        id: it.id,
        cmd,
        start: extent.start().0,
        count: extent.count().0,
        state: match it.result {
            None if it.dead => "lost",
            None => "open",
            Some(Ok(())) => "done",
            Some(Err(_)) => "failed",
        },
        text: told.map_or_else(|| ended(it.result), str::to_owned),
    }
}

fn ended(result: Option<IoResult>) -> String {
    match result {
        None | Some(Ok(())) => String::new(),
        Some(Err(error)) => error.to_string(),
    }
}

/// A broken promise, and which one it is.
fn broken(violation: &Violation) -> Broken {
    let promise = match violation {
        Violation::Hang(_) => "Every request ends.",
        Violation::Restless => "Whatever was begun comes to its end.",
        Violation::EndedTwice(_) => "A request ends once.",
        Violation::MemoryLost(_) => "A read gives its memory back.",
        Violation::Torn(..) | Violation::Foreign(..) => "A read returns what was written there.",
        Violation::Unexplained { .. } => {
            "A read returns the last write that was acknowledged, or one still on its way; and \
             what was read once is not undone without a write."
        }
        Violation::Denied { .. } => {
            "If an acknowledged write is lost, a FLUSH says so before any FLUSH succeeds."
        }
        Violation::NeedlessError(..) => "No request fails while a leg in sync could do it.",
        Violation::StaleStart => {
            "A mirror never starts from legs that missed an acknowledged write, while it can \
             know that they did."
        }
        Violation::NoStart(_) => "A mirror starts when all its legs are there and well.",
        Violation::NoStop => "A mirror that is asked to stop becomes quiet.",
        Violation::NotKept(_) => "What a person was told stays so.",
        Violation::NotStill(..) => "A suspended mirror has nothing on its way.",
        Violation::Starved(_) => "A busy user starves nothing that was begun.",
        Violation::LegsDiffer(..) => "At rest, legs in sync are equal.",
    };
    let request = match *violation {
        Violation::EndedTwice(op)
        | Violation::MemoryLost(op)
        | Violation::Torn(op, _)
        | Violation::Foreign(op, ..)
        | Violation::Unexplained { op, .. }
        | Violation::Denied { op, .. }
        | Violation::NeedlessError(op, _) => Some(op),
        _ => None,
    };
    Broken { text: without_places(&violation.to_string()), promise, request }
}

/// A text without the places in its stamps: `w3@5` is `w3`, where the sector is known.
pub(crate) fn without_places(text: &str) -> String {
    let mut parts = text.split('@');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |so_far, part| {
        so_far + part.trim_start_matches(|it: char| it.is_ascii_digit())
    })
}
