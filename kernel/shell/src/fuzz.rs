//! Lines by chance that are commands, or nearly: what a hurried person types, and worse.
//!
//! Place: the tests of the parser, and the hidden command `fuzz`, which runs such lines in the
//! kernel. They come from the usage lines of [`COMMANDS`], so a new command is included.
//!
//! Rule: a seed gives the same lines everywhere.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::pattern::splitmix64;
use crate::spec::COMMANDS;
use crate::usage::{Item, Kind, items};

/// Words that are seldom right in any place.
const ODD: &[&str] = &[
    "18446744073709551615",
    "18446744073709551104",
    "0xffffffffffffffff",
    "99999999999999999999999",
    "16777216G",
    "-1",
    "--",
    "<<END",
    "<<",
    "-f",
    "-",
    "''",
    "\"",
    "'",
    "\\",
    "#",
    "\"a b\"",
    "\"\\n\"",
    "ä€😀",
    "\u{fffd}",
    "\u{0}",
    "[",
    "...",
    "NAME",
    "dmsetup",
];

const SIZES: &[&str] = &["0", "8s", "4K", "1M", "512", "513", "1s", "64K", "12x", "1G", "7"];
const WORDS: &[&str] = &["fail", "show", "add", "check", "0", "1", "@start", "force"];
const NUMBERS: &[&str] = &["0", "1", "2", "3", "8", "100", "x"];

/// An endless supply of lines.
#[derive(Debug, Clone)]
pub struct Lines<'n> {
    chance: u64,
    names: &'n [&'n str],
}

impl<'n> Lines<'n> {
    /// The lines of a seed, about devices of these names; at least one.
    pub fn new(seed: u64, names: &'n [&'n str]) -> Self {
        Self { chance: seed, names }
    }

    /// A number below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        self.chance = self.chance.wrapping_add(1);
        (splitmix64(self.chance) % limit as u64) as usize
    }

    fn pick(&mut self, from: &[&str]) -> String {
        from[self.below(from.len())].to_string()
    }

    /// The next line.
    pub fn line(&mut self) -> String {
        let spec = &COMMANDS[self.below(COMMANDS.len())];
        let mut words: Vec<String> = spec.name.split(' ').map(String::from).collect();
        let mut left_out = None;
        for item in items(spec.usage) {
            if item.group > 0 && left_out != Some(item.group) && self.below(3) == 0 {
                left_out = Some(item.group);
            }
            if item.group == 0 || left_out != Some(item.group) {
                self.place(&item, &mut words);
            }
        }
        // Half of the lines follow the grammar.
        for _ in 0..self.below(6).saturating_sub(3) {
            self.spoil(&mut words);
        }
        let gap = self.pick(&[" ", " ", "  ", "\t"]);
        let line = words.join(&gap);
        if self.below(8) == 0 { self.damage(&line) } else { line }
    }

    /// The words for a place of a usage line.
    fn place(&mut self, item: &Item, words: &mut Vec<String>) {
        match item.kind {
            Kind::Word => words.push(self.value(item.name)),
            Kind::Rest => (0..=self.below(3)).for_each(|_| words.push(self.value(item.name))),
            Kind::Flag | Kind::Here => words.push(item.name.into()),
            Kind::Value(name) => words.extend([item.name.into(), self.value(name)]),
        }
    }

    /// A word for a place of this name.
    fn value(&mut self, name: &str) -> String {
        match name {
            "OFFSET" | "LENGTH" | "SIZE" => self.pick(SIZES),
            "PATTERN" => self.pick(&["0", "0x5a", "seq", "random=7", "256", "random=x"]),
            "TABLE" => self.table(),
            "COMMAND" => self.pick(&["mirror", "read", "dmsetup", "dmsetup create", "raed"]),
            "LEG" | "COUNT" | "SEED" | "NUMBER" | "SECTOR" | "EVENT_NR" | "SECONDS" => {
                self.pick(NUMBERS)
            }
            "POLICY" => self.pick(&["round_robin", "least_pending", "prefer=0", "prefer=9", "x"]),
            "RATE" => self.pick(&["1,2", "none,none", "2,1", "0"]),
            "OP" => self.pick(&["read", "write", "mix", "trim"]),
            "SWITCH" => self.pick(&["on", "off", "maybe"]),
            "LEVEL" => self.pick(&["info", "warn", "loud"]),
            "WORD" | "DATA" => self.pick(WORDS),
            _ => self.pick(self.names),
        }
    }

    /// A table, quoted, for some small device.
    fn table(&mut self) -> String {
        let (device, other) = (self.pick(self.names), self.pick(self.names));
        let length = self.pick(&["8", "0", "64", "2048", "x"]);
        match self.below(9) {
            0 => format!("\"0 {length} zero\""),
            1 => format!("\"0 {length} error\""),
            2 => format!("'0 {length} linear {device} 8'"),
            3 => {
                format!("\"0 {length} mirror core 2 8 nosync 2 {device} 0 {other} 1024\"")
            }
            4 => format!("\"0 {length} mirror internal 0 1 {device} 0\""),
            5 => format!("\"0 {length} striped 2 4 {device} 0 {other} 1024\""),
            6 => format!("\"0 {length} delay {device} 0 {}\"", self.pick(NUMBERS)),
            7 => format!("\"0 {length} flakey {device} 0 0 1 1 drop_writes\""),
            _ => format!("\"0 8 zero\\n8 {length} linear {device} 0\""),
        }
    }

    /// Exchanges, doubles, drops or adds a word.
    fn spoil(&mut self, words: &mut Vec<String>) {
        let at = self.below(words.len() + 1);
        let odd = match self.below(3) {
            0 => self.pick(ODD),
            1 => self.pick(self.names),
            _ => self.pick(SIZES),
        };
        match self.below(4) {
            0 if at < words.len() => words[at] = odd,
            1 if at < words.len() => drop(words.remove(at)),
            2 if at < words.len() => words.insert(at, words[at].clone()),
            _ => words.insert(at, odd),
        }
    }

    /// The line with a character exchanged or missing.
    fn damage(&mut self, line: &str) -> String {
        let at = self.below(line.chars().count().max(1));
        let by = (self.below(2) == 0).then(|| char::from(self.below(256) as u8));
        let one = |(index, c)| if index == at { by } else { Some(c) };
        line.chars().enumerate().filter_map(one).collect()
    }
}
