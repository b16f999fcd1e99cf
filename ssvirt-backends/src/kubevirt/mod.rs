//! Virtual machines on KubeVirt: so far the custom resources that they consist of.

pub mod resources;
