//! Where on this machine PostgreSQL is, and how to install it where it is not.
//!
//! Looked for in this order: `PG_BIN`, `pg_config --bindir`, `PATH`, the highest `/usr/lib/postgresql/*/bin` (Debian),
//! `/usr/pgsql-*/bin` (Red Hat), Homebrew. Version 15 is the lowest that will do.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::error::DatabaseError;

const VERSION_MIN: u32 = 15;

/// One installation: a folder with `postgres` and `initdb`, and its major version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Installation {
    pub bin: PathBuf,
    pub major: u32,
}

/// The installation to run a cluster with: the one of `wanted` where a cluster exists already, else the first found.
pub(super) fn locate(
    pg_bin: Option<&Path>,
    wanted: Option<(u32, &Path)>,
) -> Result<Installation, DatabaseError> {
    let candidates = match pg_bin {
        Some(folder) => vec![folder.to_owned()],
        None => candidates(),
    };
    let mut found: Vec<Installation> = Vec::new();
    for bin in candidates {
        if !found.iter().any(|known| known.bin == bin)
            && let Some(major) = version_in(&bin)
        {
            found.push(Installation { bin, major });
        }
    }
    choose(found, wanted, pg_bin)
}

fn choose(
    found: Vec<Installation>,
    wanted: Option<(u32, &Path)>,
    pg_bin: Option<&Path>,
) -> Result<Installation, DatabaseError> {
    let versions = found.iter().map(|one| one.major.to_string()).collect::<Vec<_>>().join(", ");
    let usable: Vec<Installation> = found.into_iter().filter(|one| one.major >= VERSION_MIN).collect();
    if usable.is_empty() {
        let searched = match pg_bin {
            Some(folder) => format!(" in PG_BIN ({})", folder.display()),
            None if versions.is_empty() => String::new(),
            None => format!(" (only {versions})"),
        };
        return Err(DatabaseError::NotFound { searched, install: install_line() });
    }
    let chosen = match wanted {
        None => usable.into_iter().next(),
        Some((major, _)) => usable.into_iter().find(|one| one.major == major),
    };
    chosen.ok_or_else(|| {
        let (wanted, folder) = wanted.map_or((VERSION_MIN, Path::new("")), |(major, folder)| (major, folder));
        DatabaseError::WrongVersion { folder: folder.to_owned(), wanted, found: versions }
    })
}

/// Folders that may hold PostgreSQL, the most telling first.
fn candidates() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(bindir) = output_of(Path::new("pg_config"), "--bindir") {
        folders.push(PathBuf::from(bindir));
    }
    if let Some(path) = std::env::var_os("PATH") {
        folders.extend(std::env::split_paths(&path).filter(|folder| folder.is_absolute()));
    }
    let mut numbered: Vec<(u32, PathBuf)> = Vec::new();
    let roots = [
        ("/usr/lib/postgresql", ""),
        ("/usr", "pgsql-"),
        ("/usr/local/opt", "postgresql@"),
        ("/opt/homebrew/opt", "postgresql@"),
        ("/home/linuxbrew/.linuxbrew/opt", "postgresql@"),
    ];
    for (root, prefix) in roots {
        for entry in std::fs::read_dir(root).into_iter().flatten().flatten() {
            let name = entry.file_name();
            if let Some(number) = name.to_str().and_then(|name| name.strip_prefix(prefix)?.parse().ok()) {
                numbered.push((number, entry.path().join("bin")));
            }
        }
    }
    numbered.sort_by_key(|(number, _)| std::cmp::Reverse(*number));
    folders.extend(numbered.into_iter().map(|(_, folder)| folder));
    folders
}

/// The major version of the PostgreSQL in `bin`, if a whole one is there.
fn version_in(bin: &Path) -> Option<u32> {
    if !bin.join("initdb").is_file() {
        return None;
    }
    parse_version(&output_of(&bin.join("postgres"), "--version")?)
}

/// `postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)`, `… 18beta2`.
fn parse_version(text: &str) -> Option<u32> {
    let number = text.split_once("(PostgreSQL) ")?.1;
    let digits = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..digits].parse().ok()
}

fn output_of(program: &Path, argument: &str) -> Option<String> {
    let output =
        Command::new(program).arg(argument).stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// How PostgreSQL is installed on this system.
pub(super) fn install_line() -> &'static str {
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
    install_line_of(&release)
}

fn install_line_of(os_release: &str) -> &'static str {
    let field = |name: &str| {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_default().trim_matches('"').to_owned()
    };
    for id in std::iter::once(field("ID")).chain(field("ID_LIKE").split_whitespace().map(str::to_owned)) {
        match id.as_str() {
            "debian" | "ubuntu" => return "sudo apt-get install -y postgresql",
            "fedora" | "rhel" | "centos" | "rocky" | "almalinux" | "amzn" => {
                return "sudo dnf install -y postgresql-server";
            }
            "alpine" => return "sudo apk add postgresql17",
            "arch" => return "sudo pacman -S --noconfirm postgresql",
            "suse" | "opensuse" | "sles" => return "sudo zypper install -y postgresql-server",
            "nixos" => return "nix-shell -p postgresql",
            _ => {}
        }
    }
    "see https://www.postgresql.org/download/"
}

/// An account that PostgreSQL may run as in root's place: its user and group id.
pub(super) fn unprivileged_account() -> Option<(u32, u32)> {
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    ["postgres", "nobody"].iter().find_map(|wanted| account_in(&accounts, wanted))
}

fn account_in(passwd: &str, wanted: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let fields: Vec<&str> = line.split(':').collect();
        match fields.as_slice() {
            [name, _, user, group, ..] if *name == wanted => Some((user.parse().ok()?, group.parse().ok()?)),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(majors: &[u32]) -> Vec<Installation> {
        majors.iter().map(|major| Installation { bin: format!("/pg{major}").into(), major: *major }).collect()
    }

    #[test]
    fn versions_are_read_from_what_postgres_says_of_itself() {
        assert_eq!(parse_version("postgres (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)"), Some(15));
        assert_eq!(parse_version("postgres (PostgreSQL) 18beta2"), Some(18));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn an_existing_cluster_gets_the_version_that_made_it() {
        let folder = Path::new("/data/postgres");
        assert_eq!(choose(installed(&[17, 15]), None, None).unwrap().major, 17);
        assert_eq!(choose(installed(&[17, 15]), Some((15, folder)), None).unwrap().major, 15);
        let error = choose(installed(&[17]), Some((16, folder)), None).unwrap_err();
        assert!(
            matches!(&error, DatabaseError::WrongVersion { wanted: 16, found, .. } if found == "17"),
            "{error}"
        );
    }

    #[test]
    fn an_old_postgres_is_named_and_the_install_line_is_given() {
        let error = choose(installed(&[13]), None, None).unwrap_err().to_string();
        assert!(error.contains("(only 13)") && error.contains(install_line()), "{error}");
        let error = locate(Some(Path::new("/nonexistent")), None).unwrap_err().to_string();
        assert!(error.contains("PG_BIN (/nonexistent)"), "{error}");
    }

    #[test]
    fn every_family_of_systems_has_its_install_line() {
        assert!(install_line_of("NAME=x\nID=debian\n").contains("apt-get"));
        assert!(install_line_of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"").contains("dnf"));
        assert!(install_line_of("ID=linuxmint\nID_LIKE=ubuntu").contains("apt-get"));
        assert!(install_line_of("").contains("https://"));
    }

    #[test]
    fn accounts_are_found_by_their_whole_name() {
        let passwd = "root:x:0:0::/:/bin/sh\npostgres2:x:7:7::/:/x\npostgres:x:101:104:,,,:/var:/bin/bash\n";
        assert_eq!(account_in(passwd, "postgres"), Some((101, 104)));
        assert_eq!(account_in(passwd, "nobody"), None);
    }
}
