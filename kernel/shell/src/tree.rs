//! A tree as rows of text, as `dmsetup ls --tree` draws it.
//!
//! Place: the console gives the names, and the names below each. ASCII only, since any terminal
//! may read a serial line. Rule: there are no circles. A device that is reached twice is drawn
//! twice.

use alloc::string::String;
use alloc::vec::Vec;

/// Draws each of `roots` and all that is `below` it, every one by its `label`.
///
/// ```
/// let below = |name: &&'static str| match *name {
///     "m0" => vec!["l0", "vbd1"],
///     "l0" => vec!["vbd0"],
///     _ => vec![],
/// };
/// assert_eq!(
///     shell::tree::draw(&["m0"], &below, &|name| name.to_string()),
///     "m0\n |-l0\n |  `-vbd0\n `-vbd1\n",
/// );
/// ```
pub fn draw<N>(roots: &[N], below: &dyn Fn(&N) -> Vec<N>, label: &dyn Fn(&N) -> String) -> String {
    let mut text = String::new();
    for root in roots {
        push_line(&mut text, "", "", &label(root));
        branches(&mut text, "", &below(root), below, label);
    }
    text
}

fn branches<N>(
    text: &mut String,
    indent: &str,
    names: &[N],
    below: &dyn Fn(&N) -> Vec<N>,
    label: &dyn Fn(&N) -> String,
) {
    for (index, name) in names.iter().enumerate() {
        let (branch, rail) = if index + 1 < names.len() { (" |-", " | ") } else { (" `-", "   ") };
        push_line(text, indent, branch, &label(name));
        let indent = [indent, rail].concat();
        branches(text, &indent, &below(name), below, label);
    }
}

fn push_line(text: &mut String, indent: &str, branch: &str, label: &str) {
    text.extend([indent, branch, label, "\n"]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn rails_go_down_to_the_last_branch_only() {
        let below = |name: &u32| match name {
            1 => vec![2, 3],
            2 => vec![4, 5],
            3 => vec![4],
            _ => vec![],
        };
        let label = |name: &u32| alloc::format!("d{name}");
        let expected = "d1\n |-d2\n |  |-d4\n |  `-d5\n `-d3\n    `-d4\nd6\n";
        assert_eq!(draw(&[1, 6], &below, &label), expected);
    }
}
