//! Words out of a line: spaces separate, quotes join, `#` starts a comment.
//!
//! Place: the first stage of [`crate::parse()`]. `cargo xtask` includes this file too, to find
//! a here-document without an end before it boots. So this file uses nothing else of the crate.
//!
//! Rules, close to a POSIX shell's: between single quotes every character is
//! itself. Between double quotes `\\`, `\"`, `\n` and `\t` are a backslash, a
//! quote, a line end and a tabulator; any other escape is refused. Outside
//! quotes a backslash makes the next character an ordinary one, and `#` at the
//! start of a word hides the rest of the line. Control characters and damaged
//! UTF-8 are refused: such a line is not what its sender meant.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// One word of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// The word without its quotes and escapes.
    pub text: String,
    /// Column of its first character, from 1.
    pub column: usize,
    /// Column after its last character.
    pub end: usize,
    /// A part was quoted or escaped, so that it is text, never an option.
    pub quoted: bool,
}

/// Why a line has no words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenError {
    /// Column of the offending character, from 1.
    pub column: usize,
    /// What is wrong with it.
    pub why: TokenFault,
}

/// What can be wrong with a character in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenFault {
    /// This quote is never closed.
    OpenQuote(char),
    /// A backslash with nothing after it.
    TrailingBackslash,
    /// An escape that double quotes do not know.
    UnknownEscape(char),
    /// A control character or damaged UTF-8.
    Unprintable,
}

impl fmt::Display for TokenFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenQuote(quote) => write!(f, "this {quote} has no closing {quote}"),
            Self::TrailingBackslash => f.write_str("nothing follows this backslash"),
            Self::UnknownEscape(c) => {
                write!(f, "\\{} is no escape between double quotes", c.escape_debug())
            }
            Self::Unprintable => f.write_str("a character here is damaged or unprintable"),
        }
    }
}

/// Splits a line into words; a blank line or a comment has none.
///
/// ```
/// use shell::token::tokenize;
/// let words = tokenize(r#"write vbd0 0 "two words" # a comment"#).unwrap();
/// assert_eq!(words[3].text, "two words");
/// assert_eq!((words[3].column, words.len()), (14, 4));
/// assert_eq!(tokenize("say 'hm").unwrap_err().column, 5);
/// ```
pub fn tokenize(line: &str) -> Result<Vec<Token>, TokenError> {
    let mut cursor = Cursor { rest: line.chars(), column: 1 };
    let mut tokens = Vec::new();
    loop {
        match cursor.peek() {
            None | Some('#') => return Ok(tokens),
            Some(c) if c.is_whitespace() => cursor.skip(),
            Some(_) => tokens.push(word(&mut cursor)?),
        }
    }
}

/// Whether a word begins a here-document.
pub fn is_here(word: &Token) -> bool {
    !word.quoted && word.text.starts_with("<<") && word.text.len() > 2
}

/// The line that ends the here-document which `line` begins, if it begins one.
///
/// ```
/// use shell::token::here_document;
/// assert_eq!(here_document("dmsetup create d <<END").as_deref(), Some("END"));
/// assert_eq!(here_document("disks # as in <<END"), None);
/// ```
pub fn here_document(line: &str) -> Option<String> {
    let tokens = tokenize(line).ok()?;
    tokens.iter().find(|token| is_here(token)).map(|token| token.text[2..].into())
}

/// The characters not yet read, and the column of the next.
struct Cursor<'a> {
    rest: core::str::Chars<'a>,
    column: usize,
}

impl Cursor<'_> {
    fn peek(&self) -> Option<char> {
        self.rest.clone().next()
    }

    fn skip(&mut self) {
        self.column += usize::from(self.rest.next().is_some());
    }

    /// The next character, if it can be text.
    fn take(&mut self) -> Result<Option<char>, TokenError> {
        let Some(c) = self.peek() else { return Ok(None) };
        let printable = !c.is_control() || matches!(c, '\t' | '\n');
        if !printable || c == char::REPLACEMENT_CHARACTER {
            return Err(TokenError { column: self.column, why: TokenFault::Unprintable });
        }
        self.skip();
        Ok(Some(c))
    }
}

/// Reads one word up to the space or line end after it.
fn word(cursor: &mut Cursor<'_>) -> Result<Token, TokenError> {
    let column = cursor.column;
    let mut token = Token { text: String::new(), column, end: column, quoted: false };
    while cursor.peek().is_some_and(|c| !c.is_whitespace()) {
        let column = cursor.column;
        match cursor.take()? {
            Some(quote @ ('\'' | '"')) => {
                token.quoted = true;
                quoted(cursor, quote, column, &mut token.text)?;
            }
            Some('\\') => {
                token.quoted = true;
                let why = TokenFault::TrailingBackslash;
                token.text.push(cursor.take()?.ok_or(TokenError { column, why })?);
            }
            other => token.text.extend(other),
        }
    }
    token.end = cursor.column;
    Ok(token)
}

/// Reads up to the closing quote; `opened` is the opening one's column.
fn quoted(
    cursor: &mut Cursor<'_>,
    quote: char,
    opened: usize,
    text: &mut String,
) -> Result<(), TokenError> {
    loop {
        let column = cursor.column;
        match cursor.take()? {
            None => return Err(TokenError { column: opened, why: TokenFault::OpenQuote(quote) }),
            Some(c) if c == quote => return Ok(()),
            Some('\\') if quote == '"' => match cursor.take()? {
                // Then the quote is open as well: report that.
                None => {}
                Some('n') => text.push('\n'),
                Some('t') => text.push('\t'),
                Some(c @ ('\\' | '"')) => text.push(c),
                Some(c) => return Err(TokenError { column, why: TokenFault::UnknownEscape(c) }),
            },
            Some(c) => text.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(line: &str) -> Vec<String> {
        tokenize(line).unwrap().into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn spaces_separate_and_quotes_join() {
        assert_eq!(texts("  a\tb  c "), ["a", "b", "c"]);
        assert_eq!(texts("'a b' \"c d\" e\\ f"), ["a b", "c d", "e f"]);
        assert_eq!(texts("a'b'\"c\"d"), ["abcd"]);
        assert_eq!(texts("'' \"\""), ["", ""]);
        assert_eq!(texts(""), [""; 0]);
    }

    #[test]
    fn escapes_mean_what_the_rules_say() {
        assert_eq!(texts(r#""a\nb\tc\\d\"e""#), ["a\nb\tc\\d\"e"]);
        assert_eq!(texts(r"'a\nb'"), [r"a\nb"]);
        assert_eq!(texts(r"a\nb \# \'"), ["anb", "#", "'"]);
    }

    #[test]
    fn comments_start_only_at_a_word() {
        assert_eq!(texts("a # b 'c"), ["a"]);
        assert_eq!(texts("# all of it"), [""; 0]);
        assert_eq!(texts("a#b '#'"), ["a#b", "#"]);
    }

    #[test]
    fn columns_count_characters() {
        let tokens = tokenize("ä 'ö ü' x").unwrap();
        let places: Vec<_> = tokens.iter().map(|t| (t.column, t.end, t.quoted)).collect();
        assert_eq!(places, [(1, 2, false), (3, 8, true), (9, 10, false)]);
    }

    #[test]
    fn refusals_name_the_column() {
        for (line, column, why) in [
            ("a 'b", 3, TokenFault::OpenQuote('\'')),
            ("a \"b\\", 3, TokenFault::OpenQuote('"')),
            ("ab\\", 3, TokenFault::TrailingBackslash),
            (r#"a "b\q""#, 5, TokenFault::UnknownEscape('q')),
            ("a b\u{fffd}c", 4, TokenFault::Unprintable),
            ("a '\u{1}'", 4, TokenFault::Unprintable),
            ("a \u{85}x\u{7f}", 5, TokenFault::Unprintable),
        ] {
            assert_eq!(tokenize(line), Err(TokenError { column, why }), "{line:?}");
        }
    }
}
