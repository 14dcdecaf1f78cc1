//! How a guest ended, and the exit code that says so.
//!
//! The kernel writes its verdict to the isa-debug-exit port. The other endings are seen from
//! outside. Rule: every boot of a guest ends with exactly one [`Verdict`], so a hang or a
//! triple fault can never pass for success.

use std::fmt;
use std::process::ExitCode;

use crate::patience::Lost;

/// How a guest ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The kernel wrote 0x10: all that it was asked to do went well.
    Passed,
    /// The kernel wrote 0x11: a test or a command failed.
    Failed,
    /// The kernel wrote 0x12 after printing a panic.
    Panicked,
    /// None of the above, and patience ended; QEMU was killed.
    Hung(Lost),
    /// The machine reset itself, as a triple fault does.
    Reset,
    /// The machine was powered off without a verdict.
    PoweredOff,
    /// The accelerator could not go on (QEMU's `internal-error`); QEMU was killed.
    InternalError,
    /// QEMU itself ended with this exit status, saying this.
    QemuFailed(i32, String),
}

impl Verdict {
    /// The verdict in QEMU's exit status, if the guest wrote one: isa-debug-exit ends QEMU with
    /// `value * 2 + 1`.
    pub(crate) fn from_debug_exit(status: i32) -> Option<Self> {
        match status {
            33 => Some(Self::Passed),
            35 => Some(Self::Failed),
            37 => Some(Self::Panicked),
            _ => None,
        }
    }

    /// The exit code of `cargo xtask run`: 0 passed, 1 failed, 101 panic (as a
    /// Rust program's), 124 hang (as timeout(1)'s), 125 any other ending.
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Panicked => 101,
            Self::Hung(_) => 124,
            Self::Reset | Self::PoweredOff | Self::InternalError | Self::QemuFailed(..) => 125,
        })
    }

    /// Whether the guest ended by its own verdict, so that its output alone
    /// tells the story.
    pub(crate) fn is_the_guests_own(&self) -> bool {
        matches!(self, Self::Passed | Self::Failed)
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Passed => write!(f, "the guest ended well"),
            Self::Failed => write!(f, "the guest reported a failure"),
            Self::Panicked => write!(f, "the kernel panicked"),
            Self::Hung(lost) => write!(f, "the guest hung: {lost}, QEMU killed"),
            Self::Reset => write!(f, "the guest reset the machine: a triple fault, most likely"),
            Self::PoweredOff => write!(f, "the guest powered off without a verdict"),
            Self::InternalError => {
                write!(
                    f,
                    "the accelerator gave up (QEMU: internal-error); --accel tcg works everywhere"
                )
            }
            Self::QemuFailed(status, said) => {
                write!(f, "QEMU ended by itself with exit status {status}: {}", said.trim())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Verdict;

    #[test]
    fn debug_exit_values_are_doubled_plus_one() {
        let ends = |value: i32| Verdict::from_debug_exit(value * 2 + 1);
        assert_eq!(ends(0x10), Some(Verdict::Passed));
        assert_eq!(ends(0x11), Some(Verdict::Failed));
        assert_eq!(ends(0x12), Some(Verdict::Panicked));
    }

    #[test]
    fn endings_that_the_guest_did_not_choose_are_no_verdict() {
        for status in [0, 1, 137] {
            assert_eq!(Verdict::from_debug_exit(status), None);
        }
    }
}
