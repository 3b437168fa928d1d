//! Owns Kafka's jars: which ones, and the Maven command that brings them. Leaves running it to whoever may.

use crate::error::{Error, at};
use crate::place;
use crate::tools::Tool;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// The release that brokers run.
pub const KAFKA: &str = "4.2.0";

/// Everything that a broker, its tools and their logs need, each with its release; what else its packages ask for is for
/// Connect and an HTTP server. Named one by one, so that a run of today and one of next year have the same.
const JARS: &str = include_str!("jars.txt");

const COPY: &str = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/// Where the jars are.
pub(crate) fn folder() -> PathBuf {
    place::root().join(format!("kafka-{KAFKA}"))
}

/// Java's word for all of them.
///
/// # Errors
/// If one is missing.
pub(crate) fn class_path() -> Result<String, Error> {
    match first_missing(&folder()) {
        None => Ok(format!("{}/*", folder().display())),
        Some(jar) => Err(Error::new(format!("{jar} is not there; `cargo xtask services install` brings it"))),
    }
}

/// The command that brings the jars, to a place from which [`take_in`] takes them; `None` if all are there. Maven checks each against
/// the registry's checksum.
///
/// # Errors
/// If Maven is missing, or what it is told cannot be written.
pub fn fetch() -> Result<Option<Vec<String>>, Error> {
    if first_missing(&folder()).is_none() {
        return Ok(None);
    }
    let maven = Tool::Maven.find()?;
    let folder = arriving();
    fs::create_dir_all(&folder).map_err(at(folder.display()))?;
    let pom = folder.join("pom.xml");
    fs::write(&pom, project()).map_err(at(pom.display()))?;
    let words = [
        maven.display().to_string(),
        "--quiet".to_owned(),
        "--batch-mode".to_owned(),
        "--strict-checksums".to_owned(),
        "-Dstyle.color=never".to_owned(),
        format!("--file={}", pom.display()),
        COPY.to_owned(),
        format!("-DoutputDirectory={}", folder.display()),
    ];
    Ok(Some(words.to_vec()))
}

/// Takes in what the command of [`fetch`] has brought, all at once: a jar of which a half was written never lies where brokers look.
///
/// # Errors
/// If a jar did not come, or the file system refuses.
pub fn take_in() -> Result<(), Error> {
    move_in(&arriving(), &folder())
}

fn move_in(from: &Path, to: &Path) -> Result<(), Error> {
    if let Some(jar) = first_missing(from) {
        return Err(Error::new(format!("{jar} did not come")));
    }
    if to.exists() {
        fs::remove_dir_all(to).map_err(at(to.display()))?;
    }
    fs::rename(from, to).map_err(at(to.display()))
}

fn arriving() -> PathBuf {
    place::root().join("arriving")
}

fn first_missing(folder: &Path) -> Option<String> {
    names().find(|name| !folder.join(name).is_file())
}

fn names() -> impl Iterator<Item = String> {
    coordinates().map(|[_, artefact, version]| format!("{artefact}-{version}.jar"))
}

fn coordinates() -> impl Iterator<Item = [&'static str; 3]> {
    JARS.lines().map(|line| {
        let mut parts = line.split(':');
        std::array::from_fn(|_| parts.next().expect("a line of jars.txt is group:artefact:version"))
    })
}

/// What Maven is told.
fn project() -> String {
    let mut text = "<project><modelVersion>4.0.0</modelVersion><groupId>millstream</groupId><artifactId>kafka</artifactId>\
                    <version>1</version><packaging>pom</packaging><dependencies>\n"
        .to_owned();
    for [group, artefact, version] in coordinates() {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "<dependency><groupId>{group}</groupId><artifactId>{artefact}</artifactId><version>{version}</version><exclusions>\
             <exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>"
        );
    }
    text + "</dependencies></project>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_jar_is_named_once_and_kafkas_own_are_of_one_release() {
        let mut names: Vec<_> = names().collect();
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count);
        let mut kafka = coordinates().filter(|[group, ..]| *group == "org.apache.kafka");
        assert!(kafka.all(|[_, _, version]| version == KAFKA));
    }

    #[test]
    fn jars_are_taken_in_when_all_have_come_and_not_before() {
        let folder = place::Folder::make("jars").expect("a folder");
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        fs::create_dir(&from).expect("a folder to write to");
        for name in names().skip(1) {
            fs::write(from.join(name), "a jar").expect("a folder to write to");
        }
        assert!(move_in(&from, &to).is_err() && !to.exists());
        fs::write(from.join(names().next().expect("there are jars")), "a jar").expect("a folder to write to");
        move_in(&from, &to).expect("all have come");
        assert_eq!(first_missing(&to), None);
    }

    #[test]
    fn maven_is_told_to_bring_nothing_but_what_is_listed() {
        let project = project();
        assert_eq!(project.matches("<dependency>").count(), JARS.lines().count());
        assert_eq!(project.matches("<artifactId>*</artifactId>").count(), JARS.lines().count());
    }
}
