//! The client's own tests, which need no browser: `web/tests`, in Node.

use std::path::Path;
use std::process::Command;

#[test]
fn the_client_passes_its_own_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/tests");
    let files = std::fs::read_dir(&folder)
        .expect("the folder")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().ends_with(".test.mjs"));
    let output = Command::new("node")
        .arg("--test")
        .args(files)
        .output()
        .expect("Node is installed: bin/test installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
