//! Benches only; see `benches/`. `cargo bench -p ssvirt-benches` runs them. Each group has a baseline, so that
//! what counts is the ratio within one run, not the figure of one machine.
