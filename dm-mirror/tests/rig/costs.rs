//! What each leg was asked for, by cause, as the report says it.

use super::recorded::Recorded;

/// Writes and flushes of a leg for one cause.
pub type Cost = (u64, u64);

/// What a leg was asked for, by cause.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    pub user: Cost,
    pub copy: Cost,
    pub intent: Cost,
    pub clean: Cost,
    pub superblock: Cost,
    pub second: Cost,
}

impl Costs {
    /// What came since `before`.
    pub fn since(self, before: Costs) -> Costs {
        let less = |a: Cost, b: Cost| (a.0 - b.0, a.1 - b.1);
        Costs {
            user: less(self.user, before.user),
            copy: less(self.copy, before.copy),
            intent: less(self.intent, before.intent),
            clean: less(self.clean, before.clean),
            superblock: less(self.superblock, before.superblock),
            second: less(self.second, before.second),
        }
    }
}

impl Recorded {
    /// What the report says that a leg was asked for.
    pub fn costs(&self, leg: usize) -> Costs {
        let report = self.message("show").unwrap();
        let head = format!("leg {leg}: writes/flushes ");
        let line = report.lines().find_map(|line| line.strip_prefix(&head)).expect("a line");
        let words: Vec<&str> = line.split(';').next().unwrap().split(' ').collect();
        let cost = |name| {
            let at = words.iter().position(|word| *word == name).expect("a cause");
            let (writes, flushes) = words[at + 1].split_once('/').unwrap();
            (writes.parse().unwrap(), flushes.parse().unwrap())
        };
        Costs {
            user: cost("user"),
            copy: cost("copy"),
            intent: cost("intent"),
            clean: cost("clean"),
            superblock: cost("superblock"),
            second: cost("second"),
        }
    }
}
