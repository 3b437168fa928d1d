//! Owns the list of survivors that nobody can notice, and how the found ones compare with it.

use super::list::{Fate, Mutant};
use crate::step::root;
use std::collections::BTreeMap;
use std::fs;

const LIST: &str = "crates/xtask/mutants.toml";

/// How a mutant is named in the list: file, change and line, so that it is found again when lines are added above it.
type Name = (String, String, String);

/// The list.
pub(crate) struct Listed {
    /// How often each is listed: a line may have the same twice.
    entries: BTreeMap<Name, usize>,
}

fn name_of(mutant: &Mutant) -> Name {
    (mutant.file.clone(), mutant.change.clone(), mutant.line.clone())
}

impl Listed {
    /// Reads the list.
    ///
    /// # Errors
    /// If it is not one, or an entry has no reason.
    pub(crate) fn read() -> Result<Self, String> {
        let text = fs::read_to_string(root().join(LIST)).map_err(|error| format!("{LIST}: {error}"))?;
        Self::parse(&text).map_err(|why| format!("{LIST}: {why}"))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let table: toml::Table = text.parse().map_err(|error: toml::de::Error| error.to_string())?;
        let mut entries = BTreeMap::new();
        for entry in table.get("survivor").and_then(toml::Value::as_array).into_iter().flatten() {
            let word = |name: &str| match entry.get(name).and_then(toml::Value::as_str) {
                Some(word) if !word.trim().is_empty() => Ok(word.to_owned()),
                _ => Err(format!("an entry has no `{name}`: {entry}")),
            };
            word("why")?;
            *entries.entry((word("file")?, word("change")?, word("line")?)).or_insert(0) += 1;
        }
        Ok(Listed { entries })
    }

    /// Whether such a mutant is listed.
    pub(crate) fn has(&self, mutant: &Mutant) -> bool {
        self.entries.contains_key(&name_of(mutant))
    }

    /// What is wrong with the mutants of a file that were `found`, out of `all` there are.
    pub(crate) fn compare(&self, file: &str, found: &[(Mutant, Fate, usize)], all: &[Mutant]) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut survived: BTreeMap<Name, usize> = BTreeMap::new();
        for (mutant, fate, _) in found {
            let survivors = survived.entry(name_of(mutant)).or_insert(0);
            if *fate == Fate::Missed {
                *survivors += 1;
                if *survivors > self.entries.get(&name_of(mutant)).copied().unwrap_or(0) {
                    let Mutant { name, file, change, line, .. } = mutant;
                    complaints.push(format!(
                        "survives: {name}\n  a test that fails for it, or in {LIST}:\n  [[survivor]]\n  file = {file:?}\n  \
                         change = '{change}'\n  line = '{line}'\n  why = \"\""
                    ));
                }
            }
        }
        for (name, listed) in self.entries.iter().filter(|((of, ..), _)| of == file) {
            let (_, change, line) = name;
            let exist = all.iter().filter(|mutant| name_of(mutant) == *name).count();
            let ran = found.iter().filter(|(mutant, ..)| name_of(mutant) == *name).count();
            if exist < *listed {
                complaints.push(format!("listed, but not there: {file}: {change}, at `{line}`"));
            } else if ran == exist && survived.get(name).is_none_or(|survivors| survivors < listed) {
                complaints.push(format!("listed, but caught: {file}: {change}, at `{line}`"));
            }
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENTRY: &str =
        "[[survivor]]\nfile = 'a.rs'\nchange = 'replace < with <= in f'\nline = 'if a < b {'\nwhy = 'never equal'\n";

    fn mutant(at: u32, line: &str) -> Mutant {
        let change = "replace < with <= in f".to_owned();
        let (name, file) = (format!("a.rs:{at}:1: {change}"), "a.rs".to_owned());
        Mutant { name, file, change, line: line.to_owned(), ..Mutant::default() }
    }

    /// The first words of what is said of these.
    fn said(list: &str, found: &[(Mutant, Fate, usize)], all: &[Mutant]) -> Vec<String> {
        let complaints = Listed::parse(list).expect("a list").compare("a.rs", found, all);
        complaints.iter().map(|one| one.split(": ").next().unwrap_or_default().to_owned()).collect()
    }

    #[test]
    fn a_survivor_is_fine_if_it_is_listed_wherever_it_stands_now() {
        let one = mutant(7, "if a < b {");
        assert_eq!(said(ENTRY, &[(one.clone(), Fate::Missed, 0)], std::slice::from_ref(&one)), [""; 0]);
        assert_eq!(said("", &[(one.clone(), Fate::Missed, 0)], std::slice::from_ref(&one)), ["survives"]);
        let other = mutant(7, "if a < c {");
        assert_eq!(said(ENTRY, &[(other.clone(), Fate::Missed, 0)], &[one, other]), ["survives"]);
    }

    #[test]
    fn what_is_listed_once_excuses_one_of_two_that_look_alike() {
        let two = [mutant(7, "if a < b {"), mutant(9, "if a < b {")];
        let found = |second| vec![(two[0].clone(), Fate::Missed, 0), (two[1].clone(), second, 0)];
        assert_eq!(said(ENTRY, &found(Fate::Missed), &two), ["survives"]);
        assert_eq!(said(ENTRY, &found(Fate::Caught("t".to_owned())), &two), [""; 0]);
        assert_eq!(said(&ENTRY.repeat(2), &found(Fate::Missed), &two), [""; 0]);
    }

    #[test]
    fn what_is_listed_and_caught_or_gone_is_a_complaint_and_what_did_not_run_is_none() {
        let one = mutant(7, "if a < b {");
        for fate in [Fate::Caught("t".to_owned()), Fate::TimedOut("t".to_owned()), Fate::Unviable] {
            assert_eq!(said(ENTRY, &[(one.clone(), fate, 0)], std::slice::from_ref(&one)), ["listed, but caught"]);
        }
        assert_eq!(said(ENTRY, &[], std::slice::from_ref(&one)), [""; 0], "another shard's");
        assert_eq!(said(ENTRY, &[], &[]), ["listed, but not there"]);
    }

    #[test]
    fn an_entry_without_a_reason_is_refused() {
        assert!(Listed::parse(&ENTRY.replace("never equal", " ")).is_err());
        assert!(Listed::parse(ENTRY).is_ok());
    }

    #[test]
    fn the_list_of_the_repository_can_be_read() {
        Listed::read().expect("a list");
    }
}
