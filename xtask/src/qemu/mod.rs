//! QEMU: one function makes its command line, one type is a running guest.
//!
//! `command` writes the command line, `guard` keeps QEMU from outliving us,
//! `session` is the process with its two sockets (serial line and `qmp`),
//! `guest` follows what the kernel says on them, `accel` chooses how fast it
//! runs. Rule: QEMU is ended by SIGKILL only; a QEMU whose backend holds a
//! request is deaf to SIGTERM.

pub(crate) mod accel;
mod command;
pub(crate) mod guard;
mod guest;
mod qmp;
mod session;
mod transcript;

pub(crate) use command::{Disk, Machine};
pub(crate) use guest::{Guest, Step};
pub(crate) use session::{Event, SERIAL_LOG};
