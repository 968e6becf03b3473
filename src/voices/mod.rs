//! Replies of other kinds than text: spoken ones, and ones that are shown with something of the gallery.
//!
//! [`Voice`] is the engine's `Speech`, [`Shows`] its `Gallery`. Both are asked when a reply's text is complete, and both may
//! fail: then the reply is a text. [`Listener`] does the jobs that tell what was said in audio messages without a text. Files lie in the object store (`media/`), calls to models are made by `ai/`.

mod fitting;
mod shows;
mod speech;
mod store;
mod transcribe;

pub use shows::Shows;
pub use speech::Voice;
pub use transcribe::{Listener, ListenerParts};
