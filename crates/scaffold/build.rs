//! The templates are part of the crate, but not in its folder: cargo does not see them by itself.

fn main() {
    println!("cargo::rerun-if-changed=../../templates");
    println!("cargo::rerun-if-changed=../../examples");
}
