//! What each message is answered in each life: the table that the manual has too.
//!
//! Place: `by_message/mod.rs` compares it with what the mirror says.

use super::lives::Life;

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// It is done, or begun.
    Done,
    /// It is refused with a reason, and changes nothing.
    Refused,
    /// Either; if it is begun, it comes to an end.
    Either,
}

/// The lives, as the columns of the table.
pub const LIVES: [(&str, Life); 18] = [
    ("pr", Life::Probing),
    ("o1", Life::Opening),
    ("o2", Life::OpeningTwice),
    ("he", Life::Healthy),
    ("de", Life::Degraded),
    ("rt", Life::Returning),
    ("rb", Life::Rebuilding),
    ("ch", Life::Checking),
    ("cl", Life::Cleaning),
    ("s1", Life::Stopping),
    ("s2", Life::Closing),
    ("st", Life::Stopped),
    ("ne", Life::New),
    ("hm", Life::Held),
    ("hf", Life::HeldAfterFailure),
    ("re", Life::Refused),
    ("hs", Life::HeldStopped),
    ("rs", Life::RefusedStopped),
];

/// `+` is done, `-` is refused, `?` may be either.
const TABLE: &str = "
message              pr o1 o2 he cl de rt rb ch s1 s2 st ne hm hf re hs rs
show                 +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +
read_policy prefer=1 +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +
write_mostly 1 on    +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +
sync_rate none,none  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +  +
fail 0               -  +  +  +  +  -  -  -  +  -  -  -  -  -  -  -  -  -
fail 1               -  +  +  +  +  +  +  +  +  -  -  -  -  -  -  -  -  -
add 1                -  -  -  -  -  +  -  -  -  -  -  -  -  -  -  -  -  -
add 1 force          -  -  -  -  -  +  -  -  -  -  -  -  -  -  -  -  -  -
forget 1             -  -  -  -  -  +  -  -  -  -  -  -  -  -  -  -  -  -
replace 0 1          -  -  -  -  -  +  -  -  -  -  -  -  -  -  -  -  -  -
check                -  -  -  +  +  -  -  -  -  -  -  -  -  -  -  -  -  -
repair               -  -  -  +  +  -  -  -  -  -  -  -  -  -  -  -  -  -
idle                 -  -  -  -  -  -  -  -  +  ?  ?  -  -  -  -  -  -  -
start_degraded       -  -  -  -  -  -  -  -  -  -  -  -  -  +  ?  -  -  -
keep 0               -  -  -  -  -  -  -  -  -  -  -  -  -  ?  ?  +  -  -
keep 1               -  -  -  -  -  -  -  -  -  -  -  -  -  ?  ?  +  -  -
";

fn rows() -> impl Iterator<Item = (&'static str, Vec<&'static str>)> {
    let lines = TABLE.lines().filter(|line| !line.is_empty());
    lines.map(|line| {
        let (message, cells) = line.split_at(21);
        (message.trim(), cells.split_whitespace().collect())
    })
}

/// Every message.
pub fn messages() -> impl Iterator<Item = &'static str> {
    rows().skip(1).map(|(message, _)| message)
}

/// What becomes of this message in this life.
pub fn answer(life: Life, message: &str) -> Answer {
    let name = LIVES.iter().find(|(_, it)| *it == life).expect("each life has a column").0;
    let (_, columns) = rows().next().expect("a head");
    let column = columns.iter().position(|it| *it == name).expect("the head names it");
    let (_, cells) = rows().skip(1).find(|(it, _)| *it == message).expect("a row");
    assert_eq!(cells.len(), columns.len(), "{message}");
    match cells[column] {
        "+" => Answer::Done,
        "-" => Answer::Refused,
        "?" => Answer::Either,
        other => panic!("`{other}` in the table"),
    }
}
