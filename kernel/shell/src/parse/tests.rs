//! Right lines to their commands; wrong lines to their column, reason, advice.

use super::*;
use crate::load::{Load, Operation, Until};
use crate::{Dmsetup, Mirror, Pattern, Size, Span};
use alloc::string::{String, ToString};
use alloc::vec;

fn size(text: &str) -> Size {
    Size::parse(text).unwrap()
}

fn span(offset: &str, length: &str) -> Span {
    Span::new(size(offset), size(length)).unwrap()
}

fn command(line: &str) -> Command {
    parse(line).unwrap_or_else(|error| panic!("{line}: {error}")).expect("a command")
}

#[test]
fn every_example_parses_as_its_own_command() {
    for spec in COMMANDS {
        assert!(parse(spec.example).is_ok_and(|c| c.is_some()), "{}", spec.example);
        assert!(spec.example.starts_with(spec.name), "{}", spec.example);
    }
}

/// An example without its last words is an error that names the next word of the usage, or a
/// shorter correct command. So the parser requires every word that a usage line requires.
#[test]
fn every_shortened_example_is_refused_by_its_own_usage_or_right() {
    for spec in COMMANDS {
        let words = tokenize(spec.example).unwrap();
        for word in &words[spec.name.split(' ').count()..] {
            let cut: String = spec.example.chars().take(word.column - 1).collect();
            if let Err(error) = parse(&cut) {
                assert_eq!(error.next, spec.usage_line(), "{cut}");
                assert!(error.what.ends_with("is missing here"), "{cut}: {}", error.what);
            }
        }
    }
}

#[test]
fn names_are_unique_and_no_command_hides_another() {
    for (index, spec) in COMMANDS.iter().enumerate() {
        for other in &COMMANDS[index + 1..] {
            assert_ne!(spec.name, other.name);
            let alone = !spec.name.contains(' ') || !other.name.contains(' ');
            assert!(!alone || head(spec) != head(other), "{} hides {}", spec.name, other.name);
        }
    }
}

#[test]
fn blank_lines_and_comments_are_no_command() {
    for line in ["", "   ", "\t", "# help", "   # help"] {
        assert_eq!(parse(line), Ok(None), "{line:?}");
    }
}

#[test]
fn dmsetup_lines() {
    let name = || "m0".into();
    for (line, expected) in [
        (
            "dmsetup create m0 --table \"0 8 zero\\n8 8 error\"",
            Dmsetup::Create { name: name(), table: Some("0 8 zero\n8 8 error".into()) },
        ),
        ("dmsetup create --table '' m0", Dmsetup::Create { name: name(), table: Some("".into()) }),
        ("dmsetup create m0 --notable", Dmsetup::Create { name: name(), table: None }),
        ("dmsetup load m0 --table t", Dmsetup::Load { name: name(), table: "t".into() }),
        ("dmsetup reload m0 --table t", Dmsetup::Load { name: name(), table: "t".into() }),
        ("dmsetup clear m0", Dmsetup::Clear { name: name() }),
        ("dmsetup rename m0 m1", Dmsetup::Rename { name: name(), new: "m1".into() }),
        ("dmsetup wipe_table m0", Dmsetup::WipeTable { name: name() }),
        ("dmsetup suspend --noflush m0", Dmsetup::Suspend { name: name(), flush: false }),
        ("dmsetup suspend m0 --noflush", Dmsetup::Suspend { name: name(), flush: false }),
        ("dmsetup suspend m0", Dmsetup::Suspend { name: name(), flush: true }),
        ("dmsetup status", Dmsetup::Status { name: None, json: false }),
        ("dmsetup status --json m0", Dmsetup::Status { name: Some(name()), json: true }),
        ("dmsetup table", Dmsetup::Table { name: None, inactive: false, json: false }),
        (
            "dmsetup table --inactive m0 --json",
            Dmsetup::Table { name: Some(name()), inactive: true, json: true },
        ),
        ("dmsetup info", Dmsetup::Info { name: None, json: false }),
        ("dmsetup deps", Dmsetup::Deps { name: None }),
        ("dmsetup deps m0", Dmsetup::Deps { name: Some(name()) }),
        ("dmsetup ls # all", Dmsetup::List { tree: false, json: false }),
        ("dmsetup ls --tree", Dmsetup::List { tree: true, json: false }),
        ("dmsetup ls --json", Dmsetup::List { tree: false, json: true }),
        ("dmsetup wait m0", Dmsetup::Wait { name: name(), seen: None }),
        ("dmsetup wait m0 3", Dmsetup::Wait { name: name(), seen: Some(3) }),
        (
            "dmsetup message m0 8 set 'a b'",
            Dmsetup::Message { name: name(), sector: 8, words: vec!["set".into(), "a b".into()] },
        ),
    ] {
        assert_eq!(command(line), Command::Dmsetup(expected), "{line}");
    }
    assert_eq!(command("mirror fail m0 1"), Command::Mirror(Mirror::Fail { name: name(), leg: 1 }));
    assert_eq!(
        command("mirror label m0 vbd0 --region 1M vbd1 --force"),
        Command::Mirror(Mirror::Label {
            name: name(),
            disks: vec!["vbd0".into(), "vbd1".into()],
            force: true,
            region: Some(Size::parse("1M").unwrap()),
        })
    );
    for (line, latency, json) in [
        ("mirror status m0", false, false),
        ("mirror status --latency m0", true, false),
        ("mirror status m0 --json --latency", true, true),
    ] {
        let expected = Mirror::Status { name: Some(name()), latency, json };
        assert_eq!(command(line), Command::Mirror(expected), "{line}");
    }
    assert_eq!(command("mirror assemble"), Command::Mirror(Mirror::Assemble { disks: vec![] }));
    assert_eq!(command("mirror keep m0 1"), Command::Mirror(Mirror::Keep { name: name(), leg: 1 }));
}

#[test]
fn tables_may_follow_their_line() {
    let table = || "0 8 zero\n8 8 error\n".to_string();
    let with = |line| parse_with(line, Some(&table()));
    let create = Dmsetup::Create { name: "m0".into(), table: Some(table()) };
    for line in ["dmsetup create m0 <<END", "dmsetup create <<x m0"] {
        assert_eq!(with(line), Ok(Some(Command::Dmsetup(create.clone()))), "{line}");
    }
    let usage = |name: &str| COMMANDS.iter().find(|spec| spec.name == name).unwrap().usage_line();
    for (line, column, what, name) in [
        ("dmsetup load m0 <<A <<B", 21, "one here-document is enough", "dmsetup load"),
        (
            "dmsetup load m0 <<A --table x",
            17,
            "--table and <<END rule each other out",
            "dmsetup load",
        ),
        (
            "dmsetup create --notable m0 <<A",
            16,
            "<<END and --notable rule each other out",
            "dmsetup create",
        ),
        ("flush m0 <<A", 10, "flush takes no lines after it; quote `<<A` if it is text", "flush"),
        ("dmsetup load m0", 16, "--table TABLE is missing here", "dmsetup load"),
    ] {
        let error = with(line).unwrap_err();
        assert_eq!((error.column, error.what.as_str()), (column, what), "{line}");
        assert_eq!(error.next, usage(name), "{line}");
    }
    let error = parse("dmsetup load m0 <<A").unwrap_err();
    assert_eq!((error.column, error.what.as_str()), (17, "the lines up to `A` are missing"));
}

#[test]
fn data_lines() {
    let dev = || "vbd0".into();
    let write = |data: &[u8]| Command::Write { dev: dev(), offset: size("1s"), data: data.into() };
    for (line, expected) in [
        ("read vbd0 0x400", Command::Read { dev: dev(), offset: size("1K"), length: None }),
        (
            "read vbd0 0 2s",
            Command::Read { dev: dev(), offset: Size::ZERO, length: Some(size("1K")) },
        ),
        ("write vbd0 1s two words", write(b"two words")),
        ("write vbd0 1s 'two  words'", write(b"two  words")),
        ("write vbd0 1s \"--hex\"", write(b"--hex")),
        ("write vbd0 1s --hex dead BEEF", write(&[0xde, 0xad, 0xbe, 0xef])),
        ("write vbd0 --hex 1s 00", write(&[0])),
        (
            "fill vbd0 1M 4K seq",
            Command::Fill { dev: dev(), span: span("1M", "4K"), pattern: Pattern::Seq },
        ),
        (
            "verify vbd0 1M 4K 0xff",
            Command::Verify { dev: dev(), span: span("1M", "4K"), pattern: Pattern::Byte(255) },
        ),
        (
            "torture vbd0 1M 4K 100 7 --first 16",
            Command::Torture { dev: dev(), span: span("1M", "4K"), count: 100, seed: 7, first: 16 },
        ),
        ("compare vbd0 m0", Command::Compare { left: dev(), right: "m0".into(), span: None }),
        (
            "compare vbd0 m0 0 1G",
            Command::Compare { left: dev(), right: "m0".into(), span: Some(span("0", "1G")) },
        ),
        ("discard vbd0 0 8s", Command::Discard { dev: dev(), span: span("0", "4K") }),
        (
            "copy vbd0 m0",
            Command::Copy {
                source: dev(),
                target: "m0".into(),
                from: Size::ZERO,
                to: Size::ZERO,
                length: None,
            },
        ),
        (
            "copy --to 1M vbd0 --from 8s m0 2M",
            Command::Copy {
                source: dev(),
                target: "m0".into(),
                from: size("8s"),
                to: size("1M"),
                length: Some(size("2M")),
            },
        ),
        ("bench m0 read", Command::Bench { dev: "m0".into(), load: five_seconds(), json: false }),
        (
            "bench m0 mix --random --size 1M --depth 32 --requests 7 --flush-every 3 --at 1s \
             --length 8M --json",
            Command::Bench {
                dev: "m0".into(),
                load: Load {
                    operation: Operation::Mix,
                    random: true,
                    size: size("1M"),
                    depth: 32,
                    until: Until::Requests(7),
                    flush_every: Some(3),
                    offset: size("1s"),
                    length: Some(size("8M")),
                },
                json: true,
            },
        ),
        ("log DEBUG", Command::Log { level: log::LevelFilter::Debug }),
    ] {
        assert_eq!(command(line), expected, "{line}");
    }
}

/// The default load of `bench`.
fn five_seconds() -> Load {
    Load {
        operation: Operation::Read,
        random: false,
        size: size("4K"),
        depth: 8,
        until: Until::Seconds(5),
        flush_every: None,
        offset: Size::ZERO,
        length: None,
    }
}

#[test]
fn help_topics() {
    assert_eq!(command("help"), Command::Help { topic: None });
    for topic in ["read", "dmsetup", "dmsetup create", "panic"] {
        let line = format!("help  {topic}");
        assert_eq!(command(&line), Command::Help { topic: Some(topic.into()) });
    }
}

/// Wrong lines: the column, what is wrong, and what to do next.
#[test]
fn wrong_lines_say_where_what_and_what_next() {
    let usage = |name: &str| {
        COMMANDS.iter().find(|spec| spec.name == name).expect("a command's name").usage_line()
    };
    let dmsetup = "dmsetup takes one of: create, load, clear, remove, remove_all, rename, \
                   wipe_table, ls, info, deps, table, status, targets, suspend, resume, message, wait";
    let listed = |near: &str| format!("did you mean `{near}`? help lists the commands");
    let help = || String::from("help lists the commands");
    for (line, column, what, next) in [
        // The words themselves.
        (
            "read 'vbd0 0",
            6,
            "this ' has no closing '",
            "close it, or write \\' for the character itself".into(),
        ),
        (
            "write a 0 \"x\\z\"",
            13,
            "\\z is no escape between double quotes",
            "the escapes are \\\\ \\\" \\n \\t; between single quotes there are none".into(),
        ),
        ("disks \\", 7, "nothing follows this backslash", "write \\\\ for a backslash".into()),
        (
            "read vb\u{fffd}0 0",
            8,
            "a character here is damaged or unprintable",
            "type the line again; write --hex takes any bytes".into(),
        ),
        // The command.
        ("raed vbd0 0", 1, "`raed` is no command", listed("read")),
        ("HELP", 1, "`HELP` is no command", listed("help")),
        ("exit", 1, "`exit` is no command", listed("poweroff")),
        ("lsblk", 1, "`lsblk` is no command", listed("disks")),
        ("powerof", 1, "`powerof` is no command", listed("poweroff")),
        ("create m0", 1, "`create` is no command", listed("dmsetup create")),
        ("  dmsteup ls", 3, "`dmsteup` is no command", listed("dmsetup")),
        ("xyzzy", 1, "`xyzzy` is no command", help()),
        ("''", 1, "`` is no command", help()),
        ("x\u{2028}y", 1, "`x` is no command", help()),
        ("\"a\\tb\"", 1, "`a\\tb` is no command", help()),
        (
            "0123456789012345678901234567890123456789",
            1,
            "`01234567890123456789012345678901...` is no command",
            help(),
        ),
        ("dmsetup", 8, "dmsetup does nothing by itself", dmsetup.into()),
        ("dmsetup  # x", 8, "dmsetup does nothing by itself", dmsetup.into()),
        (
            "dmsetup craete m0",
            9,
            "dmsetup knows no `craete`",
            format!("did you mean `dmsetup create`? {dmsetup}"),
        ),
        ("dmsetup frobnicate", 9, "dmsetup knows no `frobnicate`", dmsetup.into()),
        (
            "mirror stats",
            8,
            "mirror knows no `stats`",
            "did you mean `mirror status`? mirror takes one of: label, assemble, start, \
             start-degraded, keep, stop, status, wait, fail, add, replace, rebuild, remove, \
             forget, examine, policy, write-mostly, rate, check, repair, idle"
                .into(),
        ),
        ("help raed", 6, "`raed` is no command", listed("read")),
        ("help dmsetup creat", 6, "`dmsetup creat` is no command", listed("dmsetup create")),
        ("bench m0 trim", 10, "`trim` is none of: read write mix", usage("bench")),
        (
            "bench m0 read --depth 0",
            23,
            "--depth is zero, so there is nothing to do",
            usage("bench"),
        ),
        (
            "bench m0 read --requests 1 --seconds 1",
            38,
            "--requests says already when it ends",
            usage("bench"),
        ),
        // Missing, superfluous and unknown words.
        ("read", 5, "DEV is missing here", usage("read")),
        ("read vbd0", 10, "OFFSET is missing here", usage("read")),
        ("read vbd0 0 1s 2s", 16, "`2s` is one word too many", usage("read")),
        ("disks all", 7, "`all` is one word too many", usage("disks")),
        ("compare vbd0 vbd1 0", 20, "LENGTH is missing here", usage("compare")),
        ("write vbd0 0", 13, "DATA is missing here", usage("write")),
        ("dmsetup create m0", 18, "--table TABLE is missing here", usage("dmsetup create")),
        ("dmsetup create m0 --table", 26, "TABLE is missing here", usage("dmsetup create")),
        (
            "dmsetup create --table --noflush m0",
            23,
            "TABLE is missing here",
            usage("dmsetup create"),
        ),
        (
            "dmsetup create m0 --table 0 8 zero",
            29,
            "`8` is one word too many",
            usage("dmsetup create"),
        ),
        (
            "dmsetup create m0 --table a --table b",
            29,
            "--table is given twice",
            usage("dmsetup create"),
        ),
        (
            "dmsetup remove --force m0",
            16,
            "`--force` is no option of dmsetup remove",
            usage("dmsetup remove"),
        ),
        ("dmsetup message m0 0", 21, "WORD is missing here", usage("dmsetup message")),
        ("copy vbd0 m0 --from", 20, "OFFSET is missing here", usage("copy")),
        (
            "dmsetup remove ''",
            16,
            "`` is no name: it is empty or has spaces",
            usage("dmsetup remove"),
        ),
        (
            "flush 'vbd0 vbd1'",
            7,
            "`vbd0 vbd1` is no name: it is empty or has spaces",
            usage("flush"),
        ),
        // Sizes and numbers.
        ("read vbd0 x", 11, "`x` is no size: digits, then nothing, s, K, M or G", usage("read")),
        (
            "read vbd0 -512",
            11,
            "`-512` is no size: digits, then nothing, s, K, M or G",
            usage("read"),
        ),
        (
            "read vbd0 1T",
            11,
            "`1T` ends in 'T', which is no unit: s (sectors), K, M or G",
            usage("read"),
        ),
        (
            "read vbd0 100",
            11,
            "`100` is no whole number of sectors: 0s is 0, 1s is 512 bytes",
            usage("read"),
        ),
        ("read vbd0 0 0", 13, "LENGTH is zero, so there is nothing to do", usage("read")),
        (
            "read vbd0 18446744073709551616",
            11,
            "`18446744073709551616` is more than 2^64 bytes",
            usage("read"),
        ),
        (
            "read vbd0 18446744073709551104 1s",
            32,
            "offset and length together are more than 2^64 bytes",
            usage("read"),
        ),
        (
            "fill vbd0 1s 18446744073709551104 seq",
            14,
            "offset and length together are more than 2^64 bytes",
            usage("fill"),
        ),
        (
            "copy vbd0 m0 1s --to 18446744073709551104",
            14,
            "offset and length together are more than 2^64 bytes",
            usage("copy"),
        ),
        (
            "copy vbd0 m0 1s --from 18446744073709551104",
            14,
            "offset and length together are more than 2^64 bytes",
            usage("copy"),
        ),
        (
            "write vbd0 18446744073709551104 x",
            33,
            "offset and length together are more than 2^64 bytes",
            usage("write"),
        ),
        ("discard vbd0 0 0s", 16, "LENGTH is zero, so there is nothing to do", usage("discard")),
        ("mirror fail m0 one", 16, "`one` is no number", usage("mirror fail")),
        ("mirror fail m0 -1", 16, "`-1` is no number", usage("mirror fail")),
        ("dmsetup message m0 8s x", 20, "`8s` is no number", usage("dmsetup message")),
        // Data, patterns, levels.
        ("write vbd0 0 ''", 14, "DATA is empty, so there is nothing to do", usage("write")),
        ("write vbd0 0 --hex ''", 20, "DATA is empty, so there is nothing to do", usage("write")),
        ("write vbd0 0 --hex 00 abc", 23, "`abc` is no hex: pairs of 0-9 and a-f", usage("write")),
        ("write vbd0 0 --hex zz", 20, "`zz` is no hex: pairs of 0-9 and a-f", usage("write")),
        (
            "fill vbd0 0 1s 256",
            16,
            "`256` is no pattern: a byte (0 to 255, or 0x00 to 0xff), seq, or random=SEED",
            usage("fill"),
        ),
        (
            "verify vbd0 0 1s random=",
            18,
            "`random=` is no pattern: a byte (0 to 255, or 0x00 to 0xff), seq, or random=SEED",
            usage("verify"),
        ),
        ("log loud", 5, "`loud` is no level: one of off error warn info debug trace", usage("log")),
    ] {
        let error = ParseError { column, what: what.into(), next };
        assert_eq!(parse(line), Err(error), "{line}");
    }
}
