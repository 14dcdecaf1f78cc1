//! `IrqLock`: a spin lock for data that interrupt handlers touch too.
//!
//! Used by `arch` and `mm`, and by the scheduler for its run queues. Rules: while a guard
//! lives, interrupts are off on this CPU, so hold it for a handful of instructions and never
//! across a call into code you do not own. Guards nest, and must be dropped in the reverse
//! order in which they were made, as scopes do by themselves.

use core::ops::{Deref, DerefMut};

use spin::mutex::{SpinMutex, SpinMutexGuard};
use x86_64::instructions::interrupts;

/// A value that threads and interrupt handlers share.
pub struct IrqLock<T>(SpinMutex<T>);

impl<T> IrqLock<T> {
    /// Wraps `value`; const, so that statics can hold it.
    pub const fn new(value: T) -> Self {
        Self(SpinMutex::new(value))
    }

    /// Turns interrupts off, then waits for the lock.
    pub fn lock(&self) -> IrqGuard<'_, T> {
        let off = InterruptsOff::new();
        IrqGuard { value: self.0.lock(), _off: off }
    }

    /// Like `lock`, but gives up when the lock is taken. For the panic path only,
    /// where the holder may be the very code that panicked.
    pub fn try_lock(&self) -> Option<IrqGuard<'_, T>> {
        let off = InterruptsOff::new();
        self.0.try_lock().map(|value| IrqGuard { value, _off: off })
    }

    /// Frees the lock in place of its guard, which was left behind on another stack by a
    /// thread switch; interrupts stay off.
    ///
    /// # Safety
    /// The lock must be held on behalf of the caller. Before that guard is dropped, the lock
    /// must have been taken again for it.
    pub unsafe fn force_unlock(&self) {
        // SAFETY: the caller's promise is the one asked for.
        unsafe { self.0.force_unlock() }
    }
}

/// Holding it is the permission to use the value. Dropping it frees the lock first, then
/// restores the interrupt flag: fields are dropped in the order in which they are declared.
pub struct IrqGuard<'a, T> {
    value: SpinMutexGuard<'a, T>,
    _off: InterruptsOff,
}

impl<T> Deref for IrqGuard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> DerefMut for IrqGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.value
    }
}

/// Interrupts are off while this lives; dropping it restores the flag it found.
pub struct InterruptsOff {
    were_on: bool,
    // The flag belongs to one CPU: the value must not travel to another thread.
    _here: core::marker::PhantomData<*mut ()>,
}

impl InterruptsOff {
    /// Turns interrupts off on this CPU.
    #[must_use]
    pub fn new() -> Self {
        let were_on = interrupts::are_enabled();
        interrupts::disable();
        Self { were_on, _here: core::marker::PhantomData }
    }
}

impl Drop for InterruptsOff {
    fn drop(&mut self) {
        if self.were_on {
            interrupts::enable();
        }
    }
}
