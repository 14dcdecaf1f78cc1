//! QEMU: one function makes its command line, one type is a running guest.
//!
//! `command` writes the command line, `session` is the process with its two
//! sockets (serial line and `qmp`), `frames` takes out of what the kernel says how a
//! script's commands ended, `transcript` reads the rest,
//! `guest` is the whole from boot to verdict, `images` looks at disks before, `switch` changes what is behind a disk
//! meanwhile, `accel` chooses how fast it runs. Rule: QEMU is ended by SIGKILL only; a QEMU whose backend holds a
//! request is deaf to SIGTERM.

pub(crate) mod accel;
mod command;
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
