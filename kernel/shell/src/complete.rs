//! Completion: which words can stand where the cursor is.
//!
//! Place: [`crate::LineEditor`] asks a [`Completer`] when Tab is pressed. The
//! console gives it [`CommandCompleter`], which knows the grammar from
//! [`COMMANDS`] and asks the running system for [`Names`].

use crate::spec::bench::OPERATIONS;
use crate::spec::mirror::POLICIES;
use crate::spec::{COMMANDS, LEVELS};
use crate::token::{TokenError, TokenFault, tokenize};
use crate::usage::{Item, Kind, items};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Offers words.
pub trait Completer {
    /// Words that can follow `before`, the line up to the start of the word
    /// under the cursor. The editor keeps those that continue that word.
    fn candidates(&self, before: &str) -> Vec<String>;
}

/// Completes nothing.
#[derive(Debug, Clone, Copy)]
pub struct NoCompletion;

impl Completer for NoCompletion {
    fn candidates(&self, _before: &str) -> Vec<String> {
        Vec::new()
    }
}

/// The names in the running system, at this moment.
pub trait Names {
    /// Everything that can be read and written: disks and mapped devices.
    fn devices(&self) -> Vec<String>;
    /// The mapped devices.
    fn mapped(&self) -> Vec<String>;
    /// The target types that a table can name.
    fn targets(&self) -> Vec<String>;
}

/// Completes commands, options, and the names of devices.
///
/// ```
/// use shell::{CommandCompleter, Completer, Names};
/// struct Machine;
/// impl Names for Machine {
///     fn devices(&self) -> Vec<String> { vec!["vbd0".into(), "m0".into()] }
///     fn mapped(&self) -> Vec<String> { vec!["m0".into()] }
///     fn targets(&self) -> Vec<String> { vec!["mirror".into()] }
/// }
/// let completer = CommandCompleter(Machine);
/// assert_eq!(completer.candidates("dmsetup remove "), ["m0"]);
/// assert_eq!(completer.candidates("flush "), ["vbd0", "m0"]);
/// ```
#[derive(Debug, Clone, Copy)]
pub struct CommandCompleter<N>(pub N);

impl<N: Names> Completer for CommandCompleter<N> {
    fn candidates(&self, before: &str) -> Vec<String> {
        let tokens = match tokenize(before) {
            Ok(tokens) => tokens,
            // Inside quotes there is a table, or text that completes to nothing.
            Err(TokenError { why: TokenFault::OpenQuote(_), .. }) => {
                return self.of_table().candidates(before);
            }
            Err(_) => return Vec::new(),
        };
        let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        let spec = COMMANDS.iter().find(|spec| {
            let name: Vec<&str> = spec.name.split(' ').collect();
            words.starts_with(&name)
        });
        match spec {
            Some(spec) if spec.name == "help" => names_after(&words[1..]),
            Some(spec) => {
                let name_words = spec.name.split(' ').count();
                self.arguments(&items(spec.usage), &words[name_words..])
            }
            None => names_after(&words),
        }
    }
}

impl<N: Names> CommandCompleter<N> {
    /// Completes the words of tables: in a here-document.
    pub fn of_table(&self) -> impl Completer + use<'_, N> {
        TableCompleter(&self.0)
    }

    /// What can follow `words`, the arguments so far.
    fn arguments(&self, items: &[Item], words: &[&str]) -> Vec<String> {
        let mut places = items.iter().filter(|i| matches!(i.kind, Kind::Word | Kind::Rest));
        let mut place = places.next();
        let mut value = None;
        let mut unused: Vec<&str> = options(items).map(|item| item.name).collect();
        for word in words {
            if value.take().is_some() {
                continue;
            }
            match options(items).find(|item| item.name == *word) {
                Some(option) => {
                    unused.retain(|name| name != word);
                    value = match option.kind {
                        Kind::Value(name) => Some(name),
                        _ => None,
                    };
                }
                // The last place may take several words.
                None if place.is_some_and(|item| item.kind == Kind::Rest) => {}
                None => place = places.next(),
            }
        }
        match (value, place) {
            (Some(name), _) => self.values(name),
            (None, place) => {
                let mut candidates = place.map_or(Vec::new(), |item| self.values(item.name));
                candidates.extend(unused.iter().map(ToString::to_string));
                candidates
            }
        }
    }

    /// What a place of this name in a usage line can hold.
    fn values(&self, name: &str) -> Vec<String> {
        match name {
            "NAME" => self.0.mapped(),
            "DEV" | "DISK" | "DEV1" | "DEV2" | "SRC" | "DST" => self.0.devices(),
            "PATTERN" => ["seq", "random="].map(String::from).into(),
            "POLICY" => POLICIES.split(' ').map(String::from).collect(),
            "OP" => OPERATIONS.split(' ').map(String::from).collect(),
            "SWITCH" => ["on", "off"].map(String::from).into(),
            "LEVEL" => LEVELS.split(' ').map(String::from).collect(),
            _ => Vec::new(),
        }
    }
}

/// Completes names in a table.
struct TableCompleter<'n, N>(&'n N);

impl<N: Names> Completer for TableCompleter<'_, N> {
    fn candidates(&self, _before: &str) -> Vec<String> {
        [self.0.targets(), self.0.devices()].concat()
    }
}

fn options(items: &[Item]) -> impl Iterator<Item = &Item> {
    items.iter().filter(|item| matches!(item.kind, Kind::Flag | Kind::Value(_) | Kind::Here))
}

/// The next word of every listed command whose name starts with `words`.
fn names_after(words: &[&str]) -> Vec<String> {
    let next = |name: &'static str| {
        let name: Vec<&str> = name.split(' ').collect();
        name.strip_prefix(words).and_then(|rest| rest.first()).map(ToString::to_string)
    };
    COMMANDS.iter().filter(|spec| !spec.hidden).filter_map(|spec| next(spec.name)).collect()
}

/// Where the last word of `before` starts: after the last space or quote.
pub(crate) fn word_start(before: &str) -> usize {
    before.trim_end_matches(|c: char| !c.is_whitespace() && c != '"' && c != '\'').len()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine;

    impl Names for Machine {
        fn devices(&self) -> Vec<String> {
            ["vbd0", "vbd1", "m0"].map(String::from).into()
        }
        fn mapped(&self) -> Vec<String> {
            ["m0"].map(String::from).into()
        }
        fn targets(&self) -> Vec<String> {
            ["linear", "mirror"].map(String::from).into()
        }
    }

    fn candidates(before: &str) -> Vec<String> {
        CommandCompleter(Machine).candidates(before)
    }

    #[test]
    fn commands_come_first_and_the_hidden_never() {
        let first = candidates("");
        assert!(first.contains(&"dmsetup".into()) && first.contains(&"read".into()));
        assert!(!first.contains(&"panic".into()));
        let of_mirror = candidates("mirror ");
        assert!(["label", "status", "fail"].iter().all(|it| of_mirror.contains(&(*it).into())));
        assert_eq!(candidates("help mirror "), of_mirror);
        assert_eq!(candidates("nonsense "), [""; 0]);
    }

    #[test]
    fn each_place_offers_what_its_usage_names() {
        for (before, expected) in [
            ("read ", &["vbd0", "vbd1", "m0"][..]),
            ("read vbd0 ", &[]),
            ("fill m0 0 1M ", &["seq", "random="]),
            ("log ", &["off", "error", "warn", "info", "debug", "trace"]),
            ("copy vbd0 m0 ", &["--from", "--to"]),
            ("copy vbd0 --from 1M ", &["vbd0", "vbd1", "m0", "--to"]),
            ("copy --from ", &[]),
            ("dmsetup suspend ", &["m0", "--noflush"]),
            ("dmsetup load m0 ", &["--table", "<<END"]),
            ("dmsetup ls ", &["--tree", "--json"]),
            ("dmsetup table m0 --json ", &["--inactive"]),
            ("dmsetup rename ", &["m0"]),
            ("dmsetup rename m0 ", &[]),
            ("mirror label m1 vbd0 ", &["vbd0", "vbd1", "m0", "--region", "--force"]),
            ("events ", &["vbd0", "vbd1", "m0", "-f"]),
            ("events -f ", &["vbd0", "vbd1", "m0"]),
            ("color ", &["on", "off"]),
            (
                "bench m0 --size 4K --depth 1 --requests 1 --flush-every 1 --at 0 --length 4K ",
                &["read", "write", "mix", "--random", "--seconds", "--json"],
            ),
            ("mirror status ", &["m0", "--latency", "--json"]),
            ("mirror status --latency m0 ", &["--json"]),
            ("mirror write-mostly m0 1 ", &["on", "off"]),
            ("mirror forget ", &["vbd0", "vbd1", "m0", "--force"]),
            ("dmsetup create new --table \"0 8 ", &["linear", "mirror", "vbd0", "vbd1", "m0"]),
            ("dmsetup create new --table \"", &["linear", "mirror", "vbd0", "vbd1", "m0"]),
            ("read \\", &[]),
        ] {
            assert_eq!(candidates(before), expected, "{before:?}");
        }
        let policies: Vec<_> = POLICIES.split(' ').collect();
        assert_eq!(candidates("mirror policy m0 "), policies);
    }
}
