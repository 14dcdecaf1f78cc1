//! The bytes typed on the serial line, for the console's thread.
//!
//! While a command runs, the editor gets no input: the command asks now and then whether Ctrl-C
//! came, and all bytes after it are kept for later.

use alloc::collections::VecDeque;
use core::time::Duration;

use crate::arch::{clock, serial};
use crate::task::{MaySleep, WaitChan};

/// The byte that Ctrl-C sends.
const CTRL_C: u8 = 0x03;

/// How many bytes typed ahead are kept. When there are that many, the sender is held back, and
/// a Ctrl-C behind them is seen only after the command.
const AHEAD_MAX: usize = 64 * 1024;

/// The time between a Ctrl-C that comes by itself and the next one.
const AGAIN: Duration = Duration::from_secs(2);

/// The receive interrupt wakes the thread that waits here.
static RECEIVED: WaitChan = WaitChan::new("ttyin");

/// The input of the console. There is one.
pub struct Input {
    ahead: VecDeque<u8>,
    /// When Ctrl-C comes by itself.
    stop_at: Option<Duration>,
}

impl Input {
    /// Starts to receive.
    pub fn open() -> Input {
        serial::start_receiving(|| RECEIVED.wakeup());
        Input { ahead: VecDeque::new(), stop_at: None }
    }

    /// Sleeps until there is a byte, and takes it.
    pub fn next(&mut self, may_sleep: &MaySleep) -> u8 {
        RECEIVED.wait_until(may_sleep, || {
            if self.ahead.is_empty() {
                self.take_in();
            }
            self.ahead.pop_front()
        })
    }

    /// Whether Ctrl-C came since a command began. Input before the Ctrl-C is dropped.
    pub fn interrupted(&mut self) -> bool {
        let now = Duration::from_nanos(clock::now());
        if self.stop_at.is_some_and(|at| at <= now) {
            self.stop_at = Some(now + AGAIN);
            return true;
        }
        while self.ahead.len() < AHEAD_MAX && self.take_in() > 0 {}
        let Some(last) = self.ahead.iter().rposition(|&byte| byte == CTRL_C) else { return false };
        self.ahead.drain(..=last);
        true
    }

    /// Makes Ctrl-C come by itself after `time`, and again if that does not help; or never.
    pub fn interrupt_after(&mut self, time: Option<Duration>) {
        self.stop_at = time.map(|time| Duration::from_nanos(clock::now()) + time);
    }

    /// Takes the bytes that the serial port has received; returns how many.
    fn take_in(&mut self) -> usize {
        let mut bytes = [0; 256];
        let count = serial::read(&mut bytes);
        self.ahead.extend(&bytes[..count]);
        count
    }
}
