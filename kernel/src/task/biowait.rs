//! Synchronous I/O: issue a request, wait for its end.
//!
//! Place: for callers that have nothing else to do meanwhile: the console, tests.

use alloc::sync::Arc;

use bio::{Bio, BlockDevice, Buf, BufDone, IoResult};

use super::{Completion, MaySleep, with_reserve};

impl BufDone for Completion<(Buf, IoResult)> {
    fn buf_done(self: Arc<Self>, buf: Buf, _: u64, result: IoResult) {
        self.complete((buf, result));
    }
}

/// Issues `buf` to `device` and sleeps until it is done. A read's memory comes back in
/// the buf.
pub fn biowait(may_sleep: &MaySleep, device: &dyn BlockDevice, buf: Buf) -> (Buf, IoResult) {
    let done = Arc::new(Completion::new("biowait"));
    with_reserve(|| device.strategy(Bio::new(buf, done.clone(), 0)));
    done.wait(may_sleep)
}
