//! What people make here: avatars, pictures and videos.

pub mod avatars;
pub mod content;
