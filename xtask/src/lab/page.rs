//! The sections on a piece in the pages of docs/labs, by its name.
//!
//! Rule: a section about a piece has the title ``### `NAME` `` and ends with the next title. On
//! a lab's own page the section is the contract, which the copy gets as a comment. On the page
//! of the same name in `after` it says what is subtle.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::workspace;

/// The folder of the pages, from the workspace's folder.
pub(super) const FOLDER: &str = "docs/labs";

/// The text of a file below the folder of the pages.
pub(super) fn text(name: &str) -> Result<String> {
    let path = PathBuf::from(FOLDER).join(name);
    fs::read_to_string(workspace::root().join(&path)).with_context(|| path.display().to_string())
}

/// The section of a page about a piece.
pub(super) fn section<'a>(page: &'a str, piece: &str) -> Result<&'a str> {
    let title = format!("### `{piece}`");
    let mut at = 0;
    for line in page.split_inclusive('\n') {
        at += line.len();
        if line.trim_end() == title {
            let rest = &page[at..];
            let end = rest.find("\n#").unwrap_or(rest.len());
            return Ok(rest[..end].trim());
        }
    }
    Err(anyhow::anyhow!("the page has no section `{title}`"))
}

#[cfg(test)]
mod tests {
    use super::section;

    #[test]
    fn a_section_ends_with_the_next_title() {
        let page = "# A\n\n### `B::c`\n\nOne.\n\nTwo.\n\n### `B::cd`\n\nThree.\n";
        assert_eq!(section(page, "B::c").unwrap(), "One.\n\nTwo.");
        assert_eq!(section(page, "B::cd").unwrap(), "Three.");
        assert!(section(page, "B").is_err());
    }
}
