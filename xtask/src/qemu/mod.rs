//! QEMU: one function makes its command line, one type is a running guest.
//!
//! `command` writes the command line, `session` is the process with its two
//! sockets (serial line and `qmp`), `transcript` reads what the kernel says,
//! `guest` is the whole from boot to verdict, `switch` changes what is behind a disk
//! meanwhile, `accel` chooses how fast it runs. Rule: QEMU is ended by SIGKILL only; a QEMU whose backend holds a
//! request is deaf to SIGTERM.

pub(crate) mod accel;
mod command;
mod guest;
mod qmp;
mod session;
mod switch;
mod transcript;

pub(crate) use command::{Disk, Machine, escaped};
pub(crate) use guest::{Guest, Heard, Step};
pub(crate) use session::{Event, SERIAL_LOG};
pub(crate) use switch::Switch;
pub(crate) use transcript::PROMPT;
