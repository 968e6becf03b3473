//! A folder on this machine.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;

use super::{ObjectError, Objects};
use crate::config::StoreKind;

/// Bytes of a part: what an upload holds in memory at most three times.
const PART_BYTES: usize = 256 * 1024;

pub fn open(folder: &Path) -> Result<Objects, ObjectError> {
    let broken = |error: std::io::Error| ObjectError::Store(format!("{}: {error}", folder.display()));
    std::fs::create_dir_all(folder).map_err(broken)?;
    let held = hold(folder).map_err(broken)?;
    let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true).with_automatic_cleanup(true);
    Ok(Objects {
        store: Arc::new(store),
        kind: StoreKind::Disk,
        part_bytes: PART_BYTES,
        prefix: "".into(),
        signer: None,
        _held: Some(Arc::new(held)),
    })
}

/// Holds the folder, with all others who do: other nodes, a command beside the server. Whoever is alone with it at the beginning
/// takes away what was left unfinished; in company it may be somebody's upload.
fn hold(folder: &Path) -> std::io::Result<File> {
    let held = File::open(folder)?;
    match held.try_lock() {
        Ok(()) => clear_unfinished(folder),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => {
            // Some network drives know no locks.
            tracing::warn!(%error, "nobody can tell who else is at work in the folder of files: what is unfinished there stays");
            return Ok(held);
        }
    }
    // Between the two somebody else may be alone with it: nothing of ours is under way yet.
    held.lock_shared()?;
    Ok(held)
}

/// Takes away what a server that died was writing: the store writes to a name with `#`, which no key has, and renames.
fn clear_unfinished(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => clear_unfinished(&path),
            Ok(kind) if kind.is_file() && entry.file_name().to_string_lossy().contains('#') => {
                if let Err(error) = std::fs::remove_file(&path) {
                    tracing::warn!(%error, file = %path.display(), "an unfinished file cannot be taken away");
                }
            }
            _ => {}
        }
    }
}
