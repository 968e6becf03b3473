//! What a server in a process of its own needs.

use std::net::TcpListener;
use std::path::Path;

/// The binary that is tested.
pub fn greenroom() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_greenroom"))
}

/// A port that nobody listened on a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port()
}
