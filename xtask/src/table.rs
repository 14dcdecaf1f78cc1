//! A table of dmsetup's in a file, as the command that makes a device from it.
//!
//! The console takes one line, so the table's lines are joined by `\n`. Rule: the lines keep
//! their numbers, which the console's refusals name. A comment becomes an empty line.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// The longest line that the console takes (`shell::editor::LINE_BYTES_MAX`).
const LINE_BYTES_MAX: usize = 1024;

/// The command for `[NAME=]FILE`.
pub(crate) fn command(argument: &str) -> Result<String> {
    let (name, file) = match argument.split_once('=') {
        Some((name, file)) => (name.to_owned(), Path::new(file)),
        None => {
            let stem = Path::new(argument).file_stem().unwrap_or_default();
            (stem.to_string_lossy().into_owned(), Path::new(argument))
        }
    };
    let text = fs::read_to_string(file)
        .with_context(|| format!("--table {argument}: cannot read {}", file.display()))?;
    let command = create(&name, &text);
    ensure!(
        command.len() <= LINE_BYTES_MAX,
        "--table {argument}: {} bytes of command; the console takes lines of {LINE_BYTES_MAX}",
        command.len()
    );
    Ok(command)
}

fn create(name: &str, table: &str) -> String {
    let line = |line: &str| {
        let line = line.trim_end();
        let line = if line.trim_start().starts_with('#') { "" } else { line };
        line.replace('\\', "\\\\").replace('"', "\\\"").replace('\t', "\\t")
    };
    let lines: Vec<String> = table.trim_end().lines().map(line).collect();
    format!("dmsetup create {name} --table \"{}\"", lines.join("\\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_numbers_and_comments_are_left_out() {
        let table = "# two halves\n0 8 zero\n\n  # of nothing\n8\t8 \"odd\\word\"\n\n";
        assert_eq!(
            create("z0", table),
            r#"dmsetup create z0 --table "\n0 8 zero\n\n\n8\t8 \"odd\\word\"""#
        );
    }

    #[test]
    fn a_name_is_given_or_the_files() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("home.table");
        fs::write(&file, "0 8 zero\n").unwrap();
        let file = file.to_str().unwrap();
        assert!(command(file).unwrap().starts_with("dmsetup create home "));
        assert!(command(&format!("m1={file}")).unwrap().starts_with("dmsetup create m1 "));
        assert!(command("no/such.table").unwrap_err().to_string().contains("no/such.table"));
        fs::write(file, "0 8 zero\n".repeat(200)).unwrap();
        assert!(command(file).unwrap_err().to_string().contains("takes lines of 1024"));
    }
}
