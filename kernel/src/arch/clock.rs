//! The monotonic clock and the tick.
//!
//! Time is the CPU's time stamp counter, its speed measured once against the ACPI power
//! management timer. The same window measures the local APIC's timer, which then ticks
//! at `TICK_HZ`. One CPU: the counter is not compared with another's.

use core::hint::spin_loop;
use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use spin::Once;
use x86_64::instructions::port::Port;

use super::interrupts::Vector;
use super::irq_lock::InterruptsOff;
use super::lapic::{self, LocalApic};

/// Ticks a second: one is a millisecond.
pub const TICK_HZ: u64 = 1000;

/// The power management timer (ACPI 6.5, 4.8.3.3): its speed, and the bits that every
/// implementation has.
const PM_TIMER_HZ: u64 = 3_579_545;
const PM_TIMER_MASK: u32 = 0x00ff_ffff;

/// How long calibration looks, in power management timer units: 20 ms.
const WINDOW: u32 = (PM_TIMER_HZ / 50) as u32;

const NS_PER_SECOND: u64 = 1_000_000_000;

static CLOCK: Once<Clock> = Once::new();
static TICKS: AtomicU64 = AtomicU64::new(0);
static ON_TICK: Once<fn()> = Once::new();

struct Clock {
    /// The counter when the clock was started: time 0.
    start: u64,
    /// Counter units a second.
    tsc_hz: u64,
    /// APIC timer units a second.
    apic_hz: u64,
    /// Nanoseconds for one counter unit, as a 32.32 fixed-point number.
    ns_per_unit: u64,
}

/// Measures the counters and starts the clock at 0. Takes 20 ms.
pub(super) fn init(pm_timer: u16) {
    CLOCK.call_once(|| {
        let (tsc, apic, pm) = measure(Port::new(pm_timer), lapic::get());
        let per_second = |units: u64| (units as u128 * PM_TIMER_HZ as u128 / pm as u128) as u64;
        let tsc_hz = per_second(tsc);
        Clock {
            start: counter(),
            tsc_hz,
            apic_hz: per_second(apic),
            ns_per_unit: (u128::from(NS_PER_SECOND) << 32).div_ceil(tsc_hz.into()) as u64,
        }
    });
}

/// Nanoseconds since the clock was started; 0 before that. Never goes back.
pub fn now() -> u64 {
    CLOCK.get().map_or(0, |clock| {
        let units = counter().saturating_sub(clock.start);
        ((u128::from(units) * u128::from(clock.ns_per_unit)) >> 32) as u64
    })
}

/// Speed of the time stamp counter in Hz; 0 before the clock runs.
pub fn tsc_hz() -> u64 {
    CLOCK.get().map_or(0, |clock| clock.tsc_hz)
}

/// Starts the tick: `on_tick` is called `TICK_HZ` times a second, from the interrupt,
/// with interrupts off. To be called once, after `arch::init`.
pub fn start_ticking(on_tick: fn()) {
    ON_TICK.call_once(|| on_tick);
    let clock = CLOCK.get().expect("the clock runs before the tick");
    let vector = Vector::allocate("timer", tick, 0).expect("a vector for the tick");
    lapic::get().start_periodic(vector.number(), (clock.apic_hz / TICK_HZ) as u32);
    // The tick never stops, so its vector is never given back.
    core::mem::forget(vector);
}

/// Ticks since the tick was started. A tick that the machine was too busy for is lost: for the
/// time, ask `now`.
pub fn ticks() -> u64 {
    TICKS.load(Relaxed)
}

fn tick(_: usize) {
    TICKS.fetch_add(1, Relaxed);
    if let Some(on_tick) = ON_TICK.get() {
        on_tick();
    }
}

/// Units of the time stamp counter and of the APIC timer that passed while the power
/// management timer moved by the third number.
fn measure(mut pm_timer: Port<u32>, apic: &LocalApic) -> (u64, u64, u32) {
    let _off = InterruptsOff::new();
    // SAFETY: reading the timer's port has no effect.
    let mut pm = || unsafe { pm_timer.read() };
    // All three counters are read together, at whatever moment the window ends. If the host
    // takes the CPU away for a while, the window is longer and nothing is wrong.
    apic.start_countdown(u32::MAX);
    let (pm_start, tsc_start, apic_start) = (pm(), counter(), apic.countdown());
    loop {
        let (pm_end, tsc_end, apic_end) = (pm(), counter(), apic.countdown());
        let passed = pm_end.wrapping_sub(pm_start) & PM_TIMER_MASK;
        if passed >= WINDOW {
            return (tsc_end - tsc_start, u64::from(apic_start - apic_end), passed);
        }
        spin_loop();
    }
}

fn counter() -> u64 {
    // SAFETY: every x86_64 has the instruction, and nothing here forbids it.
    unsafe { core::arch::x86_64::_rdtsc() }
}
