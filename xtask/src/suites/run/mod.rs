//! The suite that does what a person does with `cargo xtask`: runs with scripts, several at
//! once, wrong arguments, Ctrl-C.
//!
//! Place: each case is a promise of `run`, or of code that it shares with other verbs; `person`
//! tries it. Rule: the exit code, the output, and what is left on the host decide.

mod person;

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;

use anyhow::{Context, Result, ensure};
use rustix::process::Signal;

use super::Options;
use super::lab::Lab;
use super::report::Report;
use super::tally::Tally;
use crate::inspect::Program;
use crate::signals;
use person::Person;

/// A promise, and how it is tried.
type Case = (&'static str, fn(&Person) -> Result<()>);

const CASES: &[Case] = &[
    ("a_script_stops_at_its_first_failure_whatever_its_text", first_failure),
    ("no_name_and_no_output_is_taken_for_the_end_of_a_command", names),
    ("a_here_document_without_end_is_a_failure_where_it_begins", open_document),
    ("what_cannot_be_run_is_refused_before_the_boot", refused),
    ("two_guests_of_one_checkout_are_told_apart", two_guests),
    ("a_run_that_is_killed_leaves_no_trap_for_the_next", killed),
    ("an_interrupted_run_leaves_nothing_in_the_temporary_folder", interrupted),
    ("what_a_guest_discards_the_host_gets_back", discarded),
    ("large_blank_disks_do_not_hold_a_script_up", large_disks),
    ("poweroff_after_a_disk_has_left_ends_well", left),
];

/// Tries all promises, each a test.
pub(super) fn promises(options: &Options, report: &mut Report) -> Result<Tally> {
    let named = |name: &str| options.filter.as_deref().is_none_or(|text| name.contains(text));
    let cases: Vec<_> = CASES.iter().filter(|(name, _)| named(name)).collect();
    if cases.is_empty() {
        return Ok(Tally::default());
    }
    // Build here, so that no case has to wait for a build.
    report.aside(|| Lab::open(options))?;
    report.aside(Program::build)?;
    let mut tally = Tally::default();
    for (name, case) in cases {
        let kept = Person::new(options, report.folder()).and_then(|person| case(&person));
        report
            .line(&format!("test run::{name} ... {}", if kept.is_ok() { "ok" } else { "FAILED" }));
        report.text(&kept.as_ref().err().map(|why| format!("{why:#}")).unwrap_or_default());
        tally += Tally::of(kept.is_ok());
    }
    Ok(tally)
}

fn first_failure(person: &Person) -> Result<()> {
    let [a, b] = [person.disk("a", 17)?, person.disk("b", 17)?];
    let texts =
        ["# tables end with the word behind <<END", "write vbd1 0 \"<<END\"", "# 'x' <<E\"\\"];
    let script = format!("{}\nflush nosuchdevice\nfill vbd0 0 512 255\n", texts.join("\n"));
    let ran = person.script(&script, &["--no-mirror", "--disk", &a, "--disk", &b])?;
    ran.ends_with_code(1)?;
    ran.told("line 4: `flush nosuchdevice` failed; the command after it was not run")?;
    ran.did_not_print("fill vbd0")
}

fn names(person: &Person) -> Result<()> {
    let mut script = String::new();
    for name in ["error", "failed", "done", "dmirror", "panic"] {
        script += &format!("dmsetup create {name} --table \"0 8 zero\"\nread {name} 0 1s\n");
    }
    script +=
        "dmsetup table\ndmsetup status\nwrite vbd0 0 \"error: dmirror> done\"\nread vbd0 0 1s\n";
    script += "dmsetup create t <<END\n\n# error: no\n0 8 error\nEND\ndisks\n";
    let ran = person.script(&script, &["--no-mirror", "--disk", &person.disk("a", 17)?])?;
    ran.ends_with_code(0)?;
    ran.printed("error: 4 KiB")?;
    ran.did_not_print("\u{1e}")?;
    // A failure is a failure, whatever its words are.
    let ran =
        person.script("dmsetup create error --table \"0 8 error\"\nread error 0 1s\n", &[])?;
    ran.ends_with_code(1)?;
    ran.told("line 2: `read error 0 1s` failed")
}

fn open_document(person: &Person) -> Result<()> {
    let text = "disks\ndmsetup create d <<END\n0 8 zero\n\ndisks\n";
    let opened = "line 2: `dmsetup create d <<END` opens a here-document";
    let ran = person.script(text, &[])?;
    ran.ends_with_code(1)?;
    ran.told(opened)?;
    ran.told_nothing_of("booting guest")?;
    // The end of typed input is not known before.
    let ran = person.types(text)?;
    ran.ends_with_code(1)?;
    ran.told(opened)?;
    ran.printed("the input ends before the line `END`")
}

fn refused(person: &Person) -> Result<()> {
    let disk = person.disk("a", 17)?;
    let folder = person.folder().display().to_string();
    let file = |name: &str, bytes: &[u8]| -> Result<String> {
        let file = person.folder().join(name);
        fs::write(&file, bytes)?;
        Ok(file.display().to_string())
    };
    let (binary, key) = (file("binary", b"disks\n\xff\n")?, file("key", b"disks\n\x04\n")?);
    let waiting = person.wait_at_prompt(&["--no-mirror", "--disk", &disk])?;
    let cases: &[(&[&str], &str)] = &[
        (&["--script", "nosuch"], "nosuch: no such file"),
        (&["--script", &folder], "that is a folder"),
        (&["--script", &binary], "line 2: that is no text in UTF-8"),
        (&["--script", &key], "line 2: the control character"),
        (&["--table", "nosuch"], "cannot read nosuch"),
        (&["--disk", "nosuch.img"], "no such file"),
        (&["--disk", &folder], "it is no file"),
        (&["--disk", &binary, "--disk", &binary], "is named twice"),
        (&["--disk", &disk], "in use by another program"),
    ];
    for (words, why) in cases {
        let ran = person.run(words)?;
        ran.ends_with_code(1)?;
        ran.told(why)?;
        ran.told_nothing_of("booting guest")?;
    }
    waiting.end()
}

fn two_guests(person: &Person) -> Result<()> {
    let [a, b] = [person.disk("a", 17)?, person.disk("b", 18)?];
    let first = person.wait_at_prompt(&["--no-mirror", "--disk", &a])?;
    let second = person.wait_at_prompt(&["--no-mirror", "--disk", &b])?;
    ensure!(first.number != second.number, "both are guest {}", first.number);
    let ask = |words: &[&str]| person.ask(words);
    let which = ask(&["disk", "list"])?;
    which.ends_with_code(1)?;
    for guest in [&first, &second] {
        which.told(&format!("guest {}: pid {}", guest.number, guest.pid()))?;
    }
    let (one, two) = (first.number.to_string(), second.number.to_string());
    for number in [&one, &two] {
        ask(&["disk", "list", "--guest", number])?.printed("vbd0: well")?;
    }
    ask(&["disk", "--guest", &one, "pull", "0"])?.printed("vbd0 is pulled")?;
    ask(&["disk", "list", "--guest", &one])?.printed("vbd0: pulled")?;
    ask(&["disk", "list", "--guest", &two])?.printed("vbd0: well")?;
    let size = ask(&["qmp", "query-block", "--guest", &two])?;
    size.printed(&format!("{}", 18_u64 << 20))?;
    // A guest that ends leaves the other's files alone.
    second.end()?;
    ask(&["disk", "list", "--guest", &one])?.printed("vbd0: pulled")?;
    ask(&["disk", "list", "--guest", &two])?.ends_with_code(1)?;
    first.end()
}

fn killed(person: &Person) -> Result<()> {
    let disk = person.disk("a", 17)?;
    let waiting = person.wait_at_prompt(&["--no-mirror", "--disk", &disk])?;
    let number = waiting.number.to_string();
    waiting.signal(Signal::KILL)?;
    person.ask(&["disk", "list", "--guest", &number])?.ends_with_code(1)?;
    let ran = person.script("disks\n", &["--no-mirror", "--disk", &disk])?;
    ran.ends_with_code(0)?;
    ensure!(person.left_in_temp()?.is_empty(), "left: {:?}", person.left_in_temp()?);
    Ok(())
}

fn interrupted(person: &Person) -> Result<()> {
    // A shell makes background programs ignore SIGINT, and so these tests.
    signals::let_children_hear()?;
    for (verb, signal) in [("demo", Signal::INT), ("soak", Signal::TERM)] {
        let busy = person.wait_until_busy(&[verb])?;
        busy.signal(signal).with_context(|| format!("{verb}, {signal:?}"))?;
        let left = person.left_in_temp()?;
        ensure!(left.is_empty(), "{verb}, {signal:?}: {left:?} are left");
    }
    let waiting = person.wait_at_prompt(&[])?;
    waiting.signal(Signal::TERM).context("run")?;
    let left = person.left_in_temp()?;
    ensure!(left.is_empty(), "run: {left:?} are left");
    Ok(())
}

fn discarded(person: &Person) -> Result<()> {
    let disk = person.disk("a", 17)?;
    let used = || -> Result<u64> { Ok(fs::metadata(&disk)?.blocks() * 512) };
    let run = |script: &str| person.script(script, &["--no-mirror", "--disk", &disk]);
    run("fill vbd0 0 8M 0x5a\n")?.ends_with_code(0)?;
    ensure!(used()? >= 8 << 20, "8 MiB were written, and {} bytes are there", used()?);
    run("discard vbd0 0 16M\nverify vbd0 0 16M 0\n")?.ends_with_code(0)?;
    ensure!(used()? < 1 << 20, "all was discarded, and {} bytes are there", used()?);
    Ok(())
}

fn large_disks(person: &Person) -> Result<()> {
    // Nothing is read from them or written to them.
    let [a, b] = ["a", "b"].map(|name| person.folder().join(name).display().to_string());
    for file in [&a, &b] {
        File::create(file)?.set_len(64 << 30)?;
    }
    let ran = person.script("disks\n", &["--disk", &a, "--disk", &b])?;
    ran.ends_with_code(0)?;
    ran.printed("disks of more than 4 GiB are not compared")?;
    let [c, d] = [person.disk("c", 17)?, person.disk("d", 17)?];
    let ran = person.script("disks\n", &["--no-mirror", "--disk", &c, "--disk", &d])?;
    ran.ends_with_code(0)?;
    ran.did_not_print("comparing")
}

fn left(person: &Person) -> Result<()> {
    for words in [&["--no-mirror"][..], &[]] {
        let [a, b] = [person.disk("a", 17)?, person.disk("b", 17)?];
        let disks = ["--disk", &a, "--disk", &b];
        let ran = person.script("slot eject 2 --force\npoweroff\n", &[words, &disks].concat())?;
        ran.ends_with_code(0)?;
        ran.did_not_print("error: ")?;
    }
    Ok(())
}
