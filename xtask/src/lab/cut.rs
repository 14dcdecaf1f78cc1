//! Functions taken out of a source: found by name, left with their contract.
//!
//! Place: pure text; `copy` writes the result, `show` prints the original. Rule: a name means
//! one function. A name without a function, or with two, is an error, so that the labs follow
//! the code.

use std::ops::Range;

use anyhow::{Result, bail, ensure};
use proc_macro2::Span;
use syn::{Attribute, Block, ImplItem, Item, Signature, Type, Visibility};

/// What an unwritten function calls. Spelt so that this file does not contain it.
const UNWRITTEN: &str = concat!("to", "do!");

/// A function in a text.
#[derive(Clone, Debug)]
struct Found {
    /// `Type::name`, or `name`.
    name: String,
    /// All of it, its comment first.
    whole: Range<usize>,
    /// The text between its braces.
    body: Range<usize>,
}

/// How the message begins of a function that is called and not written.
pub(super) fn said_by(lab: u32) -> String {
    format!("lab {lab}: ")
}

/// `text` with `contract` in the place of the body of the function `name`.
pub(super) fn cut(text: &str, name: &str, lab: u32, contract: &str) -> Result<String> {
    let Found { body, whole, .. } = find(text, name)?;
    let margin = " ".repeat(indent(text, whole.start));
    let mut new = format!("{}\n", &text[..body.start]);
    for line in contract.lines() {
        new.push_str(format!("{margin}    // {line}").trim_end());
        new.push('\n');
    }
    let said = said_by(lab);
    new.push_str(&format!("{margin}    {UNWRITTEN}(\"{said}{name}\")\n{margin}"));
    new.push_str(&text[body.end..]);
    Ok(new)
}

/// Whether the function `name` of `text` is still as [`cut`] left it. True too if it is gone,
/// since then nobody wrote it.
pub(super) fn is_unwritten(text: &str, name: &str, lab: u32) -> bool {
    let word = format!("{UNWRITTEN}(\"{}{name}\")", said_by(lab));
    find(text, name).map_or_else(|_| text.contains(&word), |it| text[it.body].contains(&word))
}

/// `text` without the function `name`.
pub(super) fn without(text: &str, name: &str) -> Result<String> {
    let Found { whole, .. } = find(text, name)?;
    let before = text[..whole.start].trim_end();
    Ok(format!("{before}\n{}", &text[whole.end..]))
}

/// The function `name` as it stands in `text`, its comment first.
pub(super) fn piece<'a>(text: &'a str, name: &str) -> Result<&'a str> {
    let Found { whole, .. } = find(text, name)?;
    Ok(&text[whole.start - indent(text, whole.start)..whole.end])
}

/// The indentation of the line that begins at `at`.
fn indent(text: &str, at: usize) -> usize {
    let line = &text[..at];
    line.len() - line.trim_end_matches(' ').len()
}

fn find(text: &str, name: &str) -> Result<Found> {
    let mut all = Vec::new();
    functions(&syn::parse_file(text)?.items, &mut all);
    let mut found = all.into_iter().filter(|it| it.name == name);
    let Some(one) = found.next() else { bail!("no function `{name}`") };
    ensure!(found.next().is_none(), "several functions `{name}`");
    Ok(one)
}

/// The functions of a file and of its types, in the order of the text.
fn functions(items: &[Item], into: &mut Vec<Found>) {
    for item in items {
        match item {
            Item::Fn(it) => into.push(found(None, &it.attrs, &it.vis, &it.sig, &it.block)),
            Item::Impl(of) => {
                let Type::Path(path) = &*of.self_ty else { continue };
                let path = path.path.segments.last().map(|it| it.ident.to_string());
                for item in &of.items {
                    if let ImplItem::Fn(it) = item {
                        let of = path.as_deref();
                        into.push(found(of, &it.attrs, &it.vis, &it.sig, &it.block));
                    }
                }
            }
            _ => {}
        }
    }
}

fn found(
    of: Option<&str>,
    attributes: &[Attribute],
    visibility: &Visibility,
    signature: &Signature,
    block: &Block,
) -> Found {
    let start = |span: Span| span.byte_range().start;
    let visible = match visibility {
        Visibility::Public(it) => Some(start(it.span)),
        Visibility::Restricted(it) => Some(start(it.pub_token.span)),
        Visibility::Inherited => None,
    };
    let constant = signature.constness.as_ref().map(|it| start(it.span));
    let first = attributes.iter().map(|it| start(it.pound_token.span));
    let begin = first.chain(visible).chain(constant).min();
    let braces = block.brace_token.span;
    let (open, close) = (braces.open().byte_range(), braces.close().byte_range());
    let name = signature.ident.to_string();
    Found {
        name: of.map_or(name.clone(), |of| format!("{of}::{name}")),
        whole: begin.unwrap_or(start(signature.fn_token.span))..close.end,
        body: open.end..close.start,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "//! A.\n\nstruct B;\n\nimpl B {\n    /// Doubles.\n    #[inline]\n    \
                        pub(crate) fn c(x: u32) -> u32 {\n        x + x\n    }\n\n    fn d() {}\n\
                        }\n\n/// Ends.\nfn c() {}\n";

    #[test]
    fn a_cut_leaves_the_contract_and_what_stands_around() {
        let cut = cut(TEXT, "B::c", 7, "Doubles `x`.\n\nNever fails.").unwrap();
        let body = format!(
            "{{\n        // Doubles `x`.\n        //\n        // Never fails.\n        \
             {UNWRITTEN}(\"lab 7: B::c\")\n    }}\n\n    fn d() {{}}"
        );
        assert!(cut.contains(&body), "{cut}");
        assert!(syn::parse_file(&cut).is_ok() && cut.starts_with("//! A."));
        assert!(is_unwritten(&cut, "B::c", 7) && !is_unwritten(TEXT, "B::c", 7));
        assert!(!is_unwritten(&cut, "B::d", 7));
    }

    #[test]
    fn what_does_not_parse_any_more_is_still_known_to_be_unwritten() {
        let cut = cut(TEXT, "B::c", 7, "").unwrap() + "}";
        assert!(is_unwritten(&cut, "B::c", 7) && !is_unwritten(&cut, "B::d", 7));
    }

    #[test]
    fn a_piece_has_its_comment_and_goes_with_it() {
        let c = piece(TEXT, "B::c").unwrap();
        assert!(c.starts_with("    /// Doubles.\n    #[inline]\n    pub(crate) fn c(x"), "{c}");
        assert!(c.ends_with("x + x\n    }"), "{c}");
        let rest = without(TEXT, "B::c").unwrap();
        assert!(
            rest.contains("impl B {\n\n\n    fn d() {}") && !rest.contains("Doubles"),
            "{rest}"
        );
    }

    #[test]
    fn a_name_means_one_function() {
        assert!(piece(TEXT, "c").unwrap().ends_with("fn c() {}"));
        assert!(piece(TEXT, "e").is_err() && piece(&TEXT.replace("d()", "c()"), "B::c").is_err());
    }
}
