//! Reading apt's sources, in both formats of sources.list(5).
//!
//! Place: below `apt`, which looks for other suites on the same mirrors.
//!
//! Rules: only what names a mirror and its keyring is kept. What we cannot read
//! is skipped: apt itself is the judge of the person's configuration.

use std::fs;
use std::path::PathBuf;

/// A stanza, or a line, for binary packages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct AptSource {
    /// Where the mirror is; any scheme that apt knows.
    pub(super) uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    /// The keyring that vouches for the mirror: a path or, folded, the key.
    signed_by: Option<String>,
    /// `yes`: the mirror is trusted without a signature.
    trusted: Option<String>,
}

impl AptSource {
    /// Whether this is the distribution itself, not an update channel of it and
    /// not somebody else's packages.
    pub(super) fn is_distribution(&self, codename: &str) -> bool {
        let ours = [codename, "stable", "testing", "unstable", "sid"];
        self.components.iter().any(|component| component == "main")
            && self.suites.iter().any(|suite| ours.contains(&suite.as_str()))
    }

    /// The stanza (deb822) for another suite of the same mirror.
    pub(super) fn of_suite(&self, suite: &str) -> String {
        let uris = self.uris.join(" ");
        let mut stanza = format!("Types: deb\nURIs: {uris}\nSuites: {suite}\nComponents: main\n");
        let options = [("Signed-By", &self.signed_by), ("Trusted", &self.trusted)];
        for (key, value) in options {
            if let Some(value) = value {
                stanza += &format!("{key}: {value}\n");
            }
        }
        stanza
    }

    fn set(&mut self, key: &str, value: &str) {
        let list = || value.split_whitespace().map(String::from).collect();
        match key.to_ascii_lowercase().as_str() {
            "uris" => self.uris = list(),
            "suites" => self.suites = list(),
            "components" => self.components = list(),
            "signed-by" => self.signed_by = Some(value.into()),
            "trusted" => self.trusted = Some(value.into()),
            _ => {}
        }
    }
}

/// All that apt is configured with on this machine.
pub(super) fn of_this_machine() -> Vec<AptSource> {
    let parts = fs::read_dir("/etc/apt/sources.list.d").into_iter().flatten();
    let mut files: Vec<PathBuf> = parts.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.push("/etc/apt/sources.list".into());
    files.sort();
    let mut sources = Vec::new();
    for file in files {
        let text = fs::read_to_string(&file).unwrap_or_default();
        match file.extension().and_then(|extension| extension.to_str()) {
            Some("list") => sources.extend(text.lines().filter_map(parse_line)),
            Some("sources") => sources.extend(parse_stanzas(&text)),
            _ => {}
        }
    }
    sources
}

/// `deb [option=value ..] URI suite component ..`; `None` for all other lines.
fn parse_line(line: &str) -> Option<AptSource> {
    let line = line.split('#').next()?.trim();
    let mut rest = line.strip_prefix("deb")?.strip_prefix([' ', '\t'])?.trim_start();
    let mut source = AptSource::default();
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (options, after) = bracketed.split_once(']')?;
        for (key, value) in options.split_whitespace().filter_map(|pair| pair.split_once('=')) {
            source.set(key, value);
        }
        rest = after;
    }
    let mut words = rest.split_whitespace().map(String::from);
    source.uris = vec![words.next()?];
    source.suites = vec![words.next()?];
    source.components = words.collect();
    Some(source)
}

/// The stanzas of a deb822 file that are enabled and about binary packages.
fn parse_stanzas(text: &str) -> Vec<AptSource> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    lines.split(|line| line.trim().is_empty()).filter_map(parse_stanza).collect()
}

fn parse_stanza(lines: &[&str]) -> Option<AptSource> {
    let mut fields: Vec<(&str, String)> = Vec::new();
    for line in lines {
        if line.starts_with([' ', '\t']) {
            let (_, value) = fields.last_mut()?;
            *value += &format!("\n{line}");
        } else {
            let (key, value) = line.split_once(':')?;
            fields.push((key, value.trim().into()));
        }
    }
    let is = |key: &str, wanted: &str| {
        let field = fields.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        field.is_some_and(|(_, value)| value.split_whitespace().any(|word| word == wanted))
    };
    if !is("Types", "deb") || is("Enabled", "no") {
        return None;
    }
    let mut source = AptSource::default();
    for (key, value) in &fields {
        source.set(key, value);
    }
    Some(source)
}

#[cfg(test)]
#[path = "apt_sources_tests.rs"]
mod tests;
