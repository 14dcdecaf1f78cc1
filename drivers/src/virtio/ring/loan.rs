//! Memory on loan to a device.
//!
//! Place: in a slot of the ring from push to reap. A room for unsafe code: it gives a buffer's
//! address away.
//!
//! Rule: while a [`Loan`] exists nobody else has the memory's handle. So nobody reads memory
//! that the device writes, or frees it.

use core::marker::PhantomData;
use core::mem;
use core::ops::Range;
use core::ptr::NonNull;

use bio::Memory;
use virtio_drivers::{BufferDirection, Hal, PhysAddr};

/// Memory that a device has. Dropping it leaks the memory, since the device may still use it.
pub(super) struct Loan<H: Hal> {
    memory: Memory,
    range: Range<usize>,
    /// Where the device finds the range; 0 if it is empty.
    pub(super) paddr: PhysAddr,
    hal: PhantomData<fn() -> H>,
}

impl<H: Hal> Loan<H> {
    pub(super) fn new(mut memory: Memory, range: Range<usize>) -> Loan<H> {
        let paddr = match buffer(&mut memory, &range) {
            // SAFETY: the buffer is `range` of `memory`, not empty. Unique memory
            // is ours alone; shared memory is immutable, and only read from.
            Some((buffer, direction)) => unsafe { H::share(buffer, direction) },
            None => 0,
        };
        Loan { memory, range, paddr, hal: PhantomData }
    }

    /// The device gave the memory back.
    pub(super) fn end(mut self) -> Memory {
        if let Some((buffer, direction)) = buffer(&mut self.memory, &self.range) {
            // SAFETY: the same buffer that `new` shared, for memory cannot move
            // within its handle; the device is done with it.
            unsafe { H::unshare(self.paddr, buffer, direction) };
        }
        mem::replace(&mut self.memory, Memory::None)
    }
}

impl<H: Hal> Drop for Loan<H> {
    fn drop(&mut self) {
        mem::forget(mem::replace(&mut self.memory, Memory::None));
    }
}

/// The bytes of `range`, and who writes them. `None` if there are none.
fn buffer(memory: &mut Memory, range: &Range<usize>) -> Option<(NonNull<[u8]>, BufferDirection)> {
    let (buffer, direction) = match memory {
        Memory::Unique(bytes) => {
            (NonNull::from(&mut bytes[range.clone()]), BufferDirection::DeviceToDriver)
        }
        Memory::Shared(bytes) => {
            (NonNull::from(&bytes[range.clone()]), BufferDirection::DriverToDevice)
        }
        Memory::None | Memory::Lost => return None,
    };
    (!range.is_empty()).then_some((buffer, direction))
}
