//! How long requests took, in words, in bars, and for programs.
//!
//! Place: `bench` shows the times that it measured, `mirror status` those that a mirror keeps
//! of its legs.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use bio::POWERS;
use bio::histogram::LogLinear;
use dm_mirror::report::{KINDS, Report, Times};
use shell::format::{Align, Latency, Table};
use shell::json::{Value, json};
use shell::plot;

/// For a person: the times that most requests took, that few took, and the longest.
pub fn words<const B: u32, const N: usize>(times: &LogLinear<B, N>) -> String {
    let [p50, p99, p999, max] = figures(times);
    format!("p50 {p50}, p99 {p99}, p99.9 {p999}, at most {max}")
}

fn figures<const B: u32, const N: usize>(times: &LogLinear<B, N>) -> [Latency; 4] {
    let [p50, p99, p999] = [500, 990, 999].map(|permille| times.quantile(permille));
    [p50, p99, p999, times.max()].map(Latency)
}

/// For a program: in nanoseconds; null if there was no request.
pub fn json<const B: u32, const N: usize>(times: &LogLinear<B, N>) -> Value {
    if times.count() == 0 {
        return Value::Null;
    }
    json!({
        "mean": nanos(times.mean()),
        "p50": nanos(times.quantile(500)),
        "p99": nanos(times.quantile(990)),
        "p999": nanos(times.quantile(999)),
        "max": nanos(times.max()),
    })
}

/// A time for a program.
pub fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

/// How long a leg took, by kind of request: as above, with the count, and a histogram by powers
/// of two. Each entry counts requests that took from `n` nanoseconds to just below twice that.
pub fn leg_json(times: &Times, leg: usize) -> Value {
    let mut kinds = json!({});
    for (kind, name) in KINDS {
        let of = times.of(leg, kind);
        kinds[name] = json(of);
        if of.count() > 0 {
            let powers = of.powers().into_iter().enumerate().filter(|(_, count)| *count > 0);
            let power = |(power, count)| json!({ "from": 1_u64 << power, "count": count });
            kinds[name]["count"] = json!(of.count());
            kinds[name]["powers_of_two"] = powers.map(power).collect();
        }
    }
    kinds
}

/// How long each leg of a mirror took: a table, and bars for each kind of request.
pub fn legs(report: &Report, times: &Times) -> String {
    let asked = |kind| (0..times.legs()).filter(move |leg| times.of(*leg, kind).count() > 0);
    if KINDS.iter().all(|(kind, _)| asked(*kind).next().is_none()) {
        return "no leg has answered a request yet\n".into();
    }
    use Align::{Left, Right};
    let mut table = Table::new([
        ("REQUEST", Left),
        ("LEG", Right),
        ("DEVICE", Left),
        ("COUNT", Right),
        ("P50", Right),
        ("P99", Right),
        ("P99.9", Right),
        ("MAX", Right),
    ]);
    let device = |leg: usize| report.legs[leg].device.to_string();
    for (kind, name) in KINDS {
        for leg in asked(kind) {
            let of = times.of(leg, kind);
            let [p50, p99, p999, max] = figures(of).map(|it| it.to_string());
            let (leg_name, count) = (leg.to_string(), of.count().to_string());
            table.row([name.into(), leg_name, device(leg), count, p50, p99, p999, max]);
        }
    }
    let from: Vec<String> = (0..POWERS).map(power).collect();
    let mut text = table.to_string();
    for (kind, name) in KINDS {
        let column = |leg: usize| {
            let powers = times.of(leg, kind).powers();
            (format!("leg {leg} {}", device(leg)), powers.into())
        };
        let columns: Vec<(String, Vec<u64>)> = asked(kind).map(column).collect();
        if !columns.is_empty() {
            text += &format!("\n{}", plot::bars((&format!("{name} from"), &from), &columns));
        }
    }
    text
}

/// 2^`power` ns.
fn power(power: usize) -> String {
    Latency(Duration::from_nanos(1 << power)).to_string()
}
