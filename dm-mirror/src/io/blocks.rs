//! A user's read, block by block: where several legs failed it, each perhaps at another block.
//!
//! Place: the core has a read taken apart (`core/steps/read.rs`) and hears of each block, then
//! of the end of them all.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, BioDone, BlockDevice, IoResult, Limits, Piece, SECTOR_SIZE, Sectors, split};

use super::Mirror;
use super::tag::Tag;
use crate::core::event::{Event, Of};
use crate::core::parts::requests::Req;

impl Mirror {
    /// Reads each block for itself, with the whole range held.
    pub(super) fn read_by_block(self: &Arc<Self>, req: Req, bio: Bio) {
        let block = Sectors(u64::from(self.limits().block_size) / SECTOR_SIZE as u64);
        let (extent, blocks) = (bio.extent(), Arc::new(Blocks(self.clone())));
        let starts = (0..extent.count().0).step_by(block.0 as usize).map(Sectors);
        let piece = |at| Piece { count: block, device: &*blocks, start: extent.start() + at };
        let pieces: Vec<Piece<'_>> = starts.map(piece).collect();
        let tag = Tag::of_request(0, req, false);
        split(bio.push_bio(extent.start(), blocks.clone(), tag.to_info()), &pieces);
    }
}

/// The mirror as a device of single blocks, and who hears of the end of a read of
/// them all.
struct Blocks(Arc<Mirror>);

impl BlockDevice for Blocks {
    fn capacity(&self) -> Sectors {
        self.0.length
    }

    fn limits(&self) -> Limits {
        self.0.limits()
    }

    fn strategy(&self, bio: Bio) {
        let extent = bio.extent();
        self.0.event(|inner| {
            let req = inner.core.next_request();
            inner.slots.claim(req).bio = Some(bio);
            Event::Block { req, extent }
        });
    }
}

impl BioDone for Blocks {
    fn bio_done(self: Arc<Self>, bio: Bio, info: u64, result: IoResult) {
        let Of::Request(req) = Tag::from_info(info).of else { unreachable!("it is a request") };
        self.0.event(|inner| {
            inner.slots.of(req).bio = Some(bio);
            Event::Joined { req, result }
        });
    }
}
