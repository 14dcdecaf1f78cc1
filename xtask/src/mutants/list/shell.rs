//! The console's lines: keys, the editor, words, the grammar, figures.

use super::Mutant;

const COMPLETE: &str = "kernel/shell/src/complete.rs";
const DOCUMENT: &str = "kernel/shell/src/document.rs";
const EDITOR: &str = "kernel/shell/src/editor/mod.rs";
const FORMAT: &str = "kernel/shell/src/format.rs";
const FRAME: &str = "kernel/shell/src/frame.rs";
const HISTORY: &str = "kernel/shell/src/history.rs";
const KEYS: &str = "kernel/shell/src/keys.rs";
const NEAREST: &str = "kernel/shell/src/nearest.rs";
const PATTERN: &str = "kernel/shell/src/pattern.rs";
const SIZE: &str = "kernel/shell/src/size.rs";
const TOKEN: &str = "kernel/shell/src/token.rs";
const USAGE: &str = "kernel/shell/src/usage.rs";

pub(super) const TABLE: &[Mutant] = &[
    Mutant {
        name: "a line that is too long is cut and run",
        rule: "is never cut",
        file: EDITOR,
        edits: &[(
            "if core::mem::take(&mut self.overlong) {",
            "if core::mem::take(&mut self.overlong) && line.is_empty() {",
        )],
    },
    Mutant {
        name: "a line that was cut short stays too long",
        rule: "A character did not fit since the line was last shortened by hand",
        file: EDITOR,
        edits: &[("        self.overlong &= from == to;\n", "")],
    },
    Mutant {
        name: "a script that ends in the middle of a line runs it",
        rule: "Ctrl-D after the last",
        file: EDITOR,
        edits: &[(
            "Key::Ctrl('D') if self.line.is_empty() && !self.overlong => {",
            "Key::Ctrl('D') if !self.overlong => {",
        )],
    },
    Mutant {
        name: "what cannot be text is left out of a script's line",
        rule: "what cannot be text becomes the replacement",
        file: EDITOR,
        edits: &[("_ => self.insert(char::REPLACEMENT_CHARACTER),", "_ => false,")],
    },
    Mutant {
        name: "the cursor stands within a character",
        rule: "always between two characters",
        file: EDITOR,
        edits: &[(
            "            self.cursor += character.len_utf8();\n",
            "            self.cursor += 1;\n",
        )],
    },
    Mutant {
        name: "a completion makes a line too long",
        rule: "The longest line, in bytes of UTF-8",
        file: EDITOR,
        edits: &[(
            "if addition.is_empty() || self.line.len() + addition.len() > LINE_BYTES_MAX {",
            "if addition.is_empty() {",
        )],
    },
    Mutant {
        name: "a value that is to follow is cut off by a space",
        rule: "Completes the word before the cursor as far as it is certain",
        file: EDITOR,
        edits: &[(
            "if candidates.len() == 1 && !common.ends_with('=') {",
            "if candidates.len() == 1 {",
        )],
    },
    Mutant {
        name: "the last column is written",
        rule: "the last column stays free",
        file: EDITOR,
        edits: &[(
            "self.columns.saturating_sub(self.prompt.chars().count() + 1)",
            "self.columns.saturating_sub(self.prompt.chars().count())",
        )],
    },
    Mutant {
        name: "CR LF are two lines",
        rule: "CR, LF and CR LF are one",
        file: KEYS,
        edits: &[(
            "if after_cr && byte == b'\\n' {",
            "if after_cr && byte == b'\\n' && !after_cr {",
        )],
    },
    Mutant {
        name: "damaged bytes are left out",
        rule: "never nothing",
        file: KEYS,
        edits: &[(
            "                None => Key::Char(char::REPLACEMENT_CHARACTER),\n",
            "                None => return None,\n",
        )],
    },
    Mutant {
        name: "the byte that broke a character is lost with it",
        rule: "its replacement, and the key of the byte that broke it",
        file: KEYS,
        edits: &[("return [DAMAGED, self.ground(byte)];", "return [DAMAGED, None];")],
    },
    Mutant {
        name: "a control character beyond ASCII reaches the terminal",
        rule: "C1 controls would command the terminal when echoed",
        file: KEYS,
        edits: &[(
            "Some(c) if c.is_control() => [Some(Key::Unknown), None],",
            "Some(c) if c.is_ascii_control() => [Some(Key::Unknown), None],",
        )],
    },
    Mutant {
        name: "a comment begins within a word",
        rule: "start of a word hides the rest of the line",
        file: TOKEN,
        edits: &[(
            "while cursor.peek().is_some_and(|c| !c.is_whitespace()) {",
            "while cursor.peek().is_some_and(|c| !c.is_whitespace() && c != '#') {",
        )],
    },
    Mutant {
        name: "a quoted word is an option",
        rule: "so that it is text, never an option",
        file: TOKEN,
        edits: &[(
            "                token.quoted = true;\n                quoted(",
            "                quoted(",
        )],
    },
    Mutant {
        name: "an unknown escape is the character itself",
        rule: "any other escape is refused",
        file: TOKEN,
        edits: &[(
            "Some(c) => return Err(TokenError { column, why: TokenFault::UnknownEscape(c) }),",
            "Some(c) if column == 0 => return Err(TokenError { column, why: TokenFault::UnknownEscape(c) }),\n                Some(c) => text.push(c),",
        )],
    },
    Mutant {
        name: "damaged text is taken as it is",
        rule: "UTF-8 are refused",
        file: TOKEN,
        edits: &[("if !printable || c == char::REPLACEMENT_CHARACTER {", "if !printable {")],
    },
    Mutant {
        name: "a quoted << begins a here-document",
        rule: "Whether a word begins a here-document",
        file: TOKEN,
        edits: &[(
            "!word.quoted && word.text.starts_with(\"<<\")",
            "word.text.starts_with(\"<<\")",
        )],
    },
    Mutant {
        name: "a line is kept as often as it is typed",
        rule: "a line that repeats the one before it, are not kept",
        file: HISTORY,
        edits: &[(
            "self.lines.back().is_some_and(|last| last == line)",
            "self.lines.back().is_some_and(|last| last.is_empty())",
        )],
    },
    Mutant {
        name: "a mark of the console's own can be printed",
        rule: "No other",
        file: FRAME,
        edits: &[("text.split([BEGIN, END]).enumerate();", "text.split([BEGIN]).enumerate();")],
    },
    Mutant {
        name: "a pattern is the same at every offset",
        rule: "each byte depends on the pattern and its own offset alone",
        file: PATTERN,
        edits: &[(
            "            let word = self.word(offset / WORD as u64 + index as u64);\n            chunk.copy_from_slice",
            "            let word = self.word(index as u64);\n            chunk.copy_from_slice",
        )],
    },
    Mutant {
        name: "the last bytes of a difference are not looked at",
        rule: "Index of the first byte of `data` that does not belong at",
        file: PATTERN,
        edits: &[("if *chunk != word[..chunk.len()] {", "if chunk[0] != word[0] {")],
    },
    Mutant {
        name: "a job is done before its last byte",
        rule: "rounded down, so",
        file: FORMAT,
        edits: &[(
            "let percent = (u128::from(self.done) * 100).checked_div(u128::from(self.total));",
            "let percent = (u128::from(self.done) * 100 + u128::from(self.total) / 2).checked_div(u128::from(self.total));",
        )],
    },
    Mutant {
        name: "hidden commands are offered",
        rule: "The next word of every listed command",
        file: COMPLETE,
        edits: &[(
            "COMMANDS.iter().filter(|spec| !spec.hidden).filter_map(|spec| next(spec.name))",
            "COMMANDS.iter().filter(|spec| !spec.hidden || true).filter_map(|spec| next(spec.name))",
        )],
    },
    Mutant {
        name: "an option is offered twice",
        rule: "the arguments so far",
        file: COMPLETE,
        edits: &[("unused.retain(|name| name != word);", "let _ = &mut unused;")],
    },
    Mutant {
        name: "the newest line makes room for itself",
        rule: "Bounded: the oldest line goes first",
        file: HISTORY,
        edits: &[("            self.lines.pop_front();\n", "            self.lines.pop_back();\n")],
    },
    Mutant {
        name: "a document that is too long is run as far as it was kept",
        rule: "is not run",
        file: DOCUMENT,
        edits: &[(
            "        if open.spoilt {\n            return",
            "        if open.spoilt && open.text.is_empty() {\n            return",
        )],
    },
    Mutant {
        name: "a line of a document runs as a command",
        rule: "a line of a document never runs as a command",
        file: DOCUMENT,
        edits: &[(
            "        if line.trim() != open.end {\n",
            "        if line.trim() != open.end && !open.spoilt {\n",
        )],
    },
    Mutant {
        name: "a size in sectors is one in bytes",
        rule: "means 512-byte sectors",
        file: SIZE,
        edits: &[("'S' => Some(SECTOR_BYTES),", "'S' => Some(1),")],
    },
    Mutant {
        name: "a size is rounded to whole sectors",
        rule: "Every size is a whole number of sectors",
        file: SIZE,
        edits: &[(
            "        if bytes % SECTOR_BYTES != 0 {\n",
            "        if bytes < SECTOR_BYTES && bytes > 0 {\n",
        )],
    },
    Mutant {
        name: "an option is given twice and the last counts",
        rule: "Gives each word its name",
        file: USAGE,
        edits: &[(
            "if self.find(item.name).is_some() {\n            return",
            "if self.find(item.name).is_some() && item.name.is_empty() {\n            return",
        )],
    },
    Mutant {
        name: "a word that is needed may be missing",
        rule: "which the usage line requires",
        file: USAGE,
        edits: &[("        args.check_complete(&items)?;\n", "")],
    },
    Mutant {
        name: "a word too many is the last one's",
        rule: "Gives each word its name",
        file: USAGE,
        edits: &[(
            "let Some(item) = rest.or_else(|| places.next()) else {",
            "let Some(item) = rest.or_else(|| places.next()).or(items.first()) else {",
        )],
    },
    Mutant {
        name: "an option is taken for the value of the one before",
        rule: "Gives each word its name",
        file: USAGE,
        edits: &[("words.next().filter(|value| !is_option(value));", "words.next();")],
    },
    Mutant {
        name: "a slip of two neighbours counts twice",
        rule: "or swapped with their neighbour",
        file: NEAREST,
        edits: &[("best = best.min(before[j - 1] + 1);", "best = best.min(before[j - 1] + 2);")],
    },
];
