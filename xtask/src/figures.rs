//! Figures in the kernel's reports.
//!
//! Place: the demo and the soak read `mirror status` with it.

/// The number in front of `words` in one of the lines.
pub(crate) fn number_before(lines: &[String], words: &str) -> Option<u64> {
    let line = lines.iter().find(|line| line.contains(words))?;
    line[..line.find(words)?].rsplit(' ').next()?.parse().ok()
}

/// How many chunks were copied to the legs, by the lines `leg N: ... copy WRITES/FLUSHES`.
pub(crate) fn copies(lines: &[String]) -> Option<u64> {
    let count = |line: &String| line.split(" copy ").nth(1)?.split('/').next()?.parse::<u64>().ok();
    let counts: Vec<u64> = lines.iter().filter_map(count).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::{copies, number_before};

    #[test]
    fn figures_are_read_from_the_report() {
        let report = [
            "regions: 126 of 1024 sectors; 33 dirty, 31 to be resynced; session 2",
            "leg 0: writes/flushes user 0/0 copy 0/3 intent 1/1",
            "leg 1: writes/flushes user 0/0 copy 132/3 intent 1/1; missed 2 regions",
        ]
        .map(String::from);
        assert_eq!(number_before(&report, " to be resynced"), Some(31));
        assert_eq!(number_before(&report, " of 1024 sectors"), Some(126));
        assert_eq!(copies(&report), Some(132));
        assert_eq!((number_before(&report, " hours"), copies(&[])), (None, None));
    }
}
