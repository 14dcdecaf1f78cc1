//! Pictures of a trace.
//!
//! Place: `cargo xtask trace` and the demo give it what the console's `trace dump` printed; the
//! simulator's tests give it the same lines of their own. [`perfetto`] makes a file that the
//! Perfetto UI opens, [`svg`] a picture for a document. docs/trace.md explains both.
//!
//! Rules:
//!
//! - Pure: text in, text out.
//! - A trace may begin and end anywhere. What has no beginning is left out; what has no end lasts
//!   as long as the trace.
//!
//! ```
//! let lines = "\
//! trace 1000 mirror m0 asked req=0.0 cmd=write at=8 count=8
//! trace 1000 mirror m0 tx req=0.0 leg=0 is=START
//! trace 1000 mirror m0 tx req=0.0 leg=0 is=DATA_WRITE
//! trace 5000 mirror m0 tx req=0.0 leg=0 is=DONE
//! trace 5000 mirror m0 complete req=0.0 result=ok
//! ";
//! let model = picture::Model::of(&picture::parse(lines));
//! assert_eq!(model.mirrors[0].requests[0].end, Some(5000));
//! assert!(picture::svg(&model.mirrors[0], 0).starts_with("<svg"));
//! ```
#![forbid(unsafe_code)]

mod model;
mod parse;
mod perfetto;
mod svg;

pub use model::{Disk, Ended, Mirror, Model, Request, Run, Slice};
pub use parse::{Event, parse};
pub use perfetto::perfetto;
pub use svg::svg;
