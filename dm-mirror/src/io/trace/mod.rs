//! The trace of a mirror: each event, each action and each change of a request's state, told to
//! a [`Sink`] with its time.
//!
//! Place: the hands tell it what they bring to the core and what the core wants done. States
//! are seen from outside (`watch`), so the core knows nothing of it. A mirror made by
//! [`MirrorType`](crate::MirrorType) has no trace, one made by [`Traced`](crate::Traced) has.
//!
//! Rules:
//!
//! - A sink is told under the mirror's lock: it does not sleep, takes no lock of a mirror's rank
//!   or below, and calls no device.
//! - Off costs a look at one flag an event. On, each event looks at all requests in hand.

mod record;
mod sink;
mod text;
mod watch;

pub use record::{LegState, Name, Of, Record, Super};
pub use sink::{Sink, Trace};
pub use text::{cmd_word, error_word};
pub(crate) use watch::Watch;
