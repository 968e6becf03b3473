//! The data folder: its locks, its socket folder, and how a cluster comes to be in it.
//!
//! ```text
//! data/server.lock     held by the server
//! data/postgres.lock   held by every process of PostgreSQL: free only when the last one has ended
//! data/postgres/       the cluster
//! data/run/            its socket (elsewhere if the path would be too long)
//! ```

use std::fs::{File, OpenOptions, TryLockError};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Seek, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::super::error::DatabaseError;
use super::super::locate::Installation;
use super::process::{self, Account, Stop};

/// The name of a Unix socket may have 107 bytes in all, 103 on macOS; `/.s.PGSQL.5432.lock` comes on top of the folder.
const SOCKET_PATH_MAX: usize = 100;
const SOCKET_NAME: &str = ".s.PGSQL.5432";
/// A server that was killed a moment ago may still hold its lock.
const SERVER_LOCK_WAIT: Duration = Duration::from_millis(500);
/// What an orphaned PostgreSQL has to end by itself before it is told to end at once, and to be gone then.
const ORPHAN_FAST: Duration = Duration::from_secs(2);
const ORPHAN_WAIT: Duration = Duration::from_secs(15);
const POLL: Duration = Duration::from_millis(10);
/// Name of the cluster's only role and owner of all that is in it.
pub(super) const ROLE: &str = "greenroom";

/// A data folder that this server alone works on.
#[derive(Debug)]
pub(super) struct Folder {
    root: PathBuf,
    pub sockets: PathBuf,
    /// Released by the system however the server ends.
    _lock: File,
}

impl Folder {
    /// Makes the folder if need be and locks it.
    pub(super) fn open(root: &Path) -> Result<Self, DatabaseError> {
        let making = || format!("making the data folder {}", root.display());
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(root)
            .map_err(DatabaseError::io(making()))?;
        let root = root.canonicalize().map_err(DatabaseError::io(making()))?;
        let lock = lock_server(&root)?;
        let sockets = socket_folder(&root)?;
        Ok(Self { root, sockets, _lock: lock })
    }

    pub(super) fn cluster(&self) -> PathBuf {
        self.root.join("postgres")
    }

    /// Major version of the PostgreSQL that made the cluster; `None` where there is none yet.
    pub(super) fn version(&self) -> Result<Option<u32>, DatabaseError> {
        let path = self.cluster().join("PG_VERSION");
        match std::fs::read_to_string(&path) {
            Ok(text) => text
                .trim()
                .parse()
                .map(Some)
                .map_err(|_| DatabaseError::Start(format!("{} does not hold a version", path.display()))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(DatabaseError::io(path.display().to_string())(error)),
        }
    }

    /// Makes the cluster in a temporary folder and puts it in place whole: a start that was cut off leaves nothing half.
    pub(super) fn initialise(
        &self,
        installation: &Installation,
        account: Account,
    ) -> Result<(), DatabaseError> {
        let unfinished = self.root.join("postgres.new");
        let making = || format!("making {}", unfinished.display());
        if unfinished.exists() {
            std::fs::remove_dir_all(&unfinished).map_err(DatabaseError::io(making()))?;
        }
        std::fs::DirBuilder::new().mode(0o700).create(&unfinished).map_err(DatabaseError::io(making()))?;
        self.give_to(account, &unfinished)?;
        let mut command = Command::new(installation.bin.join("initdb"));
        command
            .args(["--username", ROLE, "--auth", "trust", "--encoding", "UTF8", "--no-locale", "--pgdata"])
            .arg(&unfinished)
            .current_dir("/")
            .stdin(Stdio::null());
        if cfg!(target_os = "linux") {
            // Synced below, all at once.
            command.arg("--no-sync");
        }
        process::prepare(&mut command, account, None);
        let output = command.output().map_err(DatabaseError::io("running initdb"))?;
        if !output.status.success() {
            let mut words = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            if let Account::Other { user, .. } = account {
                let folder = self.root.display();
                words += &format!(
                    " (it runs as user {user}, who must be able to reach {folder}; root itself it refuses)"
                );
            }
            return Err(DatabaseError::Initdb(words));
        }
        let syncing = || DatabaseError::io("writing the data folder to disk");
        let root = File::open(&self.root).map_err(syncing())?;
        process::sync_all_files(&root).map_err(syncing())?;
        std::fs::rename(&unfinished, self.cluster()).map_err(DatabaseError::io(making()))?;
        root.sync_all().map_err(syncing())
    }

    /// Where PostgreSQL runs as another account: the folders that it writes are that account's.
    pub(super) fn give_to(&self, account: Account, folder: &Path) -> Result<(), DatabaseError> {
        if let Account::Other { .. } = account {
            let through = std::fs::Permissions::from_mode(0o711);
            std::fs::set_permissions(&self.root, through)
                .map_err(DatabaseError::io("opening the data folder"))?;
        }
        account.own(folder)
    }

    /// Takes the lock that PostgreSQL's processes are to hold, after seeing to it that those of an earlier server end.
    pub(super) fn lock_postgres(&self) -> Result<File, DatabaseError> {
        let path = self.root.join("postgres.lock");
        let name = || path.display().to_string();
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(DatabaseError::io(name()))?;
        let start = Instant::now();
        let mut told = None;
        loop {
            match lock.try_lock() {
                Ok(()) => break,
                Err(TryLockError::Error(error)) => return Err(DatabaseError::io(name())(error)),
                Err(TryLockError::WouldBlock) if start.elapsed() > ORPHAN_WAIT => {
                    return Err(DatabaseError::OrphanRemains { folder: self.cluster() });
                }
                Err(TryLockError::WouldBlock) => {
                    let how = if start.elapsed() < ORPHAN_FAST { Stop::Fast } else { Stop::Immediate };
                    if told != Some(how) {
                        self.stop_orphan(how);
                        told = Some(how);
                    }
                    std::thread::sleep(POLL);
                }
            }
        }
        self.clear_stale_files()?;
        Ok(lock)
    }

    fn stop_orphan(&self, how: Stop) {
        if let Some((pid, _)) = postmaster(&self.cluster())
            && process::is_postmaster_of(pid, &self.cluster())
        {
            tracing::info!(
                pid,
                ?how,
                "the PostgreSQL of a server that was killed still runs: it is told to end"
            );
            process::stop(pid, how);
        }
    }

    /// With the lock held no PostgreSQL of ours runs here: what an earlier one left is stale. Its process id may be
    /// anyone's by now (after a container restart it nearly always is), which PostgreSQL would take for a rival.
    fn clear_stale_files(&self) -> Result<(), DatabaseError> {
        if let Some((pid, _)) = postmaster(&self.cluster())
            && process::exists(pid)
        {
            if process::is_postmaster_of(pid, &self.cluster()) {
                return Err(DatabaseError::ForeignPostgres { folder: self.cluster(), pid });
            }
            remove(&self.cluster().join("postmaster.pid"))?;
        }
        remove(&self.sockets.join(SOCKET_NAME))?;
        remove(&self.sockets.join(format!("{SOCKET_NAME}.lock")))
    }
}

/// Process id in the cluster's `postmaster.pid`, and whether that postmaster says that it takes connections.
pub(super) fn postmaster(cluster: &Path) -> Option<(i32, bool)> {
    let text = std::fs::read_to_string(cluster.join("postmaster.pid")).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.trim().parse().ok()?;
    let ready = lines.nth(6).is_some_and(|status| status.trim() == "ready");
    Some((pid, ready))
}

fn remove(path: &Path) -> Result<(), DatabaseError> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DatabaseError::io(format!("removing the stale {}", path.display()))(error))
        }
        _ => Ok(()),
    }
}

fn lock_server(root: &Path) -> Result<File, DatabaseError> {
    let path = root.join("server.lock");
    let name = || path.display().to_string();
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path);
    let mut file = file.map_err(DatabaseError::io(name()))?;
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => break,
            Err(TryLockError::Error(error)) => return Err(DatabaseError::io(name())(error)),
            Err(TryLockError::WouldBlock) if start.elapsed() < SERVER_LOCK_WAIT => std::thread::sleep(POLL),
            Err(TryLockError::WouldBlock) => {
                let mut pid = String::new();
                let _ = file.read_to_string(&mut pid);
                let holder = if pid.is_empty() { String::new() } else { format!(" (process {pid})") };
                return Err(DatabaseError::AlreadyRunning { folder: root.to_owned(), holder });
            }
        }
    }
    // For the message above alone: the lock is what counts.
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    written.map_err(DatabaseError::io(name()))?;
    Ok(file)
}

/// `run` in the data folder, or, where the socket's name would be too long, a folder of ours among the temporary files.
fn socket_folder(root: &Path) -> Result<PathBuf, DatabaseError> {
    let mut folder = root.join("run");
    if folder.as_os_str().len() + SOCKET_NAME.len() + "/.lock".len() >= SOCKET_PATH_MAX {
        let mut hasher = DefaultHasher::new();
        root.hash(&mut hasher);
        folder = Path::new("/tmp").join(format!("greenroom-{:016x}", hasher.finish()));
    }
    let name = || format!("making the socket folder {}", folder.display());
    match std::fs::DirBuilder::new().mode(0o700).create(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(DatabaseError::io(name())(error))?,
        _ => {}
    }
    // Others can make folders among the temporary files: one that is not closed to them is not taken.
    let about = std::fs::symlink_metadata(&folder).map_err(DatabaseError::io(name()))?;
    let own = std::fs::metadata(root).map_err(DatabaseError::io(name()))?.uid();
    if !about.is_dir() || about.mode() & 0o077 != 0 || (about.uid() != own && own != 0) {
        return Err(DatabaseError::Start(format!("{} belongs to another user: remove it", folder.display())));
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_on_the_folder_is_refused_by_name() {
        let data = tempfile::tempdir().unwrap();
        let first = Folder::open(data.path()).unwrap();
        let refused = Folder::open(data.path()).unwrap_err().to_string();
        assert!(refused.contains(&format!("(process {})", std::process::id())), "{refused}");
        drop(first);
        Folder::open(data.path()).unwrap();
    }

    #[test]
    fn a_deep_data_folder_still_gets_a_short_socket_path() {
        let data = tempfile::tempdir().unwrap();
        let deep = data.path().join("d".repeat(120));
        let folder = Folder::open(&deep).unwrap();
        assert!(folder.sockets.as_os_str().len() < SOCKET_PATH_MAX - 20);
        std::fs::remove_dir(&folder.sockets).unwrap();
    }

    #[test]
    fn a_pid_file_of_a_dead_postmaster_whose_number_lives_on_in_another_process_is_removed() {
        let data = tempfile::tempdir().unwrap();
        let folder = Folder::open(data.path()).unwrap();
        std::fs::create_dir(folder.cluster()).unwrap();
        let pid_file = folder.cluster().join("postmaster.pid");
        std::fs::write(&pid_file, format!("{}\n", std::process::id())).unwrap();
        folder.lock_postgres().unwrap();
        assert!(!pid_file.exists());
    }
}
