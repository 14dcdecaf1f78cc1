//! error: every read, write and discard fails as a broken disk would.
//!
//! Table: `start length error` (as in Linux and DragonFly). A flush
//! succeeds: there is nothing acknowledged that could be lost.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bio::{Bio, BufCmd, ErrorKind, Limits};

use crate::args::{ArgError, Args};
use crate::context::Context;
use crate::devices::DeviceRef;
use crate::limits::UNLIMITED;
use crate::target::{Target, TargetType};

pub(super) struct ErrorType;

impl TargetType for ErrorType {
    fn name(&self) -> &'static str {
        "error"
    }

    fn version(&self) -> (u16, u16, u16) {
        (1, 0, 0)
    }

    fn create(&self, _: &mut Args<'_>, _: &Context<'_>) -> Result<Arc<dyn Target>, ArgError> {
        Ok(Arc::new(Error))
    }
}

struct Error;

impl Target for Error {
    fn strategy(&self, bio: Bio) {
        match bio.cmd() {
            BufCmd::Read | BufCmd::Write { .. } | BufCmd::FreeBlks => bio.fail(ErrorKind::Media),
            BufCmd::Flush => bio.biodone(Ok(())),
        }
    }

    fn status(&self) -> String {
        String::new()
    }

    fn table(&self) -> String {
        String::new()
    }

    fn devices(&self) -> Vec<DeviceRef> {
        Vec::new()
    }

    fn passes_flush_to(&self) -> Option<Vec<DeviceRef>> {
        Some(Vec::new())
    }

    fn limits(&self) -> Limits {
        UNLIMITED
    }
}
