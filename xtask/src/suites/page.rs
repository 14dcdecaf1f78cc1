//! The suite that plays the page: its types, and its tests in a browser without a window.
//!
//! The page is bundled as `cargo xtask play` does it, around the module as it is compiled
//! now. A machine without Node.js or a browser, and without the means to install them, skips
//! it and says so.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use super::report::Report;
use super::tally::Tally;
use super::{Options, Skipped};
use crate::guard::{self, Ending};
use crate::lines::{self, End};
use crate::{build, patience, play, provision, workspace};

/// How long between two looks at whether a server has ended.
const PAUSE: Duration = Duration::from_millis(50);

/// Tests all promises of the page.
pub(super) fn tests(options: &Options, report: &mut Report) -> Result<Tally> {
    let found = report.aside(|| provision::node().and_then(|it| Ok((it, provision::browser()?))));
    let (node, browser) = found.map_err(|why| Skipped(format!("{why:#}")))?;
    let folder = report.folder().join("page");
    report.aside(|| {
        let module = build::module(&options.build.sources)?;
        play::bundle(&node, &module, &folder)
    })?;
    let page = workspace::page();
    let mut tally = Tally::default();

    let mut types = Command::new(&node.npm);
    types.args(["run", "--silent", "check"]).current_dir(&page);
    let held = lines::run(&types, options.silence(), |line| report.line(line))? == End::Well;
    told(report, "the types agree", held, &mut tally);

    let served = serves_and_ends();
    if let Err(why) = &served {
        report.line(&format!("{why:#}"));
    }
    told(
        report,
        "the command serves the page, and takes the server along",
        served.is_ok(),
        &mut tally,
    );

    let mut script = Command::new(&node.node);
    script.args(["--test-reporter=tap", "tests/all.mjs"]).current_dir(&page);
    script.env("PAGE", &folder).env("BROWSER", browser).env("SHOTS", report.folder());
    let mut ran = Tally::default();
    let end = lines::run(&script, options.silence(), |line| match outcome(line) {
        Some((name, held)) => told(report, name, held, &mut ran),
        None => report.line(line),
    })?;
    tally += ran;
    match end {
        End::Killed(lost) => bail!("{lost}, killed"),
        End::Badly if ran.failed == 0 => {
            bail!("the tests in the browser did not come to their end")
        }
        End::Badly | End::Well => Ok(tally),
    }
}

fn told(report: &mut Report, name: &str, held: bool, tally: &mut Tally) {
    report.line(&format!("test page: {name} ... {}", if held { "ok" } else { "FAILED" }));
    *tally += Tally::of(held);
}

/// The name of a test that ended, and whether it passed, from a line of TAP that is not
/// indented: `ok 3 - a link opens where it was copied`.
fn outcome(line: &str) -> Option<(&str, bool)> {
    let (rest, held) = match line.strip_prefix("not ok ") {
        Some(rest) => (rest, false),
        None => (line.strip_prefix("ok ")?, true),
    };
    let (_, name) = rest.split_once(" - ")?;
    Some((name, held))
}

/// The command itself: it serves the page while it runs, and the port is free afterwards.
fn serves_and_ends() -> Result<()> {
    let mut command = Command::new(guard::ourselves()?);
    command.args(["play", "--no-open", "--port", "0"]);
    let (mut child, life) = guard::spawn(&command, Ending::Gently, Stdio::piped(), Stdio::null())?;
    let mut address = String::new();
    let output = child.stdout.take().context("its output is a pipe, as said above")?;
    BufReader::new(output).read_line(&mut address)?;
    let host = address.trim().trim_start_matches("http://").trim_end_matches('/').to_owned();
    let answer = get(&host);
    drop(life);
    child.wait()?;
    let answer = answer?;
    if !answer.starts_with("HTTP/1.1 200") || !answer.contains("main.js") {
        bail!("the page is not there: {answer}");
    }
    // The server's guard ends it, which takes a moment.
    let deadline = Instant::now() + patience::OF_A_GUEST;
    while TcpStream::connect(&host).is_ok() {
        ensure!(Instant::now() < deadline, "{host} is still served");
        thread::sleep(PAUSE);
    }
    Ok(())
}

/// The whole answer of a server to a request for its first page.
fn get(host: &str) -> Result<String> {
    let mut server = TcpStream::connect(host).with_context(|| format!("nothing at `{host}`"))?;
    write!(server, "GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    server.read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::outcome;

    #[test]
    fn a_line_of_tap_names_a_test_and_its_end() {
        assert_eq!(outcome("ok 3 - a link - a good one"), Some(("a link - a good one", true)));
        assert_eq!(outcome("not ok 12 - keys"), Some(("keys", false)));
        for line in ["    ok 1 - inner", "# ok 3", "1..4", "TAP version 13", "ok 3"] {
            assert_eq!(outcome(line), None, "{line}");
        }
    }
}
