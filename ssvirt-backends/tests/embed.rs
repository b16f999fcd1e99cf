//! The example runs to its end.

#![cfg(all(feature = "sqlite", feature = "memory"))]

#[path = "../examples/embed.rs"]
mod embed;

#[test]
fn the_example_drives_a_cloud() {
    embed::main().unwrap();
}
