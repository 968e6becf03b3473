//! What the double knows, kept in a file: one that is started again goes on.

use std::path::Path;

use super::state::State;

/// `None`: there is no such file yet, or it is of no use.
pub(super) fn load(path: &Path) -> Option<State> {
    let text = std::fs::read(path).ok()?;
    match serde_json::from_slice(&text) {
        Ok(state) => Some(state),
        Err(error) => {
            tracing::warn!(%error, path = %path.display(), "what the stand-in of Stripe knew cannot be read: it begins anew");
            None
        }
    }
}

/// Whole or not at all.
pub(super) fn store(path: &Path, text: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    {
        use std::io::Write;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&new)?.write_all(text)?;
    }
    std::fs::rename(new, path)
}
