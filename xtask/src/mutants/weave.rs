//! Many mutations in one text: a mutated function contains all its versions.
//!
//! ```text
//! fn f(x: u32) -> u32 { if mutant_switch::on(7) { x - 1 } else { x + 1 } }
//! ```
//!
//! Place: pure text; `tree` writes the result, `switch.rs` has `on`. Only bodies are repeated,
//! so traits and generics work unchanged. If a function returns `impl Iterator`, its versions
//! return an `Either` of theirs. Text outside of function bodies (constants, types,
//! attributes), and functions that run in the compiler, have no place for a switch: such a
//! mutation is built by itself.

use std::collections::BTreeMap;
use std::ops::Range;

use anyhow::{Context, Result, ensure};
use proc_macro2::Span;
use syn::{Block, ImplItem, Item, ReturnType, Signature, TraitItem, Type, TypeParamBound};

use super::list::Mutant;

/// A text with the versions of its functions in it.
pub(super) struct Woven {
    /// All of it.
    pub(super) text: String,
    /// Where each version and each function is in it; inner places come first.
    places: Vec<(Range<usize>, Vec<usize>)>,
    /// The mutations that have no place in a function's body.
    pub(super) apart: Vec<usize>,
}

impl Woven {
    /// The mutations to blame for an error at `offset`: that of a version, or else those of a
    /// function.
    pub(super) fn at(&self, offset: usize) -> &[usize] {
        let found = self.places.iter().find(|(place, _)| place.contains(&offset));
        found.map_or(&[], |(_, numbers)| numbers)
    }
}

/// A change of a text: the place, and the new text.
type Change = (Range<usize>, &'static str);

/// Weaves mutations into `text`, each with the number that its switch has.
pub(super) fn weave(text: &str, mutants: &[(usize, &Mutant)]) -> Result<Woven> {
    let mut found = Vec::new();
    bodies(&syn::parse_file(text)?.items, &mut found);
    let mut apart = Vec::new();
    let mut versions: BTreeMap<usize, Vec<(usize, Vec<Change>)>> = BTreeMap::new();
    for &(number, mutant) in mutants {
        match split(mutant.changes(text)?, &found) {
            Some(parts) => parts.into_iter().for_each(|(body, changes)| {
                versions.entry(body).or_default().push((number, changes));
            }),
            None => apart.push(number),
        }
    }
    let (mut woven, mut places, mut copied) = (String::new(), Vec::new(), 0);
    for (index, versions) in versions {
        let Body { place: body, iterates } = found[index].clone();
        woven.push_str(&text[copied..body.start]);
        let began = woven.len();
        for (place, (number, changes)) in versions.iter().enumerate() {
            let (open, close) = wrap(iterates, place, false);
            woven.push_str(&format!(" if mutant_switch::on({number}) {{{open}"));
            let version = woven.len();
            woven.push_str(&changed(text, body.clone(), changes));
            places.push((version..woven.len(), vec![*number]));
            woven.push_str(&format!("{close}}} else"));
        }
        let (open, close) = wrap(iterates, versions.len(), true);
        woven.push_str(&format!(" {{{open}{}{close}}} ", &text[body.clone()]));
        let numbers = versions.iter().map(|(number, _)| *number).collect();
        places.push((began..woven.len(), numbers));
        copied = body.end;
    }
    woven.push_str(&text[copied..]);
    // A function comes after its own versions, and no two functions overlap.
    Ok(Woven { text: woven, places, apart })
}

/// The text around a version of a function that returns `impl Iterator`: one `Right` for each
/// version before it, and a `Left` unless it is the last.
fn wrap(iterates: bool, place: usize, last: bool) -> (String, String) {
    if !iterates {
        return Default::default();
    }
    let left = if last { "" } else { "mutant_switch::Either::Left(" };
    let right = "mutant_switch::Either::Right(".repeat(place);
    (format!("{right}{left}{{"), format!("}}{}", ")".repeat(place + usize::from(!last))))
}

/// A function's body.
#[derive(Clone)]
struct Body {
    /// What lies between its braces.
    place: Range<usize>,
    /// The function returns `impl Iterator`: its versions have different types.
    iterates: bool,
}

/// The bodies of the functions that run at run time, outermost functions only, in the order of
/// the text.
fn bodies(items: &[Item], into: &mut Vec<Body>) {
    let add = |signature: &Signature, block: &Block, into: &mut Vec<Body>| {
        if signature.constness.is_none() {
            let span = |span: Span| span.byte_range();
            let braces = block.brace_token.span;
            let place = span(braces.open()).end..span(braces.close()).start;
            into.push(Body { place, iterates: iterates(&signature.output) });
        }
    };
    for item in items {
        match item {
            Item::Fn(it) => add(&it.sig, &it.block, into),
            Item::Mod(it) => it.content.iter().for_each(|(_, items)| bodies(items, into)),
            Item::Impl(it) => it.items.iter().for_each(|item| {
                if let ImplItem::Fn(it) = item {
                    add(&it.sig, &it.block, into)
                }
            }),
            Item::Trait(it) => it.items.iter().for_each(|item| {
                if let TraitItem::Fn(it) = item {
                    it.default.iter().for_each(|block| add(&it.sig, block, into));
                }
            }),
            _ => {}
        }
    }
}

/// Whether this is `impl Iterator`.
fn iterates(output: &ReturnType) -> bool {
    let ReturnType::Type(_, output) = output else { return false };
    let Type::ImplTrait(some) = &**output else { return false };
    some.bounds.iter().any(|bound| match bound {
        TypeParamBound::Trait(it) => {
            it.path.segments.last().is_some_and(|name| name.ident == "Iterator")
        }
        _ => false,
    })
}

/// The changes in each body, by the body's index; `None` if one is in no body.
fn split(changes: Vec<Change>, bodies: &[Body]) -> Option<BTreeMap<usize, Vec<Change>>> {
    let mut parts: BTreeMap<usize, Vec<Change>> = BTreeMap::new();
    for change in changes {
        let (start, end) = (change.0.start, change.0.end);
        let body =
            bodies.iter().position(|body| body.place.start <= start && end <= body.place.end)?;
        parts.entry(body).or_default().push(change);
    }
    Some(parts)
}

/// A part of `text` after `changes`, which are in the order of the text.
fn changed(text: &str, part: Range<usize>, changes: &[Change]) -> String {
    let (mut new, mut copied) = (String::new(), part.start);
    for (place, replacement) in changes {
        new.push_str(&text[copied..place.start]);
        new.push_str(replacement);
        copied = place.end;
    }
    new.push_str(&text[copied..part.end]);
    new
}

impl Mutant {
    /// `text` broken in each of the places; an error if one is not there, or not the only one.
    pub(super) fn applied(&self, text: &str) -> Result<String> {
        Ok(changed(text, 0..text.len(), &self.changes(text)?))
    }

    /// The changes in `text`, in the order of the text: only what differs, without the words
    /// quoted around it.
    fn changes(&self, text: &str) -> Result<Vec<Change>> {
        let mut changes = Vec::new();
        for (find, replace) in self.edits {
            let count = text.matches(find).count();
            ensure!(count == 1, "`{}`: {} has {count} times: {find}", self.name, self.file);
            let start = text.find(find).context("counted")?;
            let (before, behind) = common(find, replace);
            changes.push((
                start + before..start + find.len() - behind,
                &replace[before..replace.len() - behind],
            ));
        }
        changes.sort_by_key(|(place, _)| place.start);
        let apart = changes.windows(2).all(|two| two[0].0.end <= two[1].0.start);
        ensure!(apart, "`{}`: its edits overlap", self.name);
        Ok(changes)
    }
}

/// How many bytes two texts share at their beginnings, and how many further bytes at their
/// ends.
fn common(a: &str, b: &str) -> (usize, usize) {
    let equal = |(a, b): &(char, char)| a == b;
    let sum = |pairs: &mut dyn Iterator<Item = (char, char)>| -> usize {
        pairs.take_while(equal).map(|(a, _)| a.len_utf8()).sum()
    };
    let before = sum(&mut a.chars().zip(b.chars()));
    let (a, b) = (&a[before..], &b[before..]);
    (before, sum(&mut a.chars().rev().zip(b.chars().rev())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "const ONE: u32 = 1;\nfn f(x: u32) -> u32 {\n    x + ONE\n}\n\
                        trait T {\n    fn g(&self) -> u32 { 2 }\n    fn h();\n}\n\
                        impl T for u8 {\n    fn h() { /* – */ drop(3) }\n}\n\
                        const fn k() -> u32 { 4 }\n";

    fn mutant(edits: &'static [(&'static str, &'static str)]) -> Mutant {
        Mutant { name: "it", rule: "", file: "a.rs", edits }
    }

    fn woven(edits: &'static [(&'static str, &'static str)]) -> Woven {
        weave(TEXT, &[(7, &mutant(edits))]).unwrap()
    }

    #[test]
    fn a_function_has_its_versions_in_it() {
        let text = woven(&[("x + ONE", "x - ONE")]).text;
        let expected = "{ if mutant_switch::on(7) {\n    x - ONE\n} else {\n    x + ONE\n} }";
        assert_eq!(text, TEXT.replace("{\n    x + ONE\n}", expected));
    }

    #[test]
    fn two_mutations_of_a_function_are_versions_of_the_whole_of_it() {
        let (a, b) = (mutant(&[("x +", "0 +")]), mutant(&[("+ ONE", "+ 2")]));
        let text = weave(TEXT, &[(1, &a), (2, &b)]).unwrap().text;
        let expected = "{ if mutant_switch::on(1) {\n    0 + ONE\n} else if mutant_switch::on(2) \
                        {\n    x + 2\n} else {\n    x + ONE\n} }";
        assert_eq!(text, TEXT.replace("{\n    x + ONE\n}", expected));
    }

    #[test]
    fn methods_and_those_that_a_trait_brings_are_functions_too() {
        let text = woven(&[("{ 2 }", "{ 9 }"), ("drop(3)", "drop(4)")]).text;
        assert!(text.contains("fn g(&self) -> u32 { if mutant_switch::on(7) { 9 } else { 2 } }"));
        assert!(text.contains("drop(4) } else { /* – */ drop(3) } }"), "{text}");
    }

    #[test]
    fn versions_of_some_iterator_are_one_of_their_types() {
        let text = "fn f() -> impl Iterator<Item = u8> { a() }";
        let (a, b) = (mutant(&[("a()", "b()")]), mutant(&[("a()", "c()")]));
        let expected = "fn f() -> impl Iterator<Item = u8> { \
                        if mutant_switch::on(1) {mutant_switch::Either::Left({ b() })} else \
                        if mutant_switch::on(2) {mutant_switch::Either::Right(\
                        mutant_switch::Either::Left({ c() }))} else \
                        {mutant_switch::Either::Right(mutant_switch::Either::Right({ a() }))} }";
        assert_eq!(weave(text, &[(1, &a), (2, &b)]).unwrap().text, expected);
    }

    #[test]
    fn what_is_in_no_body_that_runs_is_built_by_itself() {
        for edits in [&[("= 1;", "= 2;")], &[("{ 4 }", "{ 5 }")], &[("x: u32", "x: u16")]] {
            let woven = woven(edits);
            assert_eq!((woven.text.as_str(), &woven.apart[..]), (TEXT, &[7][..]), "{edits:?}");
        }
        // Half of a mutation would be another mutation.
        assert_eq!(woven(&[("= 1;", "= 2;"), ("{ 2 }", "{ 9 }")]).text, TEXT);
    }

    #[test]
    fn words_around_a_change_do_not_count() {
        let woven = woven(&[("fn f(x: u32) -> u32 {\n    x", "fn f(x: u32) -> u32 {\n    1")]);
        assert!(woven.apart.is_empty());
        assert!(woven.text.contains("\n    1 + ONE\n"));
    }

    #[test]
    fn an_error_is_blamed_on_a_version_or_on_its_function() {
        let (a, b) = (mutant(&[("x +", "0 +")]), mutant(&[("+ ONE", "+ 2")]));
        let woven = weave(TEXT, &[(1, &a), (2, &b)]).unwrap();
        let at = |text: &str| woven.at(woven.text.find(text).unwrap());
        assert_eq!((at("0 + ONE"), at("x + 2")), (&[1][..], &[2][..]));
        assert_eq!((at("x + ONE"), at("fn f")), (&[1, 2][..], &[][..]));
    }

    #[test]
    fn a_place_is_there_once() {
        assert!(mutant(&[("u32", "u16")]).applied(TEXT).is_err());
        assert!(mutant(&[("nowhere", "")]).applied(TEXT).is_err());
        assert!(mutant(&[("x + ONE", "y"), ("+ ONE", "z")]).applied(TEXT).is_err());
    }
}
