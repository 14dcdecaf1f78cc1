//! Figures in the kernel's reports.
//!
//! Place: the demo and the soak read `mirror status` with it.

/// The number in front of `words` in one of the lines.
pub(crate) fn number_before(lines: &[String], words: &str) -> Option<u64> {
    let line = lines.iter().find(|line| line.contains(words))?;
    line[..line.find(words)?].rsplit(' ').next()?.parse().ok()
}

/// How many chunks were copied to the legs: in the table of writes and flushes, the cells
/// `WRITES/FLUSHES` below `COPY`.
pub(crate) fn copies(lines: &[String]) -> Option<u64> {
    let head = lines.iter().position(|line| line.starts_with("WRITES/FLUSHES"))?;
    let column = lines[head].split_whitespace().skip(1).position(|word| word == "COPY")?;
    let cell = |line: &String| line.split_whitespace().nth(column)?.split_once('/')?.0.parse().ok();
    let counts: Vec<u64> = lines[head + 1..].iter().map_while(cell).collect();
    (!counts.is_empty()).then(|| counts.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::{copies, number_before};

    #[test]
    fn figures_are_read_from_the_report() {
        let report = [
            "regions: 126 of 512 KiB; 33 dirty, 31 to be resynced; session 2, generation 1",
            "WRITES/FLUSHES  LEG  USER   COPY  INTENT",
            "                  0   0/0    2/3     1/1",
            "                  1   0/0  132/3     1/1",
            "check: all 8 sectors; 0 differ, 0 cannot be read",
        ]
        .map(String::from);
        assert_eq!(number_before(&report, " to be resynced"), Some(31));
        assert_eq!(number_before(&report, " of 512 KiB"), Some(126));
        assert_eq!(copies(&report), Some(134));
        assert_eq!((number_before(&report, " hours"), copies(&[])), (None, None));
    }
}
