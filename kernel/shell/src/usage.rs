//! Usage lines are the grammar: the parser accepts exactly what help shows.
//!
//! Place: between the words of a line and the `build` function of its command
//! ([`crate::spec`]). A usage line is a list of
//!
//! ```text
//! WORD               one word, by place
//! WORD...            one or more words, last
//! --option VALUE     an option and its value, anywhere
//! [ ... ]            may be left out; begun, it must be complete
//! [--flag]           an option without a value
//! [<<END]            a here-document ([`crate::document`]) whose end is any word
//! ```
//!
//! Rules: a word is an option if it starts with `--` and no part of it is quoted. A short one
//! (`-f`) is an option if its usage line has it. `build` may ask only for names in its usage
//! line. Asking for another name is our bug and panics; the test that parses every example
//! would find it.

use crate::error::{ParseError, shown};
use crate::size::{Size, SizeError, Span, number};
use crate::token::{Token, is_here};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One place of a usage line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    /// `OFFSET`, or `--from` for an option.
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    /// The number of its bracket, from 1; 0 if it is in none.
    pub(crate) group: usize,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Word,
    /// One or more words.
    Rest,
    Flag,
    /// An option with a value of this name.
    Value(&'static str),
    /// A here-document.
    Here,
}

impl Item {
    /// Whether it is the short option `word`.
    fn is_short(&self, word: &str) -> bool {
        self.kind == Kind::Flag && self.name == word && !word.starts_with("--")
    }
}

/// A here-document in a usage line.
pub(crate) const HERE: &str = "<<END";

/// Reads a usage line.
pub(crate) fn items(usage: &'static str) -> Vec<Item> {
    let mut items = Vec::new();
    let (mut group, mut open) = (0, false);
    let mut words = usage.split_whitespace();
    while let Some(word) = words.next() {
        if word.starts_with('[') {
            group += 1;
            open = true;
        }
        let item_group = if open { group } else { 0 };
        open &= !word.ends_with(']');
        let bare = bare(word);
        let (name, kind) = match bare.strip_suffix("...") {
            Some(name) => (name, Kind::Rest),
            None if bare == HERE => (bare, Kind::Here),
            None if !bare.starts_with('-') => (bare, Kind::Word),
            None if word.ends_with(']') => (bare, Kind::Flag),
            None => {
                let value = words.next().unwrap_or("VALUE");
                open &= !value.ends_with(']');
                (bare, Kind::Value(self::bare(value)))
            }
        };
        items.push(Item { name, kind, group: item_group });
    }
    items
}

/// The usage of the command `name` as an error or `help` shows it.
pub(crate) fn usage_line(name: &str, usage: &str) -> String {
    let space = if usage.is_empty() { "" } else { " " };
    format!("usage: {name}{space}{usage}")
}

fn bare(word: &'static str) -> &'static str {
    word.trim_start_matches('[').trim_end_matches(']')
}

/// The words of a line, each under its name in the usage line.
#[derive(Debug)]
pub(crate) struct Args<'t> {
    /// The command.
    name: &'static str,
    usage: &'static str,
    bound: Vec<(&'static str, &'t Token)>,
    /// The column after the last word.
    end: usize,
    document: Option<&'t str>,
}

impl<'t> Args<'t> {
    /// Gives each word its name, by the usage of the command `name`. `end` is the column after
    /// the last word; `document` has the lines after this one that belong to it.
    pub(crate) fn bind(
        name: &'static str,
        usage: &'static str,
        words: &'t [Token],
        end: usize,
        document: Option<&'t str>,
    ) -> Result<Self, ParseError> {
        let items = items(usage);
        let mut args = Self { name, usage, bound: Vec::new(), end, document };
        let mut places = items.iter().filter(|i| matches!(i.kind, Kind::Word | Kind::Rest));
        let mut rest = None;
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let short = !word.quoted && items.iter().any(|item| item.is_short(&word.text));
            if short || is_option(word) {
                args.bind_option(&items, word, &mut words)?;
                continue;
            }
            if is_here(word) {
                args.bind_here(&items, word)?;
                continue;
            }
            let Some(item) = rest.or_else(|| places.next()) else {
                let what = format!("{} is one word too many", shown(&word.text));
                return Err(args.refuse(word.column, what));
            };
            rest = (item.kind == Kind::Rest).then_some(item);
            args.bound.push((item.name, word));
        }
        args.check_complete(&items)?;
        Ok(args)
    }

    fn bind_option(
        &mut self,
        items: &[Item],
        word: &'t Token,
        words: &mut core::slice::Iter<'t, Token>,
    ) -> Result<(), ParseError> {
        let known = items.iter().find(|item| item.name == word.text);
        let Some(item) = known else {
            let what = format!("{} is no option of {}", shown(&word.text), self.name);
            return Err(self.refuse(word.column, what));
        };
        if self.find(item.name).is_some() {
            return Err(self.refuse(word.column, format!("{} is given twice", item.name)));
        }
        let value = match item.kind {
            Kind::Value(name) => {
                let value = words.next().filter(|value| !is_option(value));
                value.ok_or_else(|| self.refuse(word.end, format!("{name} is missing here")))?
            }
            _ => word,
        };
        self.bound.push((item.name, value));
        Ok(())
    }

    fn bind_here(&mut self, items: &[Item], word: &'t Token) -> Result<(), ParseError> {
        let what = match items.iter().find(|item| item.kind == Kind::Here) {
            None => format!(
                "{} takes no lines after it; quote {} if it is text",
                self.name,
                shown(&word.text)
            ),
            Some(item) if self.find(item.name).is_some() => "one here-document is enough".into(),
            Some(_) if self.document.is_none() => {
                format!("the lines up to {} are missing", shown(&word.text[2..]))
            }
            Some(item) => {
                self.bound.push((item.name, word));
                return Ok(());
            }
        };
        Err(self.refuse(word.column, what))
    }

    fn check_complete(&self, items: &[Item]) -> Result<(), ParseError> {
        let has = |item: &Item| self.find(item.name).is_some();
        let needed = |item: &Item| {
            item.group == 0 || items.iter().any(|other| other.group == item.group && has(other))
        };
        let Some(item) = items.iter().find(|item| needed(item) && !has(item)) else {
            return Ok(());
        };
        Err(match item.kind {
            Kind::Value(value) => self.missing(&format!("{} {value}", item.name)),
            _ => self.missing(item.name),
        })
    }

    /// The refusal of a line that ends too early.
    pub(crate) fn missing(&self, name: &str) -> ParseError {
        self.refuse(self.end, format!("{name} is missing here"))
    }

    /// The here-document, if the line has one.
    pub(crate) fn document(&self) -> Option<&'t str> {
        self.find(HERE).and(self.document)
    }

    /// An error at `column`, with this command's usage as the advice.
    pub(crate) fn refuse(&self, column: usize, what: String) -> ParseError {
        ParseError { column, what, next: usage_line(self.name, self.usage) }
    }

    /// The word bound to `name`, if the line has one.
    pub(crate) fn find(&self, name: &str) -> Option<&'t Token> {
        self.all(name).next()
    }

    /// All the words bound to `name`.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'t Token> + 'a {
        self.bound.iter().filter(move |(bound, _)| *bound == name).map(|(_, token)| *token)
    }

    /// The word bound to `name`, which the usage line requires.
    pub(crate) fn word(&self, name: &str) -> &'t Token {
        match self.find(name) {
            Some(token) => token,
            None => panic!("`{}` asks for {name}, which its usage line lacks", self.name),
        }
    }

    /// Reads `name` with `read` if the line has it.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        read: fn(&Self, &str) -> Result<T, ParseError>,
    ) -> Result<Option<T>, ParseError> {
        self.find(name).map(|_| read(self, name)).transpose()
    }

    /// A device's name: any one word.
    pub(crate) fn name(&self, name: &str) -> Result<String, ParseError> {
        self.name_in(self.word(name))
    }

    /// The same for a word that was found.
    pub(crate) fn name_in(&self, token: &Token) -> Result<String, ParseError> {
        if token.text.is_empty() || token.text.contains(char::is_whitespace) {
            let what = format!("{} is no name: it is empty or has spaces", shown(&token.text));
            return Err(self.refuse(token.column, what));
        }
        Ok(token.text.clone())
    }

    /// A place on a device.
    pub(crate) fn offset(&self, name: &str) -> Result<Size, ParseError> {
        self.read(name, Size::parse)
    }

    /// A length, not zero.
    pub(crate) fn length(&self, name: &str) -> Result<Size, ParseError> {
        let length = self.offset(name)?;
        if length == Size::ZERO {
            let what = format!("{name} is zero, so there is nothing to do");
            return Err(self.refuse(self.word(name).column, what));
        }
        Ok(length)
    }

    /// The words OFFSET and LENGTH together.
    pub(crate) fn span(&self) -> Result<Span, ParseError> {
        self.span_at(self.offset("OFFSET")?, self.length("LENGTH")?, "LENGTH")
    }

    /// Checks that a span has an end. An error names the column of the word `length_name`.
    pub(crate) fn span_at(
        &self,
        offset: Size,
        length: Size,
        length_name: &str,
    ) -> Result<Span, ParseError> {
        Span::new(offset, length).ok_or_else(|| self.endless(length_name))
    }

    /// The refusal of a span without an end, at the column of the word `name`.
    pub(crate) fn endless(&self, name: &str) -> ParseError {
        let what = String::from("offset and length together are more than 2^64 bytes");
        self.refuse(self.word(name).column, what)
    }

    /// A plain number.
    pub(crate) fn number(&self, name: &str) -> Result<u64, ParseError> {
        self.read(name, number).map_err(|mut error| {
            error.what = format!("{} is no number", shown(&self.word(name).text));
            error
        })
    }

    fn read<T>(&self, name: &str, read: fn(&str) -> Result<T, SizeError>) -> Result<T, ParseError> {
        let token = self.word(name);
        read(&token.text)
            .map_err(|why| self.refuse(token.column, format!("{} {why}", shown(&token.text))))
    }
}

fn is_option(word: &Token) -> bool {
    !word.quoted && word.text.starts_with("--")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(usage: &'static str) -> Vec<(&'static str, Kind, usize)> {
        items(usage).into_iter().map(|item| (item.name, item.kind, item.group)).collect()
    }

    #[test]
    fn usage_lines_are_read_as_the_module_says() {
        assert_eq!(kinds(""), []);
        assert_eq!(
            kinds("SRC [LENGTH] [--from OFFSET] [--hex] WORDS..."),
            [
                ("SRC", Kind::Word, 0),
                ("LENGTH", Kind::Word, 1),
                ("--from", Kind::Value("OFFSET"), 2),
                ("--hex", Kind::Flag, 3),
                ("WORDS", Kind::Rest, 0),
            ]
        );
        assert_eq!(
            kinds("A [B C] --table TABLE [-f] [<<END] [D...]"),
            [
                ("A", Kind::Word, 0),
                ("B", Kind::Word, 1),
                ("C", Kind::Word, 1),
                ("--table", Kind::Value("TABLE"), 0),
                ("-f", Kind::Flag, 2),
                ("<<END", Kind::Here, 3),
                ("D", Kind::Rest, 4),
            ]
        );
    }
}
