//! The guest's console, and what its `bench` answers.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::results::Sample;
use crate::patience::{self, Watch};
use crate::qemu::{Guest, Machine};
use crate::verdict::Verdict;

/// How long the guest may say nothing, the boot included.
const LIMIT: Duration = patience::OF_A_GUEST;

/// How often the guest is asked whether its regions are clean.
const LOOK_AGAIN: Duration = Duration::from_millis(200);

/// A guest at its prompt.
pub(super) struct Talk {
    guest: Guest,
}

impl Talk {
    /// Boots it.
    pub(super) fn boot(machine: &Machine<'_>) -> Result<Self> {
        let mut guest = Guest::boot(machine, LIMIT)?;
        guest.until_prompt()?;
        Ok(Self { guest })
    }

    /// Has it carry out a command; returns what it said, the command's echo included.
    pub(super) fn ask(&mut self, line: &str) -> Result<Vec<String>> {
        self.guest.set_limit(Some(LIMIT));
        self.guest.send(line);
        let mut answer = Vec::new();
        while let Some(line) = self.guest.next_line()? {
            answer.push(line);
        }
        ensure!(!self.guest.has_failed(), "`{line}` failed: {}", answer.join("\n"));
        Ok(answer)
    }

    /// The same for a command that answers in JSON.
    pub(super) fn json(&mut self, line: &str) -> Result<Value> {
        let answer = self.ask(line)?;
        let text = json_in(&answer);
        serde_json::from_str(&text).with_context(|| format!("`{line}` answered {text}"))
    }

    /// Has it run a load.
    pub(super) fn measure(&mut self, line: &str) -> Result<Sample> {
        let value = self.json(line)?;
        Sample::new(value).with_context(|| line.to_owned())
    }

    /// Waits until a mirror has no dirty region.
    pub(super) fn until_clean(&mut self, device: &str) -> Result<()> {
        let mut watch = Watch::of(LIMIT);
        loop {
            let status = self.json(&format!("mirror status {device} --json"))?;
            let dirty = status[0]["map"]["dirty"].as_u64().context("a mirror without a map")?;
            if dirty == 0 {
                return Ok(());
            }
            ensure!(watch.sees(dirty), "{device}: {dirty} regions stay dirty");
            thread::sleep(LOOK_AGAIN);
        }
    }

    /// Ends the guest.
    pub(super) fn end(mut self) -> Result<()> {
        self.guest.set_limit(Some(LIMIT));
        self.guest.send("poweroff");
        match self.guest.run(|_| ()) {
            Verdict::Passed => Ok(()),
            verdict => bail!("poweroff: {verdict}\n{}", self.guest.last_words()),
        }
    }
}

/// The JSON in an answer: behind the echo, and behind and between what the log says.
fn json_in(answer: &[String]) -> String {
    let lines = answer.iter().skip_while(|line| !matches!(line.as_str(), "{" | "["));
    let lines: Vec<&str> = lines.map(String::as_str).filter(|it| !is_of_the_log(it)).collect();
    lines.join("\n")
}

/// Whether a line begins with the time, as those of the log do.
fn is_of_the_log(line: &str) -> bool {
    let inside = line.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    inside.is_some_and(|(time, _)| time.trim().parse::<f64>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::json_in;

    #[test]
    fn the_log_and_the_echo_are_told_from_json() {
        let log = "[    0.884218] WARN  dm_mirror::io::words: mirror: leg 1 is out";
        let answer = [log, "dmirror> mirror status", "[", "  [", log, "    7", "  ]", "]", log];
        assert_eq!(json_in(&answer.map(String::from)), "[\n  [\n    7\n  ]\n]");
        assert_eq!(json_in(&[log.to_owned()]), "");
    }
}
