//! What a page is told of a run: the shapes of the answers.
//!
//! Sectors are counted from the mirror's first one that clients use. A leg's lane has both
//! what is durable and what a read of the leg would see, where that is something else.

use serde::Serialize;

/// Runs that can be shown.
#[derive(Debug, Serialize)]
pub struct Scenario {
    /// Its name.
    pub id: &'static str,
    /// What it is.
    pub title: &'static str,
    /// How many legs there are.
    pub legs: usize,
    /// The sectors that clients use.
    pub sectors: u64,
    /// Sectors of a region.
    pub region: u64,
    /// The test whose runs these are.
    pub test: Option<&'static str>,
}

/// A run at a moment.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct State {
    pub path: Vec<u32>,
    pub step: usize,
    /// How much of the path each step begins behind.
    pub marks: Vec<usize>,
    /// What is to be decided next; none once the run is over.
    pub ask: Option<Question>,
    pub over: Option<&'static str>,
    pub violation: Option<Broken>,
    pub life: &'static str,
    pub why: String,
    pub boots: u32,
    pub generation: Option<String>,
    pub legs: Vec<Leg>,
    pub requests: Vec<Request>,
    pub user: Vec<UserOp>,
    pub oracle: Vec<Oracle>,
    pub left: Left,
    pub account: Vec<Line>,
}

/// A promise that was broken.
#[derive(Debug, Serialize)]
pub struct Broken {
    /// How that showed.
    pub text: String,
    /// The promise.
    pub promise: &'static str,
    /// The client's request whose end broke it, if it was one.
    pub request: Option<u32>,
}

/// What is to be decided.
#[derive(Debug, Serialize)]
pub struct Question {
    /// What it is about.
    pub what: String,
    /// The answers.
    pub options: Vec<Choice>,
}

/// An answer.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Choice {
    /// What it appends to the path.
    pub path: Vec<u32>,
    /// What kind of thing happens.
    pub kind: &'static str,
    /// The leg that it happens to.
    pub leg: Option<usize>,
    /// The leg's request that gets on.
    pub request: Option<usize>,
    /// In words.
    pub label: String,
}

/// What a sector holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stamp {
    /// The client's write that put it there.
    pub write: Option<u32>,
    /// In words.
    pub text: String,
}

/// A leg.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Leg {
    pub name: String,
    pub presence: &'static str,
    pub standing: &'static str,
    pub sectors: Vec<Twice<Stamp>>,
    pub regions: Vec<Twice<Mark>>,
    /// What the mirror itself thinks of each region and this leg.
    pub memory: Vec<Memory>,
    pub superblock: Twice<Option<Superblock>>,
    pub waiting: Vec<Waiting>,
    pub late: Vec<Late>,
}

/// What is durable, and what a read sees if that is something else.
#[derive(Debug, Serialize)]
pub struct Twice<T> {
    /// What is durable.
    pub media: T,
    /// What is not durable yet.
    pub cache: Option<T>,
}

impl<T: PartialEq> Twice<T> {
    /// Both, the second one left out if it says no more.
    pub fn of(media: T, seen: T) -> Twice<T> {
        let cache = (seen != media).then_some(seen);
        Twice { media, cache }
    }
}

/// A leg's own record of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Mark {
    /// Legs may differ there.
    pub dirty: bool,
    /// The members that missed something, by their numbers.
    pub missed: Vec<usize>,
}

/// What the mirror thinks of a region.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Memory {
    pub dirty: bool,
    pub missed: bool,
    pub unsettled: bool,
}

/// What a leg's superblock says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Superblock {
    pub generation: String,
    pub seq: u64,
    pub session: u64,
    /// Of each member by its number.
    pub members: Vec<&'static str>,
}

/// A request that waits in a leg.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Waiting {
    pub id: usize,
    pub cmd: &'static str,
    /// What of the leg it is about.
    pub what: &'static str,
    pub start: u64,
    pub count: u64,
    pub text: String,
    pub performed: bool,
}

/// A request that timed out, and that the leg still has.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Late {
    pub id: usize,
    pub text: String,
}

/// A request that the mirror has in hand.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Request {
    pub id: u32,
    pub own: bool,
    pub cmd: &'static str,
    pub start: u64,
    pub count: u64,
    pub phase: String,
    pub txs: Vec<Tx>,
}

/// A transaction of a group.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Tx {
    pub leg: usize,
    pub state: &'static str,
}

/// A request of a client's.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct UserOp {
    pub id: u32,
    pub cmd: &'static str,
    pub start: u64,
    pub count: u64,
    pub state: &'static str,
    pub text: String,
}

/// What the sector may hold.
#[derive(Debug, Serialize)]
pub struct Oracle {
    /// Which.
    pub sector: u64,
    /// What a read that begins now may answer.
    pub may: Vec<Stamp>,
    /// The same after a power cut at this moment.
    pub durable: Vec<Stamp>,
}

/// What may still go wrong.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "each is what the scenario calls so")]
pub struct Left {
    pub faults: u32,
    pub crashes: u32,
    pub stops: u32,
    pub returns: u32,
    pub acts: u32,
}

/// A line of what happened.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Line {
    pub step: usize,
    pub text: String,
}

/// What a search found.
#[derive(Debug, Serialize)]
pub struct Found {
    /// How many runs were made, ...
    pub runs: u64,
    /// ... and how many steps they had.
    pub steps: u64,
    /// The first run that broke a promise.
    pub found: Option<Breaking>,
}

/// A run that breaks a promise, made as short as could be.
#[derive(Debug, Serialize)]
pub struct Breaking {
    /// The seed that it was found by.
    pub seed: u64,
    /// All of it.
    pub path: Vec<u32>,
    /// The promise.
    pub violation: String,
    /// What happens in it.
    pub account: Vec<String>,
}
