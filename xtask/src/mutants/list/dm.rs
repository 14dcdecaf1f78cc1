//! Mapped devices: the way of a request, suspensions, events.

use super::Mutant;

const DEVICE: &str = "kernel/dm/src/device/mod.rs";
const EVENTS: &str = "kernel/dm/src/events.rs";
const SUSPEND: &str = "kernel/dm/src/device/suspend.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a request is counted no longer once its targets were called",
        rule: "Every request in flight is counted",
        file: DEVICE,
        edits: &[
            ("        self.in_flight += 1;\n", "        self.in_flight += 0;\n"),
            ("self.leave(|state| &mut state.in_flight);", "let _ = self;"),
        ],
    },
    Mutant {
        name: "a suspension does not wait for who is in a target",
        rule: "so is every call of `strategy`",
        file: DEVICE,
        edits: &[("self.in_flight == 0 && self.calls == 0", "self.in_flight == 0")],
    },
    Mutant {
        name: "the last request to end does not tell who waits for that",
        rule: "Suspending waits for both",
        file: DEVICE,
        edits: &[(
            "if state.is_idle() { state.idle.take() } else { None }",
            "if state.is_idle() && state.calls > 0 { state.idle.take() } else { None }",
        )],
    },
    Mutant {
        name: "held requests go on in any order",
        rule: "requests are held in order of arrival",
        file: DEVICE,
        edits: &[("self.held.push_back(bio);", "self.held.push_front(bio);")],
    },
    Mutant {
        name: "a new request overtakes those that were held",
        rule: "Passes on the held ones, behind which new ones queue",
        file: DEVICE,
        edits: &[(
            "Mode::Running => self.pass(bio, false),
            Mode::Suspending | Mode::Suspended | Mode::Resuming => {",
            "Mode::Running | Mode::Resuming => self.pass(bio, false),
            Mode::Suspending | Mode::Suspended => {",
        )],
    },
    Mutant {
        name: "a device that is being suspended takes requests",
        rule: "Holds new ones, and waits for those in flight",
        file: DEVICE,
        edits: &[(
            "Mode::Running => self.pass(bio, false),
            Mode::Suspending | Mode::Suspended | Mode::Resuming => {",
            "Mode::Running | Mode::Suspending => self.pass(bio, false),
            Mode::Suspended | Mode::Resuming => {",
        )],
    },
    Mutant {
        name: "a device that was removed holds requests for ever",
        rule: "Fails them with [`ErrorKind::Gone`]",
        file: DEVICE,
        edits: &[(
            "Mode::Removed => Admission::Refused(bio, ErrorKind::Gone),
            _ if",
            "Mode::Removed => { self.held.push_back(bio); Admission::Held }
            _ if",
        )],
    },
    Mutant {
        name: "a table is loaded into a device that was removed",
        rule: "Fails them with [`ErrorKind::Gone`]",
        file: DEVICE,
        edits: &[(
            "        if state.mode == Mode::Removed {\n            return Err(DmError::Removed);\n        }\n",
            "",
        )],
    },
    Mutant {
        name: "the block of a device grows",
        rule: "A device's block never grows",
        file: DEVICE,
        edits: &[(
            "if limits.block_size > block {",
            "if limits.block_size > block.saturating_mul(64) {",
        )],
    },
    Mutant {
        name: "a flush that failed in a suspension is told to every request",
        rule: "A FLUSH that has to tell of a flush that failed in a suspension is not passed on",
        file: DEVICE,
        edits: &[("if bio.cmd() != BufCmd::Flush {", "if bio.cmd() == BufCmd::Read {")],
    },
    Mutant {
        name: "a new table counts resets from its own devices alone",
        rule: "A new table goes on counting",
        file: DEVICE,
        edits: &[(
            "table.map_or(before, |table| before.wrapping_add(table.resets()))",
            "table.map_or(before, |table| table.resets())",
        )],
    },
    Mutant {
        name: "a table swap forgets the resets counted so far",
        rule: "how many resets the active one, if there is one, counts more",
        file: SUSPEND,
        edits: &[("state.resets = state.resets.wrapping_add(more);", "let _ = more;")],
    },
    Mutant {
        name: "a table swap counts the resets the wrong way round",
        rule: "how many resets the active one, if there is one, counts more",
        file: SUSPEND,
        edits: &[(
            "active.resets().wrapping_sub(loaded.resets())",
            "loaded.resets().wrapping_sub(active.resets())",
        )],
    },
    Mutant {
        name: "a suspension flushes before all has ended",
        rule: "wait until nothing is in flight; flush every target",
        file: SUSPEND,
        edits: &[(
            "        if state.is_idle() {\n            drop(state);",
            "        if true {\n            drop(state);",
        )],
    },
    Mutant {
        name: "a suspension tells no target to hold nothing back",
        rule: "tell the targets to hold none back",
        file: SUSPEND,
        edits: &[("            entry.target.presuspend();\n", "            let _ = entry;\n")],
    },
    Mutant {
        name: "a suspension does not flush",
        rule: "Make durable what was written so far",
        file: SUSPEND,
        edits: &[(
            "if self.how == Suspend::NoFlush {",
            "if self.how == Suspend::NoFlush || self.how == Suspend::Flush {",
        )],
    },
    Mutant {
        name: "a suspension without a flush flushes",
        rule: "for devices whose flush may fail or hang",
        file: SUSPEND,
        edits: &[(
            "if self.how == Suspend::NoFlush {",
            "if self.how == Suspend::NoFlush && self.flushed.is_err() {",
        )],
    },
    Mutant {
        name: "a suspension does not end what targets do by themselves",
        rule: "let every target end",
        file: SUSPEND,
        edits: &[(
            "            entry.target.suspend(Box::new(move || drop(token)));\n",
            "            let _ = entry;\n            drop(token);\n",
        )],
    },
    Mutant {
        name: "only the first target ends what it does by itself",
        rule: "let every target end",
        file: SUSPEND,
        edits: &[(
            "        for entry in table.entries() {
            let token = step.clone();",
            "        for entry in table.entries().iter().take(1) {
            let token = step.clone();",
        )],
    },
    Mutant {
        name: "a flush that failed in a suspension is not told to who suspends",
        rule: "[`DmError::Flush`], although the device is suspended",
        file: SUSPEND,
        edits: &[("(self.done)(self.flushed.map_err(DmError::Flush));", "(self.done)(Ok(()));")],
    },
    Mutant {
        name: "a flush that failed in a suspension is not told to the user",
        rule: "A flush that failed in a suspension is told to the device's user too",
        file: SUSPEND,
        edits: &[(
            "if let Err(error) = flushed {",
            "if let (Err(error), false) = (flushed, true) {",
        )],
    },
    Mutant {
        name: "a second suspension forgets that the first one's flush failed",
        rule: "A flush that failed in a suspension is told to the device's user too",
        file: SUSPEND,
        edits: &[(
            "            if let Err(error) = flushed {",
            "            state.untold = None;\n            if let Err(error) = flushed {",
        )],
    },
    Mutant {
        name: "a flush that was held is passed to a target that has to tell",
        rule: "FLUSHes that were held also fail if a target has to tell of a loss by itself",
        file: SUSPEND,
        edits: &[(
            "if !table.entries().iter().any(|entry| entry.target.owes_failure()) {",
            "if table.entries().iter().all(|_| true) {",
        )],
    },
    Mutant {
        name: "a flush that was held tells of what was acknowledged after it",
        rule: "count as the one that told",
        file: DEVICE,
        edits: &[("if !early {", "if !early || early {")],
    },
    Mutant {
        name: "a failure that the old table owes is forgotten with it",
        rule: "is told to the device's user too",
        file: SUSPEND,
        edits: &[(
            "if before.iter().any(|target| target.owes_failure()) {",
            "if before.is_empty() {",
        )],
    },
    Mutant {
        name: "a target takes nothing over from the table before",
        rule: "What belongs to a person and no table says goes over when tables are exchanged",
        file: SUSPEND,
        edits: &[(
            "table.entries().iter().for_each(|entry| entry.target.take_over(&before));",
            "let _ = &table;",
        )],
    },
    Mutant {
        name: "a target is started before it has taken over",
        rule: "A resume swaps the tables if a new one is loaded (and suspends first if need be), starts",
        file: SUSPEND,
        edits: &[(
            "        if let Some(old) = old {\n",
            "        table.entries().iter().for_each(|entry| entry.target.resume());\n        if let Some(old) = old {\n",
        )],
    },
    Mutant {
        name: "a table that was exchanged while it was looked at is swapped in",
        rule: "[`DmError::Changing`] and [`DmError::Removed`]",
        file: SUSPEND,
        edits: &[(
            "if state.inactive.as_ref().map(Arc::as_ptr) != loaded.as_ref().map(Arc::as_ptr) {",
            "if state.inactive.is_none() && loaded.is_some() {",
        )],
    },
    Mutant {
        name: "two suspensions run at once",
        rule: "between suspended and running",
        file: SUSPEND,
        edits: &[(
            "                Mode::Suspending | Mode::Resuming => Err(DmError::Changing),
                Mode::Removed => Err(DmError::Removed),
            }
        };
        match begun",
            "                Mode::Suspending => Ok(state.active.clone()),
                Mode::Resuming => Err(DmError::Changing),
                Mode::Removed => Err(DmError::Removed),
            }
        };
        match begun",
        )],
    },
    Mutant {
        name: "a removal leaves held requests behind",
        rule: "Fails the held requests",
        file: SUSPEND,
        edits: &[(
            "            bio.fail(ErrorKind::Gone);\n",
            "            core::mem::forget(bio);\n",
        )],
    },
    Mutant {
        name: "a removal does not wait for what is in flight",
        rule: "What is in flight ends",
        file: SUSPEND,
        edits: &[(
            "Some(table) => Quiesce::new(&self.device, table, Suspend::NoFlush, done).start(),",
            "Some(table) => { drop(table); self.device.quiesced(Ok(())); done(Ok(())); }",
        )],
    },
    Mutant {
        name: "who waits for events does not hear of the removal",
        rule: "Fails the held requests, ends the targets",
        file: SUSPEND,
        edits: &[("        self.events.raise();\n", "")],
    },
    Mutant {
        name: "an event that came before the wait is waited for",
        rule: "now if it already does",
        file: EVENTS,
        edits: &[("        drop(state);\n        wake();", "        state.waiting.push(wake);")],
    },
    Mutant {
        name: "an event calls one of those who wait",
        rule: "Calls those who wait",
        file: EVENTS,
        edits: &[(
            "        for wake in waiting {\n",
            "        for wake in waiting.into_iter().take(1) {\n",
        )],
    },
    Mutant {
        name: "who waits is called before the event counts",
        rule: "Calls `wake` once the count of events differs from `seen`",
        file: EVENTS,
        edits: &[(
            "            state.count += 1;\n",
            "            state.count += u64::from(state.waiting.is_empty());\n",
        )],
    },
    Mutant {
        name: "a table that is loaded does not count in the stack",
        rule: "The mapped devices that its tables, both of them, lie on",
        file: DEVICE,
        edits: &[(
            "state.active.iter().chain(&state.inactive).flat_map",
            "state.active.iter().flat_map",
        )],
    },
];
