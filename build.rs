//! Builds the binary anew when a migration is added: they are embedded by a macro, which cargo does not see through.

#![expect(clippy::print_stdout, reason = "this is how a build script speaks to cargo")]

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
