//! A folder on this machine.

use std::path::Path;
use std::sync::Arc;

use object_store::local::LocalFileSystem;

use super::{ObjectError, Objects};
use crate::config::StoreKind;

/// Bytes of a part: what an upload holds in memory at most three times.
const PART_BYTES: usize = 512 * 1024;

pub fn open(folder: &Path) -> Result<Objects, ObjectError> {
    std::fs::create_dir_all(folder)
        .map_err(|error| ObjectError::Store(format!("{}: {error}", folder.display())))?;
    clear_unfinished(folder);
    let store = LocalFileSystem::new_with_prefix(folder)?.with_fsync(true).with_automatic_cleanup(true);
    Ok(Objects {
        store: Arc::new(store),
        kind: StoreKind::Disk,
        part_bytes: PART_BYTES,
        prefix: "".into(),
        signer: None,
    })
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
