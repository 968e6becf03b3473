//! Builds the binary anew when a migration is added: they are embedded by a macro, which cargo does not see through.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
