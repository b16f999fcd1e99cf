//! Virtual machines: how they are shown, and how changes are read.

pub mod change;
pub mod sections;
pub mod view;
