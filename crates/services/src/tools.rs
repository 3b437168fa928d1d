//! Owns the programs that are needed: where they are, and the command that brings a missing one. Leaves running that command to
//! whoever may: `cargo xtask` shows it first.

use crate::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What services need, and what compiling the suite does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Tool {
    /// Java 17 or newer: brokers run on it.
    Java,
    /// Maven: brings Kafka's jars, and checks what it brings.
    Maven,
    /// `redis-server`.
    Redis,
    /// A compiler of C and C++.
    Compiler,
    /// `make`.
    Make,
    /// `pkg-config`, which knows where libraries are.
    PkgConfig,
    /// OpenSSL with its headers.
    OpenSsl,
    /// zlib with its headers.
    Zlib,
}

impl Tool {
    /// What building everything takes beside Rust: librdkafka compiles itself, with TLS and compression of the system's.
    pub const BUILD: [Self; 5] = [Self::Compiler, Self::Make, Self::PkgConfig, Self::OpenSsl, Self::Zlib];

    /// What one looks for; the packages of Debian and of Homebrew.
    fn names(self) -> [&'static str; 3] {
        match self {
            Tool::Java => ["java", "openjdk-17-jre-headless", "openjdk@17"],
            Tool::Maven => ["mvn", "maven", "maven"],
            Tool::Redis => ["redis-server", "redis-server", "redis"],
            Tool::Compiler => ["c++", "g++", "gcc"],
            Tool::Make => ["make", "make", "make"],
            Tool::PkgConfig => ["pkg-config", "pkg-config", "pkgconf"],
            Tool::OpenSsl => ["openssl", "libssl-dev", "openssl@3"],
            Tool::Zlib => ["zlib", "zlib1g-dev", "zlib"],
        }
    }

    fn program(self) -> &'static str {
        self.names()[0]
    }

    fn debian(self) -> &'static str {
        if self == Tool::Java {
            debian_java(&std::fs::read_to_string("/etc/os-release").unwrap_or_default())
        } else {
            self.names()[1]
        }
    }

    fn brew(self) -> &'static str {
        self.names()[2]
    }

    /// Whether it is there, in a release that is new enough.
    pub fn is_there(self) -> bool {
        match self {
            Tool::OpenSsl | Tool::Zlib => known_to_pkg_config(self.program()),
            program => program.find().is_ok(),
        }
    }

    /// Where the program is.
    ///
    /// # Errors
    /// If it is missing, or a Java older than 17; says how to get it.
    pub(crate) fn find(self) -> Result<PathBuf, Error> {
        if self == Tool::Java {
            return java();
        }
        on_path(self.program()).ok_or_else(|| self.missing())
    }

    fn missing(self) -> Error {
        Error::new(format!("`{}` is missing; {}", self.program(), remedy(&[self]).said()))
    }
}

/// What building everything lacks here. Only where Debian's packages are: elsewhere libraries are found in more ways than we know of,
/// and their own build scripts say what they miss.
pub fn missing_for_build() -> Vec<Tool> {
    if on_path("apt-get").is_none() {
        return Vec::new();
    }
    Tool::BUILD.into_iter().filter(|tool| !tool.is_there()).collect()
}

/// Debian has dropped Java 17 with its release 13, whose default is newer; before, and in Ubuntu's, the default may be older.
fn debian_java(os_release: &str) -> &'static str {
    let value = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    let release: u32 = value("VERSION_ID=").parse().unwrap_or(0);
    if value("ID=") == "debian" && release >= 13 { "default-jre-headless" } else { Tool::Java.names()[1] }
}

fn known_to_pkg_config(library: &str) -> bool {
    let mut asked = Command::new(Tool::PkgConfig.program());
    asked.args(["--exists", library]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    asked.status().is_ok_and(|status| status.success())
}

/// How missing programs come.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Remedy {
    /// Commands that may be run here, in this order, without asking.
    Run(Vec<Vec<String>>),
    /// What a person has to do.
    Say(String),
}

impl Remedy {
    fn said(&self) -> String {
        match self {
            Remedy::Run(commands) => {
                let commands: Vec<_> = commands.iter().map(|words| words.join(" ")).collect();
                format!("`{}` brings it", commands.join(" && "))
            }
            Remedy::Say(what) => what.clone(),
        }
    }
}

/// What brings these programs on this machine.
pub fn remedy(missing: &[Tool]) -> Remedy {
    let has = |program: &str| on_path(program).is_some();
    let systemd = Path::new("/run/systemd/system").is_dir();
    remedy_for(missing, has("apt-get"), rustix::process::geteuid().is_root().then_some(systemd), has("brew"))
}

/// `root` also says whether systemd runs.
fn remedy_for(missing: &[Tool], apt: bool, root: Option<bool>, brew: bool) -> Remedy {
    let packages = |of: fn(Tool) -> &'static str| missing.iter().map(|tool| of(*tool)).collect::<Vec<_>>();
    if let (true, Some(systemd)) = (apt, root) {
        let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let mut install = words("apt-get install --yes --quiet --no-install-recommends");
        install.extend(packages(Tool::debian).into_iter().map(str::to_owned));
        let mut commands = vec![words("apt-get update --quiet"), install];
        if systemd && missing.contains(&Tool::Redis) {
            // Debian's package starts a server that nobody here has asked for.
            commands.push(words("systemctl disable --now redis-server"));
        }
        return Remedy::Run(commands);
    }
    if apt {
        return Remedy::Say(format!("run `sudo apt-get install {}`", packages(Tool::debian).join(" ")));
    }
    if brew {
        return Remedy::Say(format!("run `brew install {}`", packages(Tool::brew).join(" ")));
    }
    Remedy::Say(format!(
        "install what Debian calls {}; or start Docker for the servers among them",
        packages(Tool::debian).join(", ")
    ))
}

/// The program of this name that a shell would take.
pub(crate) fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn java() -> Result<PathBuf, Error> {
    let home = std::env::var_os("JAVA_HOME").map(|home| Path::new(&home).join("bin/java")).filter(|java| java.is_file());
    let java = home.or_else(|| on_path("java")).ok_or_else(|| Tool::Java.missing())?;
    let said =
        Command::new(&java).arg("-version").output().map_err(|error| Error::new(format!("{}: {error}", java.display())))?;
    let said = String::from_utf8_lossy(&said.stderr);
    match major(&said) {
        Some(17..) => Ok(java),
        _ => {
            let first = said.lines().next().unwrap_or_default();
            let remedy = remedy(&[Tool::Java]).said();
            Err(Error::new(format!("{} is not Java 17 or newer (`{first}`); {remedy}", java.display())))
        }
    }
}

/// `openjdk version "17.0.15" 2025-04-15` is 17, `java version "1.8.0_392"` is 1.
fn major(said: &str) -> Option<u32> {
    let (_, version) = said.split_once('"')?;
    version.split(|one: char| !one.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_java_says_its_version_in_many_ways() {
        assert_eq!(major("openjdk version \"17.0.15\" 2025-04-15"), Some(17));
        assert_eq!(major("openjdk version \"25\" 2025-09-16"), Some(25));
        assert_eq!(major("java version \"1.8.0_392\""), Some(1));
        assert_eq!(major("no such thing"), None);
    }

    #[test]
    fn each_debian_is_asked_for_a_java_that_it_has() {
        assert_eq!(debian_java("ID=debian\nVERSION_ID=\"12\"\n"), "openjdk-17-jre-headless");
        assert_eq!(debian_java("VERSION_ID=\"13\"\nID=debian\n"), "default-jre-headless");
        assert_eq!(debian_java("ID=ubuntu\nVERSION_ID=\"24.04\"\n"), "openjdk-17-jre-headless");
        assert_eq!(debian_java(""), "openjdk-17-jre-headless");
    }

    #[test]
    fn a_library_is_there_if_its_headers_are() {
        assert!(!known_to_pkg_config("no-such-library"));
        assert_eq!(on_path("no-such-program"), None);
    }

    #[test]
    fn what_is_missing_is_installed_on_debian_by_root_and_said_elsewhere() {
        let missing = [Tool::Java, Tool::Redis];
        let Remedy::Run(commands) = remedy_for(&missing, true, Some(true), false) else { panic!("root may") };
        assert_eq!(commands[0].join(" "), "apt-get update --quiet");
        let java = Tool::Java.debian();
        assert!(commands[1].join(" ").ends_with(&format!("--no-install-recommends {java} redis-server")));
        assert_eq!(commands[2..], [["systemctl", "disable", "--now", "redis-server"]]);
        let said = |apt, brew| remedy_for(&missing, apt, None, brew);
        assert_eq!(said(true, false), Remedy::Say(format!("run `sudo apt-get install {java} redis-server`")));
        assert_eq!(said(false, true), Remedy::Say("run `brew install openjdk@17 redis`".to_owned()));
        let Remedy::Say(elsewhere) = said(false, false) else { panic!("nobody may") };
        assert!(elsewhere.contains(&format!("{java}, redis-server")), "{elsewhere}");
    }
}
