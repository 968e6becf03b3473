//! What people make here: avatars.

pub mod avatars;
