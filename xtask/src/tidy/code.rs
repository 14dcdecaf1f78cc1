//! Rust source with everything that is not code blanked out.
//!
//! A small scanner over the lexical structure that matters here (the Rust Reference, "Comments"
//! and "Tokens"): comments (nested ones too), strings, raw strings, characters. Lines keep
//! their numbers.

/// `text` with spaces instead of comments and of the insides of literals.
pub(super) fn only(text: &str) -> String {
    let mut scanner = Scanner { rest: text, code: String::with_capacity(text.len()) };
    while !scanner.rest.is_empty() {
        scanner.step();
    }
    scanner.code
}

struct Scanner<'a> {
    rest: &'a str,
    code: String,
}

impl Scanner<'_> {
    /// Takes one comment, literal or word, or a character of anything else.
    fn step(&mut self) {
        let rest = self.rest;
        if rest.starts_with("//") {
            self.blank(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.blank(block_comment(rest));
        } else if let Some(length) = raw_string(rest) {
            self.blank(length);
        } else if rest.starts_with('"') {
            self.blank(string(rest));
        } else if let Some(length) = character(rest) {
            self.blank(length);
        } else {
            // A whole word at once: the r of `for` does not begin a raw string.
            let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            let prefix = matches!(&rest[..word], "r" | "b" | "br" | "c" | "cr");
            let length = if prefix || word == 0 { first(rest) } else { word };
            self.keep(length);
        }
    }

    fn keep(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.code.push_str(taken);
        self.rest = rest;
    }

    fn blank(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at(length);
        self.code.extend(taken.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        self.rest = rest;
    }
}

/// Whether `c` may be part of an identifier.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Length of the first character.
fn first(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

/// Length of the block comment that `text` begins with.
fn block_comment(text: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < text.len() {
        let rest = &text[at..];
        let step = if rest.starts_with("/*") {
            depth += 1;
            2
        } else if rest.starts_with("*/") {
            depth -= 1;
            2
        } else {
            first(rest)
        };
        at += step;
        if depth == 0 {
            return at;
        }
    }
    text.len()
}

/// Length of the raw string, prefix included, if `text` begins with one.
fn raw_string(text: &str) -> Option<usize> {
    let body = ["r", "br", "cr"].iter().find_map(|prefix| text.strip_prefix(prefix))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    let inside = body[hashes..].strip_prefix('"')?;
    let end = format!("\"{}", "#".repeat(hashes));
    let closed = inside.find(&end).map_or(inside.len(), |at| at + end.len());
    Some(text.len() - inside.len() + closed)
}

/// Length of the string that `text` begins with.
fn string(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of the character literal, if `text` begins with one and not with a
/// lifetime.
fn character(text: &str) -> Option<usize> {
    let inside = text.strip_prefix('\'')?;
    if let Some(escape) = inside.strip_prefix('\\') {
        let skip = first(escape);
        return Some(2 + skip + escape[skip..].find('\'')? + 1);
    }
    let length = first(inside);
    inside[length..].starts_with('\'').then_some(1 + length + 1)
}

#[cfg(test)]
mod tests {
    use super::only;

    /// The words that are left.
    fn words(text: &str) -> Vec<String> {
        only(text)
            .split(|c| !super::is_word(c))
            .filter(|w| !w.is_empty())
            .map(str::to_owned)
            .collect()
    }

    #[test]
    fn comments_are_no_code() {
        assert_eq!(words("a // b\nc /* d /* e */ f */ g //! h"), ["a", "c", "g"]);
    }

    #[test]
    fn literals_are_no_code() {
        assert_eq!(
            words(r##"a "b\"c" d r#"e"f"# g b"h" '"' i '\'' j"##),
            ["a", "d", "g", "b", "i", "j"]
        );
    }

    #[test]
    fn lifetimes_are_code_and_begin_no_character() {
        assert_eq!(words("fn f<'a>(x: &'a str) { y }"), ["fn", "f", "a", "x", "a", "str", "y"]);
    }

    #[test]
    fn a_word_that_ends_in_r_begins_no_raw_string() {
        assert_eq!(words("for\"a\" b"), ["for", "b"]);
    }

    #[test]
    fn lines_keep_their_numbers() {
        let text = "a\n/* b\nc */ d\n\"e\nf\" g";
        assert_eq!(only(text).lines().count(), text.lines().count());
        assert_eq!(only(text).lines().nth(2).unwrap().trim(), "d");
    }
}
