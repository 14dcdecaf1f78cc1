//! JSON, for programs that read what the console prints.
//!
//! Place: the commands that take `--json` build a [`Value`] with [`json!`] and print its
//! [`text`]. Keys are in alphabetical order. Numbers are in the unit that their key names. A
//! missing value is `null` or an empty list.

use alloc::string::{String, ToString};

pub use serde_json::{Value, json};

/// A value, on several lines.
///
/// ```
/// use shell::json::{json, text};
/// let device = json!({ "name": "m0", "legs": [0, 1] });
/// assert_eq!(
///     text(&device),
///     "{\n  \"legs\": [\n    0,\n    1\n  ],\n  \"name\": \"m0\"\n}",
/// );
/// ```
pub fn text(value: &Value) -> String {
    // It fails only for maps with keys that are no strings, and a `Value` has none.
    serde_json::to_string_pretty(value).unwrap_or_else(|error| error.to_string())
}
