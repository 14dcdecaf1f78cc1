//! The kernel's command line: words `key=value` that QEMU passes by fw_cfg.
//!
//! `cargo xtask` writes it (`-fw_cfg name=opt/dmirror/cmdline,string=…`); `main` reads it
//! to decide what this boot is for. A word without `=` is a key with an empty value. When
//! a key comes twice, the last one counts.

use alloc::string::String;

use crate::arch::fw_cfg;

/// The name of the blob.
const BLOB: &str = "opt/dmirror/cmdline";

/// A command line.
#[derive(Debug, Default)]
pub struct Cmdline(String);

impl Cmdline {
    /// What QEMU was told; empty when it was told nothing.
    pub fn from_machine() -> Self {
        let bytes = fw_cfg::read(BLOB).unwrap_or_default();
        Self::parse(&String::from_utf8_lossy(&bytes))
    }

    /// Splits the words at white space. A NUL ends the line, as it ends a string in C.
    pub fn parse(line: &str) -> Self {
        Self(line.split('\0').next().unwrap_or_default().into())
    }

    /// The value of `key`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .split_whitespace()
            .map(|word| word.split_once('=').unwrap_or((word, "")))
            .rfind(|(name, _)| *name == key)
            .map(|(_, value)| value)
    }
}
