//! Owns the table of nodes.

use crate::step::human;
use millstream_services::{Node, State};
use std::time::SystemTime;

const HEAD: [&str; 5] = ["node", "address", "pid", "state", "since"];

/// A line a node, columns aligned, without anything that only a terminal understands.
pub(super) fn draw(nodes: &[Node]) -> String {
    let now = SystemTime::now();
    let rows = nodes.iter().map(|node| {
        let pid = node.pid().filter(|_| node.state() != State::Stopped).map_or_else(|| "-".to_owned(), |pid| pid.to_string());
        let state = match node.state() {
            State::Running => "running",
            State::Paused => "paused",
            _ => "stopped",
        };
        let since = human(now.duration_since(node.since()).unwrap_or_default());
        [node.name().to_owned(), node.address().to_string(), pid, state.to_owned(), since]
    });
    aligned(std::iter::once(HEAD.map(str::to_owned)).chain(rows).collect())
}

fn aligned(rows: Vec<[String; 5]>) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    let line = |row: &[String; 5]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_stand_below_each_other() {
        let row = |cells: [&str; 5]| cells.map(str::to_owned);
        let text = aligned(vec![row(HEAD), row(["kafka-1", "127.0.0.1:20123", "7", "running", "1.00 s"])]);
        assert_eq!(text, "node     address          pid  state    since\nkafka-1  127.0.0.1:20123  7    running  1.00 s\n");
    }
}
