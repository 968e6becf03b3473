//! Why a file is not taken, in words for whoever sent it.

/// A file's fault. Nothing of a file's content is in its words.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("the file is empty")]
    Empty,
    /// By its content, whatever its name says.
    #[error("this is none of the types that are taken: {0}")]
    Unknown(&'static str),
    #[error("the file is cut off: it ends before it should")]
    Truncated,
    #[error("the file is broken: {0}")]
    Broken(&'static str),
    #[error("{width} by {height} pixels are too many: at most {side} a side and {pixels} in all")]
    TooLarge { width: u32, height: u32, side: u32, pixels: u64 },
    #[error("it has more than {0} frames")]
    TooManyFrames(u32),
    /// Bytes.
    #[error("decoding it takes {needed} bytes of memory, more than {max}")]
    TooHeavy { needed: u64, max: u64 },
}

/// Of what a decoder panicked over.
pub(super) const GAVE_UP: Fault = Fault::Broken("its decoder gave up");

/// Runs what decodes a hostile file: a panic within it is the file's fault, and ends nothing else.
pub(super) fn guarded<T>(decode: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(decode)).unwrap_or_else(|_| {
        tracing::warn!("a decoder panicked over a file");
        Err(GAVE_UP)
    })
}
