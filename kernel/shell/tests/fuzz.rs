//! Nobody can type the shell to death: seeded noise and near-valid lines
//! through editor and parser, within bounded memory. The seed is fixed, so a failure
//! replays itself; `FUZZ_SEED` gives another, and `FUZZ_INPUTS` the number of lines.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use shell::editor::LINE_BYTES_MAX;
use shell::fuzz::Lines;
use shell::{
    COMMANDS, CommandCompleter, Documents, Event, LineEditor, Mode, Names, ParseError, Taken,
    parse, parse_with,
};

/// Lines in the test command.
const LINES: usize = 100_000;
const SEED: u64 = 0x2545_f491_4f6c_dd1d;

/// What reading one line may hold at most, in bytes.
const MEMORY_MAX: isize = 128 * 1024;

thread_local! {
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// Counts what each thread holds.
struct Counting;

// SAFETY: delegates to the system's allocator with the arguments it was given.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(LIVE.get() + layout.size() as isize);
        MOST.set(MOST.get().max(LIVE.get()));
        // SAFETY: the caller keeps alloc's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size() as isize);
        // SAFETY: the caller keeps dealloc's contract.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many lines, and of which seed.
fn lines_and_seed() -> (usize, u64) {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().expect("a number"));
    let lines = number("FUZZ_INPUTS").map_or(LINES, |lines| lines as usize);
    (lines, number("FUZZ_SEED").unwrap_or(SEED).max(1))
}

const NAMES: &[&str] = &["vbd0", "m0", "nothing"];

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }
}

struct Machine;

impl Names for Machine {
    fn devices(&self) -> Vec<String> {
        ["vbd0", "vbd1", "m0"].map(String::from).into()
    }
    fn mapped(&self) -> Vec<String> {
        vec!["m0".into()]
    }
    fn targets(&self) -> Vec<String> {
        ["linear", "mirror"].map(String::from).into()
    }
}

fn check(line: &str, outcome: Result<bool, ParseError>) {
    if let Err(error) = outcome {
        assert!(!error.what.is_empty() && !error.next.is_empty(), "{line:?}: {error:?}");
        let columns = 1..=line.chars().count() + 1;
        assert!(columns.contains(&error.column), "{line:?}: {error:?}");
        let text = error.to_string();
        let printable = text.chars().all(|c| c == '\n' || !c.is_control());
        assert!(printable, "{line:?}: {text:?} would command the terminal");
    }
}

/// Returns how many lines were commands.
fn parse_all(lines: impl Iterator<Item = String>) -> usize {
    let mut commands = 0;
    for line in lines {
        let before = LIVE.get();
        MOST.set(before);
        let outcome = parse(&line).map(|command| command.is_some());
        commands += usize::from(outcome == Ok(true));
        check(&line, outcome);
        let most = MOST.get() - before;
        assert!(most <= MEMORY_MAX, "{most} bytes for {line:?}");
    }
    commands
}

#[test]
fn near_valid_lines_are_run_or_refused_in_words() {
    let (count, seed) = lines_and_seed();
    let mut lines = Lines::new(seed, NAMES);
    let commands = parse_all((0..count).map(|_| lines.line()));
    println!("{count} lines, {commands} commands");
    assert!((count / 4..count * 3 / 4).contains(&commands), "the mix lost its point: {commands}");
}

#[test]
fn random_text_is_run_or_refused_in_words() {
    let (count, seed) = lines_and_seed();
    let mut random = Random(seed);
    parse_all((0..count).map(|number| {
        // Now and then the longest there is.
        let length = if number % 1000 == 999 { LINE_BYTES_MAX / 2 } else { random.below(24) };
        (0..length).map(|_| char::from(random.below(256) as u8)).collect()
    }));
}

#[test]
fn random_keys_through_editor_and_parser() {
    const KEYS: &[&[u8]] = &[
        b"\r",
        b"\n",
        b"\t",
        b"\x7f",
        b"\x1b[A",
        b"\x1b[B",
        b"\x1b[C",
        b"\x1b[D",
        b"\x1b[H",
        b"\x1b[F",
        b"\x1b[3~",
        b"\x01",
        b"\x02",
        b"\x04",
        b"\x05",
        b"\x0b",
        b"\x0c",
        b"\x15",
        b"\x17",
        b"\x03",
        b"\x1b",
        b"\x1b[",
        b"\xc3",
        b"\xe2\x82",
        " ä€漢😀\u{a0}".as_bytes(),
    ];
    let (count, seed) = lines_and_seed();
    let mut random = Random(seed);
    let mut near_valid = Lines::new(seed, NAMES);
    for mode in [Mode::Interactive, Mode::Plain] {
        let (mut editor, mut documents) = (LineEditor::new("> ", mode), Documents::default());
        let mut echo = String::new();
        let mut lines = 0;
        while lines < count / 2 {
            let bytes = match random.below(8) {
                0..4 => near_valid.line().into_bytes(),
                4 => vec![random.below(256) as u8],
                5 => b"\r".to_vec(),
                _ => random.pick(KEYS).to_vec(),
            };
            for byte in bytes {
                echo.clear();
                let event = editor.feed(byte, &CommandCompleter(Machine), &mut echo);
                assert!(editor.line().len() <= LINE_BYTES_MAX);
                assert!(editor.line().is_char_boundary(editor.cursor()));
                if let Some(event) = event {
                    lines += 1;
                    let Event::Line(line) = event else { continue };
                    if let Taken::Whole(entered) = documents.take(line) {
                        let document = entered.document.as_deref();
                        let outcome = parse_with(&entered.line, document);
                        check(&entered.line, outcome.map(|command| command.is_some()));
                    } else if random.below(8) == 0 {
                        documents.abandon();
                    }
                }
            }
        }
    }
}

#[test]
fn every_command_is_among_the_near_valid_lines_that_are_run() {
    let mut lines = Lines::new(SEED, NAMES);
    let run: Vec<String> = (0..LINES)
        .map(|_| lines.line())
        .filter(|line| matches!(parse(line), Ok(Some(_))))
        .collect();
    for spec in COMMANDS {
        let name: Vec<&str> = spec.name.split(' ').collect();
        let is_it = |line: &String| {
            let words: Vec<&str> = line.split_whitespace().take(name.len()).collect();
            words == name
        };
        assert!(run.iter().any(is_it), "{} never came", spec.name);
    }
}

#[test]
fn a_seed_gives_the_same_lines() {
    let take = |seed| {
        let mut lines = Lines::new(seed, NAMES);
        (0..100).map(|_| lines.line()).collect::<Vec<_>>()
    };
    assert_eq!(take(1), take(1));
    assert_ne!(take(1), take(2));
}
