//! Owns the table of mistakes and what the compiler says about them, made of the texts that `crates/mistakes` keeps.

use std::fs;
use std::path::Path;

const FOLDER: &str = "crates/mistakes/tests/mistakes";

/// One mistake.
struct Mistake {
    what: String,
    weak: Option<String>,
    says: String,
    hints: Vec<String>,
}

/// Prints the table.
///
/// # Errors
/// If the kept texts cannot be read.
pub(crate) fn run() -> Result<(), String> {
    let mut mistakes = Vec::new();
    let mut files: Vec<_> = fs::read_dir(FOLDER)
        .map_err(|error| format!("{FOLDER}: {error}"))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect();
    files.sort();
    for file in &files {
        mistakes.push(read(file)?);
    }
    println!("| mistake | the compiler says |\n| --- | --- |");
    for mistake in &mistakes {
        let hints: String = mistake.hints.iter().map(|hint| format!(" · *{hint}*")).collect();
        println!("| {} | {}{hints} |", mistake.what, mistake.says);
    }
    println!("\n{} mistakes. Still weak:", mistakes.len());
    for mistake in &mistakes {
        if let Some(weak) = &mistake.weak {
            println!("- {}: {weak}", mistake.what);
        }
    }
    Ok(())
}

fn read(file: &Path) -> Result<Mistake, String> {
    let text = |path: &Path| fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    let source = text(file)?;
    let said = text(&file.with_extension("stderr"))?;
    let mut docs = source.lines().map_while(|line| line.strip_prefix("//! "));
    let what = docs.next().ok_or_else(|| format!("{} does not say what the mistake is", file.display()))?.to_owned();
    let weak = docs.find_map(|line| line.strip_prefix("Weak: ")).map(str::to_owned);
    let head = said.lines().find(|line| line.starts_with("error")).unwrap_or_default();
    let says = head.split_once(": ").map_or(head, |(_, says)| says).replace("millstream::prelude::", "").replace('|', "\\|");
    let mut hints = Vec::new();
    // Only the first error's: the others repeat it.
    let first = said.split("\n\n").next().unwrap_or(&said);
    for line in first.lines() {
        let Some((_, note)) = line.split_once("= note: ") else { continue };
        let ours = !["required ", "the failure occurred", "cannot satisfy"].iter().any(|start| note.starts_with(start));
        if ours && hints.len() < 3 {
            hints.push(note.replace("millstream::prelude::", "").replace('|', "\\|"));
        }
    }
    Ok(Mistake { what, weak, says, hints })
}
