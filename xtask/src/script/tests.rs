//! What a script sends, and how it says where it stopped.

use super::*;

fn script(text: &str) -> Script {
    Script::whole("a.script", text).unwrap()
}

fn line(text: &str) -> Option<Next> {
    Some(Next::Line(text.to_owned()))
}

#[test]
fn a_script_gives_its_lines_then_poweroff() {
    let mut script = Script::new("standard input");
    script.push(b"disks\r\n \r\nsta");
    assert_eq!(script.next(Frame::Ready), line("disks"));
    assert_eq!(script.next(Frame::Done), None, "half a line is no line yet");
    script.push(b"tus m0");
    script.push(b"");
    assert_eq!(script.next(Frame::Done), line("status m0"));
    assert_eq!(script.next(Frame::Done), line("poweroff"));
    script.end(true);
    assert!(script.stopped().is_none());
}

#[test]
fn a_mirror_that_waits_for_a_word_is_a_failure_unless_the_word_follows() {
    for (text, goes_on) in [
        ("mirror assemble vbd0\n# without\nmirror start-degraded m0\n", true),
        ("mirror start m0\nmirror keep m0 1\n", true),
        ("mirror assemble vbd0\nmirror status\nmirror start-degraded m0\n", false),
        ("mirror assemble vbd0\n", false),
    ] {
        let mut script = script(text);
        script.next(Frame::Ready);
        let next = script.next(Frame::Asks);
        assert_eq!(next != line("poweroff"), goes_on, "{text}");
        assert_eq!(script.stopped().is_none(), goes_on, "{text}");
    }
    let mut read = Script::new("standard input");
    read.push(b"mirror assemble vbd0\n");
    read.next(Frame::Ready);
    assert_eq!(read.next(Frame::Asks), None, "the next line may be the word");
    read.push(b"mirror start-degraded m0\n");
    assert_eq!(read.next(Frame::Asks), line("mirror start-degraded m0"));
}

#[test]
fn nothing_is_sent_after_a_command_that_failed() {
    let mut script = script("# first\nflush m0\nflush m9\n\n# a note\nflush m0\ndisks\n");
    assert_eq!(script.next(Frame::Ready), line("# first"));
    assert_eq!(script.next(Frame::Done), line("flush m0"));
    assert_eq!(script.next(Frame::Done), line("flush m9"));
    assert_eq!(script.next(Frame::Failed), line("poweroff"));
    script.end(true);
    let stopped = script.stopped().unwrap();
    assert!(stopped.is_failure());
    assert_eq!(
        stopped.to_string(),
        "a.script, line 3: `flush m9` failed; the 2 commands after it were not run"
    );
}

#[test]
fn what_comes_behind_a_script_comes_also_if_it_fails() {
    for failed in [false, true] {
        let mut script = script("disks\nflush m0\n");
        script.end_with(vec!["trace off".into(), "trace dump".into()]);
        script.next(Frame::Ready);
        let first = script.next(if failed { Frame::Failed } else { Frame::Done });
        let second = if failed { "trace off" } else { "flush m0" };
        assert_eq!((first, script.is_over()), (line(second), failed));
        if !failed {
            assert_eq!(script.next(Frame::Done), line("trace off"));
        }
        assert_eq!(script.next(Frame::Done), line("trace dump"));
        assert_eq!(script.next(Frame::Failed), line("poweroff"));
        assert_eq!(script.stopped().is_some(), failed);
    }
}

#[test]
fn what_comes_before_a_script_stops_it_too() {
    let mut script = script("");
    script.begin_with(vec!["dmsetup create a".into()]);
    script.next(Frame::Ready);
    script.next(Frame::Failed);
    let stopped = script.stopped().unwrap().to_string();
    assert_eq!(stopped, "before a.script: `dmsetup create a` failed");
}

#[test]
fn a_command_that_the_guest_did_not_finish_is_named() {
    let mut script = script("panic\ndisks\n");
    script.next(Frame::Ready);
    script.end(false);
    assert_eq!(
        script.stopped().unwrap().to_string(),
        "a.script, line 1: `panic` did not end; the command after it was not run"
    );
}

#[test]
fn a_poweroff_of_the_scripts_own_is_no_failure() {
    let mut all = script("disks\npoweroff\n# that was it\n");
    all.next(Frame::Ready);
    all.next(Frame::Done);
    all.end(true);
    assert!(all.stopped().is_none());
    let mut early = script("poweroff\ndisks\n");
    early.next(Frame::Ready);
    early.end(true);
    let stopped = early.stopped().unwrap();
    assert!(!stopped.is_failure());
    assert_eq!(
        stopped.to_string(),
        "a.script, line 1: `poweroff` ended the guest; the command after it was not run"
    );
}

#[test]
fn the_console_decides_what_belongs_to_a_here_document() {
    let texts = ["# tables end with <<END", "write d 0 \"<<END\"", "x \\<<END", "x 'a' <<"];
    for text in texts {
        let mut script = script(&format!("{text}\nflush nosuchdevice\nEND\n"));
        assert_eq!(script.next(Frame::Ready), line(text));
        assert_eq!(script.next(Frame::Done), line("flush nosuchdevice"));
        assert_eq!(script.next(Frame::Failed), line("poweroff"));
        assert_eq!(script.stopped().unwrap().at.line, 2);
    }
}

#[test]
fn a_here_documents_lines_go_one_by_one_as_they_are() {
    let mut script = script("dmsetup create z0 <<END\n\n# 0 8 zero\n END\ndisks\n");
    assert_eq!(script.next(Frame::Ready), line("dmsetup create z0 <<END"));
    assert_eq!(script.next(Frame::More), line(""));
    assert_eq!(script.next(Frame::More), line("# 0 8 zero"));
    assert_eq!(script.next(Frame::More), line(" END"));
    assert_eq!(script.next(Frame::Failed), line("poweroff"));
    assert_eq!(
        script.stopped().unwrap().to_string(),
        "a.script, line 1: `dmsetup create z0 <<END` failed; the command after it was not run"
    );
}

#[test]
fn a_here_document_without_end_is_named_where_it_begins() {
    let mut script = Script::new("standard input");
    script.push(b"disks\nx <<END\n0 8 zero\n");
    script.next(Frame::Ready);
    script.next(Frame::Done);
    assert_eq!(script.next(Frame::More), line("0 8 zero"));
    assert_eq!(script.next(Frame::More), None);
    script.push(b"");
    assert_eq!(script.next(Frame::More), Some(Next::End));
    script.end(true);
    let stopped = script.stopped().unwrap();
    assert!(stopped.is_failure());
    assert_eq!(
        stopped.to_string(),
        "standard input, line 2: `x <<END` opens a here-document, and the script ends in it; \
         it was not run"
    );
}

#[test]
fn a_whole_script_that_ends_in_a_here_document_is_refused_where_it_begins() {
    let why = |text: &str| Script::whole("a.script", text).err().unwrap();
    for text in ["disks\nx <<END", "disks\n x <<END \n\ny <<E\nE\n"] {
        let opened = "a.script, line 2: `x <<END` opens a here-document";
        assert!(why(text).starts_with(opened), "{}", why(text));
    }
    assert!(why("x <<E # <<F\nF\n").contains("line 1: `x <<E # <<F` opens"));
    let whole = ["# <<END", "x '<<END'", "x \\<<END", "x <<", "a <<E\nx <<END\n E \n"];
    for text in whole {
        assert!(Script::whole("a.script", text).is_ok(), "{text}");
    }
}

#[test]
fn a_control_character_is_never_sent() {
    for key in ['\x03', '\x04', '\r', '\x1b', '\x7f', '\u{85}'] {
        let text = format!("disks\nwrite d 0 \"a{key}b\"\ndisks\n");
        let why = Script::whole("a.script", &text).err().unwrap();
        assert!(why.starts_with("a.script, line 2: the control character"), "{why}");
        let mut script = Script::new("standard input");
        script.push(text.as_bytes());
        script.next(Frame::Ready);
        assert_eq!(script.next(Frame::Done), line("poweroff"));
        assert!(script.stopped().unwrap().is_failure());
    }
    assert!(Script::whole("a.script", "write d 0 \"a\tb\"\r\n").is_ok());
}

#[test]
fn a_line_that_was_thrown_away_is_no_success() {
    let mut script = script("disks\ndisks\n");
    script.next(Frame::Ready);
    assert_eq!(script.next(Frame::Ready), line("poweroff"));
    assert!(script.stopped().unwrap().is_failure());
}
