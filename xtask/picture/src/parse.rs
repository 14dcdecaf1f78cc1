//! The lines of a trace: `trace NANOSECONDS LAYER WHO WHAT KEY=VALUE...`.

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// When, in nanoseconds.
    pub at: u64,
    /// `mirror`, `disk`, `interrupt` or `thread`.
    pub layer: String,
    /// A device, or `cpu`.
    pub who: String,
    /// What happened.
    pub what: String,
    fields: Vec<(String, String)>,
}

impl Event {
    /// The value of a key; empty if it has none.
    pub fn get(&self, key: &str) -> &str {
        let found = self.fields.iter().find(|(it, _)| it == key);
        found.map_or("", |(_, value)| value)
    }

    /// The value as a number; 0 if it is none.
    pub fn number(&self, key: &str) -> u64 {
        self.get(key).parse().unwrap_or(0)
    }
}

/// The events of a trace, in order; other lines are passed over. Time never goes back: what was
/// recorded behind something is not before it.
pub fn parse(text: &str) -> Vec<Event> {
    let mut now = 0;
    let events = text.lines().filter_map(line);
    events
        .map(|event| {
            now = now.max(event.at);
            Event { at: now, ..event }
        })
        .collect()
}

fn line(line: &str) -> Option<Event> {
    let mut words = line.trim().strip_prefix("trace ")?.split_whitespace();
    let at = words.next()?.parse().ok()?;
    let [layer, who, what] = [words.next()?, words.next()?, words.next()?].map(String::from);
    let field = |word: &str| word.split_once('=').map(|(key, value)| (key.into(), value.into()));
    Some(Event { at, layer, who, what, fields: words.filter_map(field).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_lines_are_passed_over_and_time_does_not_go_back() {
        let events = parse(
            "dmirror> trace dump\r\ntrace 20 disk vbd0 submitted cmd=read at=8 count=1\r\n\
             trace 10 thread cpu switch to=3 name=dm-worker\ntrace: 2 of 2 records, 0 lost\n",
        );
        assert_eq!(events.len(), 2);
        assert_eq!((events[0].get("cmd"), events[0].number("at")), ("read", 8));
        assert_eq!(
            (events[1].at, events[1].get("name"), events[1].get("no")),
            (20, "dm-worker", "")
        );
    }
}
