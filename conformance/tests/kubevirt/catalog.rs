//! What a cluster offers, and VMs made of it.

mod cloud;
mod instances;
mod items;
mod scene;
