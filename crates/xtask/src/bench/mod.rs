//! Owns `bench quick`: which scenarios, which sizes, what is written. Leaves counting to `valgrind`, facts about the machine to
//! `machine`, budgets and the table to `table`.

mod machine;
mod table;
mod valgrind;

use crate::step::{Step, human, root};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Instant;
use table::Row;

/// The two sizes whose difference is counted, so that start-up cancels. Both fill the scenarios' window of 114,688 ids, so
/// that growing it cancels too.
const SIZES: [u32; 2] = [131_072, 262_144];

/// Records of one round on the clock: a few tens of milliseconds.
const TIMED: u32 = 500_000;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    suite: Suite,
}

#[derive(clap::Subcommand)]
enum Suite {
    /// In memory, in a minute or two: the gate
    Quick(Quick),
}

#[derive(clap::Args)]
struct Quick {
    /// Only these scenarios; those that the quick suite leaves out can be named too
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<String>,

    /// Rounds on the clock, the scenarios taking turns; the median is shown
    #[arg(long, default_value_t = 7)]
    rounds: u32,
}

/// Runs a suite.
///
/// # Errors
/// If something cannot be run, or a budget is missed or could not be measured.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let Suite::Quick(quick) = &arguments.suite;
    quick.run()
}

/// The built bench binary and where its results go.
struct Bench {
    program: String,
    folder: PathBuf,
}

impl Quick {
    fn run(&self) -> Result<(), String> {
        let start = Instant::now();
        let bench = Bench::build()?;
        let mut rows = self.chosen(&bench)?;
        let counts = valgrind::version();
        if let Ok(version) = &counts {
            for row in &mut rows {
                println!("\n── {}: instructions and allocations ({version}) ──", row.scenario);
                row.instructions = Some(valgrind::instructions(&bench, &row.scenario)?);
                row.allocations = Some(valgrind::allocations(&bench, &row.scenario)?);
            }
        }
        println!("\n── records a second, {} rounds of {TIMED} ──", self.rounds);
        for round in 0..self.rounds.max(1) {
            for row in &mut rows {
                row.rates.push(bench.rate(&row.scenario, round == 0)?);
            }
        }
        let written = bench.write(&rows, self.rounds)?;
        println!("\n{}", table::draw(&rows));
        println!("raw figures: {written}");
        let missed = table::missed(&rows);
        for row in rows.iter().filter(|row| missed.iter().any(|line| line.starts_with(&row.scenario))) {
            println!("profile: callgrind_annotate {}", bench.file(&format!("{}.{}.callgrind", row.scenario, SIZES[1])));
        }
        if let Err(why) = counts {
            return Err(format!("{why}\n\nbench: NOT MEASURED, records a second alone decide nothing"));
        }
        if !missed.is_empty() {
            return Err(format!("bench: MISSED\n- {}", missed.join("\n- ")));
        }
        println!("bench: within every budget, in {}", human(start.elapsed()));
        Ok(())
    }

    /// The named scenarios, or the quick ones.
    fn chosen(&self, bench: &Bench) -> Result<Vec<Row>, String> {
        let list = Step::program(&bench.program, &["--list"]).silent()?.stdout;
        let known = list.lines().map(json_line).collect::<Result<Vec<_>, _>>()?;
        let wanted = |one: &Value| match &self.scenario[..] {
            [] => one["quick"] == true,
            names => names.iter().any(|name| one["scenario"] == name.as_str()),
        };
        let rows: Vec<Row> = known.iter().filter(|one| wanted(one)).map(Row::new).collect();
        if let Some(unknown) = self.scenario.iter().find(|name| rows.iter().all(|row| row.scenario != **name)) {
            let names: Vec<_> = known.iter().filter_map(|one| one["scenario"].as_str()).collect();
            return Err(format!("there is no scenario `{unknown}`, only {}", names.join(", ")));
        }
        Ok(rows)
    }
}

impl Bench {
    fn build() -> Result<Self, String> {
        // Debug lines cost nothing at run time and let a profile name its places.
        let lines = ["--config", r#"profile.release.debug="line-tables-only""#];
        let build = ["build", "--release", "--package", "millstream-benches"];
        Step::cargo(&[&build[..], &lines[..]].concat()).run()?;
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
        let program = target.join("release").join(format!("millstream-bench{}", std::env::consts::EXE_SUFFIX));
        let folder = target.join("bench");
        std::fs::create_dir_all(root().join(&folder)).map_err(|error| format!("{}: {error}", folder.display()))?;
        Ok(Bench { program: format!("./{}", program.display()).replace(".//", "/"), folder })
    }

    /// A file among the results, as the repository's root sees it.
    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn rate(&self, scenario: &str, shown: bool) -> Result<f64, String> {
        let records = TIMED.to_string();
        let run = Step::program(&self.program, &["--scenario", scenario, "--records", &records, "--warm"]);
        let printed = if shown { run.output()? } else { run.silent()? }.stdout;
        let rate = json_line(printed.trim())?["records_per_second"].as_f64();
        rate.ok_or_else(|| format!("{scenario} did not say how fast it was: {printed}"))
    }

    fn write(&self, rows: &[Row], rounds: u32) -> Result<String, String> {
        let settings = json!({ "sizes": SIZES, "timed_records": TIMED, "rounds": rounds });
        let scenarios: Vec<Value> = rows.iter().map(Row::json).collect();
        let all = json!({ "machine": machine::facts(), "settings": settings, "scenarios": scenarios });
        let file = self.file("quick.json");
        let text = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
        std::fs::write(root().join(&file), text + "\n").map_err(|error| format!("{file}: {error}"))?;
        Ok(file)
    }
}

fn json_line(line: &str) -> Result<Value, String> {
    serde_json::from_str(line).map_err(|error| format!("the bench binary printed no JSON ({error}): {line}"))
}
