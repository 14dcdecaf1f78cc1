//! The serial port COM1: where the console and the log go, and where input comes from.
//!
//! Output is polled, under a lock with interrupts off, so that a line stays in one
//! piece. Input comes by interrupt: the handler moves bytes from the UART into a ring
//! and rings the bell given to `start_receiving`; a reader thread then calls `read`.
//! When the ring is full the bytes stay in the UART and its interrupt is switched off,
//! which holds the sender back; `read` switches it on again. No input is ever dropped.
//!
//! All text passes `Output`, which lets no mark of a frame through (`shell::frame`): only
//! `print_frame` writes marks.

use core::fmt;

use heapless::Deque;
use shell::frame::{Frame, without_marks};
use spin::Once;
use uart_16550::backend::PioBackend;
use uart_16550::spec::registers::{IER, LSR};
use uart_16550::{BaudRate, Config, Uart16550};

use super::interrupts::Vector;
use super::ioapic::{self, Wiring};
use super::irq_lock::IrqLock;

const COM1: u16 = 0x3f8;
const COM1_IRQ: u8 = 4;

/// How often the UART is asked whether it is done: each takes about
/// a microsecond, and a byte about ninety on a real line.
const FINISH_POLLS: u32 = 1_000_000;

/// Bytes of input that wait for the reader.
const RING_SIZE: usize = 1024;

static PORT: IrqLock<Serial> = IrqLock::new(Serial { uart: com1(), ring: Deque::new() });
static RECEIVE: Once<Receive> = Once::new();

struct Serial {
    uart: Uart16550<PioBackend>,
    ring: Deque<u8, RING_SIZE>,
}

struct Receive {
    bell: fn(),
    // Held so that the vector stays ours.
    _vector: Vector,
}

const fn com1() -> Uart16550<PioBackend> {
    // SAFETY: COM1's eight ports belong to this module. The panic path makes a second
    // handle, when nothing else will run any more.
    match unsafe { Uart16550::new_port(COM1) } {
        Ok(uart) => uart,
        Err(_) => panic!("COM1 lies in the port space"),
    }
}

/// Sets up the line. Without a UART all output is lost, which is no reason to stop.
pub fn init() {
    let config = Config { baud_rate: BaudRate::Baud115200, ..Config::DEFAULT };
    let _ = PORT.lock().uart.init(config);
}

/// Writes `args` in one piece, each line feed preceded by one carriage return.
pub fn print(args: fmt::Arguments) {
    let _ = fmt::write(&mut Output(&mut PORT.lock().uart), args);
}

/// Writes a frame in one piece.
pub fn print_frame(frame: Frame) {
    let _ = fmt::write(&mut Marks(&mut PORT.lock().uart), format_args!("{frame}"));
}

/// Waits, for a moment at most, until all printed text is on the line: a witness then has a
/// message before the event that it announces.
pub fn await_line() {
    let sent = |_: &u32| PORT.lock().uart.lsr().contains(LSR::TRANSMITTER_EMPTY);
    let _ = (0..FINISH_POLLS).find(sent);
}

/// Like `print`, but takes no lock: for a panic, since the code that panicked may hold it.
pub fn print_in_panic(args: fmt::Arguments) {
    let _ = fmt::write(&mut Output(&mut com1()), args);
}

/// Waits, for a moment at most, until the last byte of output is on the line: when the machine
/// ends, bytes that are still in the UART are lost.
pub fn finish_output() {
    let mut uart = com1();
    let done = |_: &u32| uart.lsr().contains(LSR::TRANSMITTER_EMPTY);
    let _ = (0..FINISH_POLLS).find(done);
}

/// Connects the receive interrupt; `bell` is called from it, interrupts off, whenever
/// input has arrived. To be called once, after `interrupts::init`.
pub fn start_receiving(bell: fn()) {
    RECEIVE.call_once(|| {
        let vector = Vector::allocate("com", received, 1).expect("a vector for the serial port");
        ioapic::connect(COM1_IRQ, &vector, Wiring::Isa);
        Receive { bell, _vector: vector }
    });
    PORT.lock().uart.enable_interrupts(IER::DATA_READY);
}

/// Moves waiting input to the front of `buffer`; returns how many bytes. Never waits.
pub fn read(buffer: &mut [u8]) -> usize {
    let mut port = PORT.lock();
    port.drain();
    let mut count = 0;
    while let Some(slot) = buffer.get_mut(count)
        && let Some(byte) = port.ring.pop_front()
    {
        *slot = byte;
        count += 1;
    }
    // There is room now. Bytes that still wait in the UART interrupt at once.
    if RECEIVE.is_completed() && !port.ring.is_full() {
        port.uart.enable_interrupts(IER::DATA_READY);
    }
    count
}

fn received(_: usize) {
    {
        let mut port = PORT.lock();
        // Reading the cause is part of the handshake with the interrupt line.
        let _ = port.uart.isr();
        port.drain();
        if port.ring.is_full() {
            port.uart.disable_interrupts(IER::DATA_READY);
        }
    }
    if let Some(receive) = RECEIVE.get() {
        (receive.bell)();
    }
}

impl Serial {
    /// UART to ring, until one is empty or the other is full.
    fn drain(&mut self) {
        while !self.ring.is_full()
            && let Ok(byte) = self.uart.try_receive_byte()
        {
            let _ = self.ring.push_back(byte);
        }
    }
}

struct Output<'a>(&'a mut Uart16550<PioBackend>);

impl fmt::Write for Output<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for piece in text.split_inclusive('\n') {
            match piece.strip_suffix('\n') {
                Some(line) => {
                    self.text(line.strip_suffix('\r').unwrap_or(line));
                    self.0.send_bytes_exact(b"\r\n");
                }
                None => self.text(piece),
            }
        }
        Ok(())
    }
}

impl Output<'_> {
    /// Text within a line.
    fn text(&mut self, text: &str) {
        without_marks(text).for_each(|piece| self.0.send_bytes_exact(piece.as_bytes()));
    }
}

/// The line for a frame: text written here goes out as it is.
struct Marks<'a>(&'a mut Uart16550<PioBackend>);

impl fmt::Write for Marks<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.send_bytes_exact(text.as_bytes());
        Ok(())
    }
}
