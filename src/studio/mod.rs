//! What people have made: pictures and videos.

pub mod content;
