//! Owns what a good report of the main job (`--report json`) looks like. Leaves making it to the example.

use serde_json::Value;
use std::fmt::Write;

/// Ticks in the data that the example brings along.
const TICKS: u64 = 9_500;

/// What the example plants at least, so that finding nothing is never taken for all being well.
const LEAST: [(&str, u64); 3] = [("deduplicated", 300), ("retried", 100), ("dead_lettered", 5)];

/// The report in what the job printed.
///
/// # Errors
/// If that is not one JSON object.
pub(crate) fn parse(printed: &str) -> Result<Value, String> {
    match serde_json::from_str(printed) {
        Ok(report @ Value::Object(_)) => Ok(report),
        Ok(_) => Err(format!("the report is not a JSON object:\n{printed}")),
        Err(error) => Err(format!("the report is not JSON ({error}); the job printed {} bytes:\n{printed}", printed.len())),
    }
}

/// Checks a report. Answers it in one line.
///
/// # Errors
/// With everything that is wrong with it, and the report itself.
pub(crate) fn check(report: &Value) -> Result<String, String> {
    let mut wrong = Vec::new();
    for (name, expected) in [("ticks", TICKS), ("lost", 0), ("doubled", 0)] {
        match report[name].as_u64() {
            Some(found) if found == expected => {}
            _ => wrong.push(format!("`{name}` is {}, not {expected}", report[name])),
        }
    }
    if report["oracle_equal"] != true {
        wrong.push(format!("`oracle_equal` is {}, not true", report["oracle_equal"]));
    }
    let topics = report["topics"].as_array().map_or(&[][..], Vec::as_slice);
    if topics.is_empty() {
        wrong.push("`topics` lists none".to_owned());
    }
    for topic in topics.iter().filter(|topic| topic["lost"] != 0) {
        wrong.push(format!("topic {} lost {}", topic["topic"], topic["lost"]));
    }
    let mut line = format!("trading: {TICKS} ticks, none lost or doubled, equal to the oracle");
    for (column, least) in LEAST {
        let found: u64 = topics.iter().filter_map(|topic| topic[column].as_u64()).sum();
        if found < least {
            wrong.push(format!("`{column}` sums up to {found} over all topics, and at least {least} are planted"));
        }
        // Writing to a string cannot fail.
        let _ = write!(line, ", {found} {}", column.replace('_', " "));
    }
    if wrong.is_empty() {
        return Ok(line);
    }
    let pretty = serde_json::to_string_pretty(report).unwrap_or_default();
    Err(format!("{pretty}\n\nthe report is wrong:\n- {}", wrong.join("\n- ")))
}

/// The report without what may differ between two runs of one seed.
pub(crate) fn timeless(mut report: Value) -> Value {
    strip(&mut report);
    report
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| name != "seconds" && name != "records_per_second");
            fields.values_mut().for_each(strip);
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The paths at which two reports differ, with both values.
pub(crate) fn differences(one: &Value, other: &Value) -> Vec<String> {
    let mut found = Vec::new();
    compare("report", one, other, &mut found);
    found
}

fn compare(at: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(left), Value::Object(right)) => {
            for name in left.keys().chain(right.keys().filter(|name| !left.contains_key(*name))) {
                compare(&format!("{at}.{name}"), &one[name], &other[name], found);
            }
        }
        (Value::Array(left), Value::Array(right)) if left.len() == right.len() => {
            for (n, (one, other)) in left.iter().zip(right).enumerate() {
                compare(&format!("{at}[{n}]"), one, other, found);
            }
        }
        _ if one == other => {}
        _ => found.push(format!("{at}: {one} and {other}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn good() -> Value {
        json!({
            "ticks": 9500, "lost": 0, "doubled": 0, "oracle_equal": true, "seconds": 1.5, "records_per_second": 70_000.0,
            "topics": [
                { "topic": "market.ticks", "deduplicated": 250, "retried": 60, "dead_lettered": 5, "lost": 0 },
                { "topic": "paper.orders.submitted", "deduplicated": 60, "retried": 50, "dead_lettered": 0, "lost": 0 },
            ],
        })
    }

    #[test]
    fn a_good_report_is_told_in_one_line() {
        let line = check(&good()).expect("it is good");
        assert!(line.ends_with("310 deduplicated, 110 retried, 5 dead lettered"), "{line}");
    }

    #[test]
    fn anything_wrong_or_missing_is_named() {
        let broken = [
            ("/ticks", json!(9499), "`ticks` is 9499, not 9500"),
            ("/lost", json!(1), "`lost` is 1, not 0"),
            ("/doubled", json!(null), "`doubled` is null, not 0"),
            ("/oracle_equal", json!(false), "`oracle_equal` is false"),
            ("/topics", json!([]), "`topics` lists none"),
            ("/topics/0/lost", json!(2), r#"topic "market.ticks" lost 2"#),
            ("/topics/0/deduplicated", json!(239), "`deduplicated` sums up to 299"),
            ("/topics/0/retried", json!(49), "`retried` sums up to 99"),
            ("/topics/0/dead_lettered", json!(4), "`dead_lettered` sums up to 4"),
        ];
        for (path, value, complaint) in broken {
            let mut report = good();
            *report.pointer_mut(path).expect("the path exists") = value;
            let why = check(&report).expect_err(path);
            assert!(why.contains(complaint), "{why}");
        }
    }

    #[test]
    fn what_is_not_a_report_is_shown() {
        for printed in ["", "panicked", "[]"] {
            assert!(parse(printed).expect_err("no report").contains(printed));
        }
    }

    #[test]
    fn two_runs_differ_in_their_times_only() {
        let (one, mut other) = (good(), good());
        other["seconds"] = json!(9.0);
        other["topics"][0]["records_per_second"] = json!(1.0);
        assert_eq!(differences(&timeless(one.clone()), &timeless(other.clone())), Vec::<String>::new());
        other["topics"][1]["retried"] = json!(51);
        other["more"] = json!(1);
        let found = differences(&timeless(one), &timeless(other));
        assert_eq!(found, ["report.topics[1].retried: 50 and 51", "report.more: null and 1"]);
    }
}
