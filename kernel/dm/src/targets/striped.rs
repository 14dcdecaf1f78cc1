//! striped: chunks that lie on several devices in turn.
//!
//! Table: `start length striped <#stripes> <chunk sectors> <device> <offset>...`
//! (as in Linux and DragonFly). Status: the number of stripes, their devices,
//! `1`, and a letter for each: `A`, or `D` if a request failed there.
//!
//! Rules:
//!
//! - The length is a multiple of stripes times chunk, so all stripes are equally long.
//! - A request within a chunk is passed on as it is. Any other is split: a read or write at the
//!   chunks' borders; a discard into one part for each stripe, since the part has no gaps
//!   there. A flush goes to every device, once.
//! - The first failures of a stripe are events, as in Linux; later ones are
//!   only counted, so that a broken disk wakes nobody for ever.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};

use bio::{
    Bio, BioDone, BlockDevice, BufCmd, ErrorKind, Extent, IoResult, Limits, Piece, SECTOR_SIZE,
    Sector, Sectors, split,
};

use crate::args::{ArgError, Args};
use crate::bounds::STRIPES_MAX;
use crate::context::Context;
use crate::devices::DeviceRef;
use crate::env::Severity;
use crate::events::Events;
use crate::limits::stack;
use crate::part::Part;
use crate::target::{Target, TargetType};

/// Failures of one stripe that are events (Linux: `DM_IO_ERROR_THRESHOLD`).
const EVENTS_MAX: u32 = 15;

pub(super) struct StripedType;

impl TargetType for StripedType {
    fn name(&self) -> &'static str {
        "striped"
    }

    fn usage(&self) -> &'static str {
        "<#stripes> <chunk sectors> <device> <offset>..."
    }

    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }

    fn create(
        &self,
        args: &mut Args<'_>,
        context: &Context<'_>,
    ) -> Result<Arc<dyn Target>, ArgError> {
        let length = context.length;
        let word = args.next("number of stripes")?;
        let count = word.number("number of stripes")?;
        if count > STRIPES_MAX {
            return Err(
                word.refuse(format!("{count} stripes are too many; use at most {STRIPES_MAX}"))
            );
        }
        if count == 0 || !length.0.is_multiple_of(count) {
            return Err(word.refuse(format!(
                "{length} sectors make no {count} equal stripes; change the number or the length"
            )));
        }
        let width = Sectors(length.0 / count);
        let word = args.next("chunk size")?;
        let chunk = Sectors(word.number("chunk size")?);
        if chunk == Sectors::ZERO || !width.0.is_multiple_of(chunk.0) {
            return Err(word.refuse(format!(
                "a stripe of {width} sectors makes no whole chunks of {chunk}; \
                 change the chunk size or the length"
            )));
        }
        let mut parts: Vec<(DeviceRef, Sector)> = Vec::new();
        for _ in 0..count {
            parts.push(args.part_of_device(context, width, "stripe's length")?);
        }
        let limits = stack(parts.iter().map(|(device, _)| device.limits()));
        let block = u64::from(limits.block_size) / SECTOR_SIZE as u64;
        if !chunk.0.is_multiple_of(block) {
            return Err(word.refuse(format!(
                "chunks of {chunk} sectors cut blocks; use multiples of {block} sectors"
            )));
        }
        Ok(Arc::new(Striped::new(parts, width, chunk, limits, context.events.clone())))
    }
}

struct Striped {
    stripes: Vec<Stripe>,
    chunk: Sectors,
    limits: Limits,
    failures: Arc<Failures>,
}

/// One device's share.
struct Stripe {
    device: DeviceRef,
    start: Sector,
    width: Sectors,
    index: u64,
    failures: Arc<Failures>,
}

/// What failed on each stripe; completes upward.
struct Failures {
    counts: Vec<AtomicU32>,
    events: Arc<Events>,
}

impl Striped {
    fn new(
        parts: Vec<(DeviceRef, Sector)>,
        width: Sectors,
        chunk: Sectors,
        limits: Limits,
        events: Arc<Events>,
    ) -> Striped {
        let counts = parts.iter().map(|_| AtomicU32::new(0)).collect();
        let failures = Arc::new(Failures { counts, events });
        let stripe = |((device, start), index)| Stripe {
            device,
            start,
            width,
            index,
            failures: failures.clone(),
        };
        let stripes = parts.into_iter().zip(0..).map(stripe).collect();
        Striped { stripes, chunk, limits, failures }
    }

    /// The stripe that `sector` lies on, and where on it.
    fn place(&self, sector: Sector) -> (&Stripe, Sector) {
        let (chunk, count) = (sector.0 / self.chunk.0, self.stripes.len() as u64);
        let (row, column) = (chunk / count, chunk % count);
        let at = row * self.chunk.0 + sector.0 % self.chunk.0;
        (&self.stripes[column as usize], Sector(at))
    }

    /// The parts of an extent, cut at the chunks' borders.
    fn by_chunk(&self, extent: Extent) -> Vec<Piece<'_>> {
        let (mut pieces, mut at) = (Vec::new(), extent.start());
        while at < extent.end() {
            let left_of_chunk = self.chunk.0 - at.0 % self.chunk.0;
            let count = Sectors(left_of_chunk.min((extent.end() - at).0));
            let (device, start) = self.place(at);
            pieces.push(Piece { count, device, start });
            at += count;
        }
        pieces
    }

    /// The parts of an extent, one for each stripe.
    fn by_stripe(&self, extent: Extent) -> Vec<Piece<'_>> {
        let part = |stripe| {
            let (start, end) =
                (self.before(extent.start(), stripe), self.before(extent.end(), stripe));
            Piece { count: end - start, device: stripe as &dyn BlockDevice, start }
        };
        let parts = self.stripes.iter().map(part);
        parts.filter(|part| part.count != Sectors::ZERO).collect()
    }

    /// The first place on `stripe` that does not come before `sector`.
    fn before(&self, sector: Sector, stripe: &Stripe) -> Sector {
        let row = self.chunk.0 * self.stripes.len() as u64;
        let chunks_before = stripe.index * self.chunk.0;
        let in_row = (sector.0 % row).saturating_sub(chunks_before).min(self.chunk.0);
        Sector(sector.0 / row * self.chunk.0 + in_row)
    }

    /// The parts of a flush: the first stripe on each device.
    fn flushed(&self) -> Vec<Piece<'_>> {
        let part = |device| Piece { count: Sectors::ZERO, device, start: Sector(0) };
        self.first_on_each().map(|stripe| part(stripe as &dyn BlockDevice)).collect()
    }

    /// The first stripe on each device, in their order.
    fn first_on_each(&self) -> impl Iterator<Item = &Stripe> {
        let stripes = &self.stripes;
        let first = |&(index, stripe): &(usize, &Stripe)| {
            stripes[..index].iter().all(|before| !before.device.is(&stripe.device))
        };
        stripes.iter().enumerate().filter(first).map(|(_, stripe)| stripe)
    }
}

impl Target for Striped {
    fn strategy(&self, bio: Bio) {
        let extent = bio.extent();
        match bio.cmd() {
            BufCmd::Flush => split(bio, &self.flushed()),
            _ if extent.start().0 % self.chunk.0 + extent.count().0 <= self.chunk.0 => {
                let (stripe, start) = self.place(extent.start());
                stripe.issue(bio, start);
            }
            BufCmd::FreeBlks => split(bio, &self.by_stripe(extent)),
            BufCmd::Read | BufCmd::Write { .. } => split(bio, &self.by_chunk(extent)),
        }
    }

    fn status(&self) -> String {
        let names: String =
            self.stripes.iter().map(|stripe| format!("{} ", stripe.device.name())).collect();
        let letter = |count: &AtomicU32| if count.load(Relaxed) == 0 { 'A' } else { 'D' };
        let letters: String = self.failures.counts.iter().map(letter).collect();
        format!("{} {names}1 {letters}", self.stripes.len())
    }

    fn table(&self) -> String {
        let part = |stripe: &Stripe| format!(" {} {}", stripe.device.name(), stripe.start);
        let parts: String = self.stripes.iter().map(part).collect();
        format!("{} {}{parts}", self.stripes.len(), self.chunk)
    }

    fn devices(&self) -> Vec<DeviceRef> {
        self.first_on_each().map(|stripe| stripe.device.clone()).collect()
    }

    /// Each stripe is a part, and shorter than the entry.
    fn parts(&self, _: Sectors) -> Vec<Part> {
        let part = |stripe: &Stripe| Part::new(&stripe.device, stripe.start, stripe.width);
        self.stripes.iter().map(part).collect()
    }

    fn passes_flush_to(&self) -> Option<Vec<DeviceRef>> {
        Some(self.devices())
    }

    fn flush_only(&self, bio: Bio, nth: usize) {
        let stripe = self.first_on_each().nth(nth).expect("the device has a stripe");
        stripe.issue(bio, Sector(0));
    }

    fn limits(&self) -> Limits {
        self.limits
    }
}

impl Stripe {
    /// Passes a request on to sector `start` of this stripe.
    fn issue(&self, bio: Bio, start: Sector) {
        let start = self.start + (start - Sector(0));
        self.device.strategy(bio.push_bio(start, self.failures.clone(), self.index));
    }
}

/// A stripe as the device that one piece of a split request goes to.
impl BlockDevice for Stripe {
    fn capacity(&self) -> Sectors {
        self.width
    }

    fn limits(&self) -> Limits {
        self.device.limits()
    }

    fn strategy(&self, bio: Bio) {
        let start = bio.extent().start();
        self.issue(bio, start);
    }
}

impl BioDone for Failures {
    fn bio_done(self: Arc<Self>, bio: Bio, index: u64, result: IoResult) {
        match result {
            // What a device does not know is no fault of it.
            Err(error) if error.kind != ErrorKind::Unsupported => {
                let before = self.counts[index as usize].fetch_add(1, Relaxed);
                if before < EVENTS_MAX {
                    self.events.note(Severity::Error, format_args!("stripe {index}: {error}"));
                    self.events.raise();
                }
            }
            _ => {}
        }
        bio.biodone(result);
    }
}
