//! QEMU: one function makes its command line, one type is a running guest.
//!
//! `command` writes the command line. `session` is the process with its two sockets (serial
//! line and `qmp`). `frames` takes the results of a script's commands out of the kernel's
//! output, `transcript` reads the rest. `guest` is the whole from boot to verdict. `images`
//! checks disks before a boot, `switch` changes what is behind a disk during a run, `accel`
//! chooses the accelerator, `counting` counts instructions. Rule: QEMU is ended by SIGKILL only, since a QEMU whose backend
//! holds a request ignores SIGTERM.

pub(crate) mod accel;
mod command;
pub(crate) mod counting;
mod frames;
mod guest;
mod images;
mod qmp;
mod session;
mod switch;
mod transcript;

pub(crate) use command::{Disk, Machine, escaped};
pub(crate) use frames::Frame;
pub(crate) use guest::{Guest, Heard, Step};
pub(crate) use images::check as check_images;
pub(crate) use session::{Event, SERIAL_LOG};
pub(crate) use switch::Switch;
pub(crate) use transcript::PROMPT;
