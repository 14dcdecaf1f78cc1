//! The `mirror` commands' part of the table of commands.
//!
//! Place: [`super::COMMANDS`] lists them, in the order of a mirror's life.

use super::entry::{CommandSpec, leg, names, one_of, spec};
use crate::error::ParseError;
use crate::usage::Args;
use crate::{Command, Mirror};

/// The words that `mirror policy` takes.
pub(crate) const POLICIES: &str = "round_robin least_pending sequential prefer=";

fn mirror(command: Mirror) -> Result<Command, ParseError> {
    Ok(Command::Mirror(command))
}

fn forced(args: &Args<'_>) -> bool {
    args.find("--force").is_some()
}

fn waits(args: &Args<'_>) -> bool {
    args.find("--wait").is_some()
}

pub(super) const LABEL: CommandSpec = spec(
    "mirror label",
    "NAME DISK... [--region SIZE] [--force]",
    "Make a mirror that keeps records on its disks; start it",
    "mirror label home vbd0 vbd1",
    |args| {
        let disks = names(args, "DISK")?;
        let region = args.optional("--region", Args::length)?;
        let force = forced(args);
        mirror(Mirror::Label { name: args.name("NAME")?, disks, force, region })
    },
);

pub(super) const ASSEMBLE: CommandSpec = spec(
    "mirror assemble",
    "[DISK...]",
    "Assemble mirrors from their members; take a member back",
    "mirror assemble",
    |args| mirror(Mirror::Assemble { disks: names(args, "DISK")? }),
);

pub(super) const START: CommandSpec = spec(
    "mirror start",
    "NAME",
    "Start a mirror by its name: look for its members",
    "mirror start home",
    |args| mirror(Mirror::Start { name: args.name("NAME")? }),
);

pub(super) const START_DEGRADED: CommandSpec = spec(
    "mirror start-degraded",
    "NAME",
    "Start a held mirror without the member it waits for",
    "mirror start-degraded m0",
    |args| mirror(Mirror::StartDegraded { name: args.name("NAME")? }),
);

pub(super) const KEEP: CommandSpec = spec(
    "mirror keep",
    "NAME LEG",
    "Where halves ran apart, keep this leg's; the rest is lost",
    "mirror keep m0 0",
    |args| mirror(Mirror::Keep { name: args.name("NAME")?, leg: leg(args)? }),
);

pub(super) const STOP: CommandSpec = spec(
    "mirror stop",
    "NAME",
    "Stop a mirror cleanly: its members then say so",
    "mirror stop m0",
    |args| mirror(Mirror::Stop { name: args.name("NAME")? }),
);

pub(super) const STATUS: CommandSpec = spec(
    "mirror status",
    "[NAME] [--latency] [--json]",
    "Show the state of mirrors, or how long their legs take",
    "mirror status m0 --latency",
    |args| {
        let name = args.optional("NAME", Args::name)?;
        let [latency, json] = ["--latency", "--json"].map(|it| args.find(it).is_some());
        mirror(Mirror::Status { name, latency, json })
    },
);

pub(super) const WAIT: CommandSpec = spec(
    "mirror wait",
    "NAME",
    "Wait until a mirror has copied all that it has to",
    "mirror wait m0",
    |args| mirror(Mirror::Wait { name: args.name("NAME")? }),
);

pub(super) const FAIL: CommandSpec = spec(
    "mirror fail",
    "NAME LEG",
    "Fail a leg by hand; legs are numbered from 0",
    "mirror fail m0 1",
    |args| mirror(Mirror::Fail { name: args.name("NAME")?, leg: leg(args)? }),
);

pub(super) const ADD: CommandSpec = spec(
    "mirror add",
    "NAME LEG [DISK] [--force]",
    "Take a leg back, or add DISK as that leg or as a new one",
    "mirror add m0 1 vbd2",
    |args| {
        let (name, leg) = (args.name("NAME")?, leg(args)?);
        let disk = args.optional("DISK", Args::name)?;
        mirror(Mirror::Add { name, leg, disk, force: forced(args) })
    },
);

pub(super) const REPLACE: CommandSpec = spec(
    "mirror replace",
    "NAME LEG DISK [--force]",
    "Rebuild DISK beside LEG; then LEG leaves the mirror",
    "mirror replace m0 0 vbd2",
    |args| {
        let (name, leg, disk) = (args.name("NAME")?, leg(args)?, args.name("DISK")?);
        mirror(Mirror::Replace { name, leg, disk, force: forced(args) })
    },
);

pub(super) const REBUILD: CommandSpec = spec(
    "mirror rebuild",
    "NAME LEG",
    "Copy everything to a leg, whatever it holds",
    "mirror rebuild m0 1",
    |args| mirror(Mirror::Rebuild { name: args.name("NAME")?, leg: leg(args)? }),
);

pub(super) const REMOVE: CommandSpec = spec(
    "mirror remove",
    "NAME LEG [--force]",
    "Take a leg out for good: fail it, then forget it",
    "mirror remove m0 1",
    |args| {
        let (name, leg) = (args.name("NAME")?, leg(args)?);
        mirror(Mirror::Remove { name, leg, force: forced(args) })
    },
);

pub(super) const FORGET: CommandSpec = spec(
    "mirror forget",
    "DEV [LEG] [--force]",
    "Wipe a disk's superblocks, or let a mirror forget a leg",
    "mirror forget vbd1",
    |args| {
        let (device, force) = (args.name("DEV")?, forced(args));
        let leg = args.find("LEG").map(|_| leg(args)).transpose()?;
        mirror(Mirror::Forget { device, leg, force })
    },
);

pub(super) const EXAMINE: CommandSpec = spec(
    "mirror examine",
    "[DISK...]",
    "Show which mirror disks belong to, by their own records",
    "mirror examine vbd1",
    |args| mirror(Mirror::Examine { disks: names(args, "DISK")? }),
);

pub(super) const POLICY: CommandSpec = spec(
    "mirror policy",
    "NAME POLICY",
    "Choose how reads pick a leg: round_robin, prefer=1, ...",
    "mirror policy m0 prefer=1",
    |args| mirror(Mirror::Policy { name: args.name("NAME")?, policy: args.name("POLICY")? }),
);

pub(super) const WRITE_MOSTLY: CommandSpec = spec(
    "mirror write-mostly",
    "NAME LEG SWITCH",
    "Read a leg only if no other can answer: on, or off",
    "mirror write-mostly m0 1 on",
    |args| {
        let on = one_of(args, "SWITCH", "on off")? == "on";
        mirror(Mirror::WriteMostly { name: args.name("NAME")?, leg: leg(args)?, on })
    },
);

pub(super) const RATE: CommandSpec = spec(
    "mirror rate",
    "NAME RATE",
    "Limit copying, in KiB/s: floor beside users, and ceiling",
    "mirror rate m0 4096,none",
    |args| mirror(Mirror::Rate { name: args.name("NAME")?, rate: args.name("RATE")? }),
);

pub(super) const CHECK: CommandSpec = spec(
    "mirror check",
    "NAME [--wait]",
    "Compare all legs of a mirror; nothing is written",
    "mirror check m0 --wait",
    |args| mirror(Mirror::Check { name: args.name("NAME")?, wait: waits(args) }),
);

pub(super) const REPAIR: CommandSpec = spec(
    "mirror repair",
    "NAME [--wait]",
    "Compare all legs, rewrite what differs or cannot be read",
    "mirror repair m0 --wait",
    |args| mirror(Mirror::Repair { name: args.name("NAME")?, wait: waits(args) }),
);

pub(super) const IDLE: CommandSpec = spec(
    "mirror idle",
    "NAME",
    "End the running check or repair of a mirror",
    "mirror idle m0",
    |args| mirror(Mirror::Idle { name: args.name("NAME")? }),
);
