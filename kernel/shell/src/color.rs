//! Colours of states: green, yellow, red, for a terminal that shows them.
//!
//! Place: the console paints states in reports and events. [`crate::format::Table`] counts only
//! visible characters, so that columns stay straight.

use alloc::format;
use alloc::string::{String, ToString};

/// How good a state is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tone {
    /// As it should be: green.
    Good,
    /// Worth a look: yellow.
    Doubtful,
    /// Not as it should be: red.
    Bad,
}

/// Paints texts, or leaves them as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paint {
    /// Whether colours are shown.
    pub on: bool,
}

impl Paint {
    /// The text in the colour of its tone (SGR 32, 33, 31).
    ///
    /// ```
    /// use shell::color::{Paint, Tone};
    /// assert_eq!(Paint { on: true }.paint(Tone::Good, "in sync"), "\x1b[32min sync\x1b[0m");
    /// assert_eq!(Paint { on: false }.paint(Tone::Good, "in sync"), "in sync");
    /// ```
    pub fn paint(self, tone: Tone, text: &str) -> String {
        let code = match tone {
            Tone::Good => 32,
            Tone::Doubtful => 33,
            Tone::Bad => 31,
        };
        if self.on { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
    }
}

/// How many characters of a text are visible: escape sequences of colours are not.
pub(crate) fn width(text: &str) -> usize {
    let (mut count, mut hidden) = (0, false);
    for c in text.chars() {
        hidden |= c == '\x1b';
        count += usize::from(!hidden);
        hidden &= c != 'm';
    }
    count
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::{Align, Table};

    #[test]
    fn colours_take_no_room() {
        let paint = Paint { on: true };
        assert_eq!(width(&paint.paint(Tone::Bad, "out")), 3);
        let table = |paint: Paint| {
            let mut table = Table::new([("STATE", Align::Left), ("N", Align::Right)]);
            table.row([paint.paint(Tone::Good, "in sync"), "1".into()]);
            table.row([paint.paint(Tone::Bad, "out"), "10".into()]);
            table.to_string()
        };
        let plain = table(Paint { on: false });
        let painted = table(paint);
        assert_eq!(plain, "STATE     N\nin sync   1\nout      10\n");
        let seen = painted.replace("\x1b[32m", "").replace("\x1b[31m", "").replace("\x1b[0m", "");
        assert_eq!(seen, plain);
    }
}
