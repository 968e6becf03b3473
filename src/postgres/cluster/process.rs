//! How a PostgreSQL program is started and signalled: as whom, in which session, and that it dies with the server.
//!
//! PostgreSQL refuses to run as root. A server that is root therefore starts it in a user namespace of its own, in which
//! root's files belong to an ordinary account; where namespaces are not allowed, as the system's `postgres` account.
//!
//! Everything between fork and exec here is calls that are safe in a forked child of a program with threads.

use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::super::error::DatabaseError;
use super::super::locate::unprivileged_account;

/// Whom PostgreSQL runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Account {
    /// As the server itself, which is not root.
    Own,
    /// In a user namespace where the server's root is this ordinary account.
    Namespace { user: u32 },
    /// As another account of the system, which then owns the files.
    Other { user: u32, group: u32 },
}

impl Account {
    /// Decides by who the server is, who owns `cluster` (if it exists) and what the system allows.
    pub(super) fn choose(cluster: &Path, bin: &Path) -> Result<Self, DatabaseError> {
        if effective_user() != 0 {
            return Ok(Self::Own);
        }
        if let Ok(owner) = std::fs::metadata(cluster.join("PG_VERSION"))
            && owner.uid() != 0
        {
            return Ok(Self::Other { user: owner.uid(), group: owner.gid() });
        }
        let account = unprivileged_account();
        let namespace = Self::Namespace { user: account.map_or(65_534, |(user, _)| user) };
        if cfg!(target_os = "linux") && namespace.is_allowed(bin) {
            return Ok(namespace);
        }
        let (user, group) = account.ok_or_else(|| {
            DatabaseError::Start(
                "PostgreSQL does not run as root, and there is neither a user namespace nor a postgres account: \
                 run greenroom as an ordinary user"
                    .into(),
            )
        })?;
        Ok(Self::Other { user, group })
    }

    fn is_allowed(self, bin: &Path) -> bool {
        let mut command = Command::new(bin.join("postgres"));
        command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        prepare(&mut command, self, None);
        command.status().is_ok_and(|status| status.success())
    }

    /// Gives `path` and all in it to the account, where it is another one.
    pub(super) fn own(self, path: &Path) -> Result<(), DatabaseError> {
        let Self::Other { user, group } = self else { return Ok(()) };
        own_all(path, user, group)
            .map_err(DatabaseError::io(format!("giving {} to PostgreSQL's account", path.display())))
    }
}

fn own_all(path: &Path, user: u32, group: u32) -> io::Result<()> {
    let about = std::fs::symlink_metadata(path)?;
    if about.is_symlink() {
        return Ok(());
    }
    if about.uid() != user {
        chown(path, Some(user), Some(group))?;
    }
    if about.is_dir() {
        for entry in std::fs::read_dir(path)? {
            own_all(&entry?.path(), user, group)?;
        }
    }
    Ok(())
}

/// What the child does between fork and exec. Made beforehand: there, nothing may be allocated.
struct Before {
    /// Contents of `uid_map` and `gid_map` of the new namespace.
    #[cfg(target_os = "linux")]
    maps: Option<(Vec<u8>, Vec<u8>)>,
    kept: Option<RawFd>,
    #[cfg(target_os = "linux")]
    parent: i32,
}

/// Makes `command` run as `account`, in a session of its own (so that Ctrl-C reaches the server alone), interrupted when
/// the THREAD that spawns it ends (Linux), and with `kept` left open in it.
pub(super) fn prepare(command: &mut Command, account: Account, kept: Option<&std::fs::File>) {
    if let Account::Other { user, group } = account {
        command.uid(user).gid(group);
    }
    let before = Before {
        #[cfg(target_os = "linux")]
        maps: match account {
            Account::Namespace { user } => Some((
                format!("{user} {} 1", effective_user()).into_bytes(),
                format!("{user} {} 1", effective_group()).into_bytes(),
            )),
            Account::Own | Account::Other { .. } => None,
        },
        kept: kept.map(AsRawFd::as_raw_fd),
        #[cfg(target_os = "linux")]
        parent: std::process::id().cast_signed(),
    };
    // SAFETY: `Before::run` makes system calls only and allocates nothing.
    #[allow(unsafe_code)]
    unsafe {
        command.pre_exec(move || before.run());
    }
}

impl Before {
    #[allow(unsafe_code)]
    fn run(&self) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if let Some((users, groups)) = &self.maps {
            // SAFETY: a plain system call; the child has one thread, as a user namespace demands.
            check(unsafe { libc::unshare(libc::CLONE_NEWUSER) })?;
            // Denying setgroups is the price of mapping a group without privilege.
            write_to(c"/proc/self/setgroups", b"deny")?;
            write_to(c"/proc/self/uid_map", users)?;
            write_to(c"/proc/self/gid_map", groups)?;
        }
        // SAFETY: plain system calls on the child itself and on a descriptor that its parent holds open.
        unsafe {
            check(libc::setsid())?;
            if let Some(kept) = self.kept {
                check(libc::fcntl(kept, libc::F_SETFD, 0))?;
            }
            #[cfg(target_os = "linux")]
            {
                check(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGINT))?;
                // The parent may have died before the signal was asked for.
                if libc::getppid() != self.parent {
                    return Err(io::Error::from_raw_os_error(libc::ESRCH));
                }
            }
        }
        Ok(())
    }
}

fn check(result: i32) -> io::Result<()> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn write_to(path: &std::ffi::CStr, text: &[u8]) -> io::Result<()> {
    // SAFETY: the path ends in NUL, the buffer is valid for its length, and the descriptor is closed once.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        check(file)?;
        let written = libc::write(file, text.as_ptr().cast(), text.len());
        let failed = io::Error::last_os_error();
        libc::close(file);
        if written == -1 { Err(failed) } else { Ok(()) }
    }
}

#[allow(unsafe_code)]
fn effective_user() -> u32 {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::geteuid() }
}

#[cfg(target_os = "linux")]
#[allow(unsafe_code)]
fn effective_group() -> u32 {
    // SAFETY: cannot fail and touches no memory.
    unsafe { libc::getegid() }
}

/// How PostgreSQL's postmaster is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Break off what runs, write a checkpoint, end.
    Fast,
    /// End at once; the next start recovers from the log.
    Immediate,
    /// Not even a word to its own processes; they end when they notice.
    Kill,
}

/// Sends the signal; a process that is gone already is no error. The caller knows that `pid` is its child's, not yet
/// reaped, or has checked whose it is.
#[allow(unsafe_code)]
pub(super) fn stop(pid: i32, how: Stop) {
    let signal = match how {
        Stop::Fast => libc::SIGINT,
        Stop::Immediate => libc::SIGQUIT,
        Stop::Kill => libc::SIGKILL,
    };
    // SAFETY: a plain system call on a process id.
    unsafe { libc::kill(pid, signal) };
}

/// Blocks until the child has ended, and leaves it to be reaped: until then its id cannot be another process's.
#[allow(unsafe_code)]
pub(super) fn await_end(pid: u32) -> io::Result<()> {
    loop {
        // SAFETY: `about` is valid for writing and all-zero bytes are a valid value of it.
        let result = unsafe {
            let mut about: libc::siginfo_t = std::mem::zeroed();
            libc::waitid(libc::P_PID, pid, &raw mut about, libc::WEXITED | libc::WNOWAIT)
        };
        match check(result) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Writes what the file system of `folder` still holds in memory to disk. Elsewhere than on Linux there is no such call,
/// and `initdb` does it.
#[allow(unsafe_code)]
pub(super) fn sync_all_files(folder: &std::fs::File) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    // SAFETY: a plain system call on a descriptor that is open.
    return check(unsafe { libc::syncfs(folder.as_raw_fd()) });
    #[cfg(not(target_os = "linux"))]
    folder.sync_all()
}

/// True if a process of this id is known to the system, be it dead and not yet reaped.
#[allow(unsafe_code)]
pub(super) fn exists(pid: i32) -> bool {
    // SAFETY: signal 0 only asks.
    let result = unsafe { libc::kill(pid, 0) };
    result == 0 || io::Error::last_os_error().raw_os_error() == Some(libc::EPERM)
}

/// True if the process `pid` is a postmaster, not yet dead, that works on `cluster`.
pub(super) fn is_postmaster_of(pid: i32, cluster: &Path) -> bool {
    // What it was started with: readable for all, and empty for a dead process that nobody has reaped.
    let line = if cfg!(target_os = "linux") {
        std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default()
    } else {
        let mut command = Command::new("ps");
        command.args(["-o", "command=", "-p", &pid.to_string()]).stdin(Stdio::null()).stderr(Stdio::null());
        command.output().map(|output| output.stdout).unwrap_or_default()
    };
    let line = String::from_utf8_lossy(&line);
    line.contains("postgres") && line.contains(&*cluster.to_string_lossy())
}
