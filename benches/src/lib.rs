//! ssvirt-benches
