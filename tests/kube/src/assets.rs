//! The programs of a control plane.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use crate::Anything;

/// Names the folder that the programs are in, as other test beds for Kubernetes have it.
pub const FOLDER_VARIABLE: &str = "KUBEBUILDER_ASSETS";
/// Where this repository's tools keep what they build and download.
const CACHE_VARIABLE: &str = "SSVIRT_CACHE";

/// What a control plane is made of.
pub const PROGRAMS: [&str; 3] = ["etcd", "kube-apiserver", "kube-controller-manager"];

/// The folder of the programs: the one that is named, else the one that they were built into.
///
/// # Errors
/// Says what to do where there are none.
pub fn find() -> Anything<PathBuf> {
    let complete = |folder: &Path| PROGRAMS.iter().all(|program| folder.join(program).is_file());
    let named = env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    if let Some(folder) = named.filter(|folder| complete(folder)) {
        return Ok(folder);
    }
    let cache = env::var_os(CACHE_VARIABLE)
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(env::var_os("HOME")?).join(".cache/ssvirt")))
        .ok_or("there is no home folder")?;
    // Of several versions any will do, and always the same.
    let mut built: Vec<PathBuf> = std::fs::read_dir(cache.join("kube"))
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path().join("bin"))
        .filter(|folder| complete(folder))
        .collect();
    built.sort();
    built.pop().ok_or_else(|| {
        format!(
            "there is no kube-apiserver: {FOLDER_VARIABLE} names no folder with {}, and none were built \
             (cargo xtask kube build)",
            PROGRAMS.join(", ")
        )
        .into()
    })
}

/// Builds the programs where there are none; their folder. It takes some minutes.
///
/// # Errors
/// Where there is no Go, or what is built cannot be downloaded.
pub fn build() -> Anything<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("build");
    let output = Command::new("bash").arg(script).stderr(Stdio::inherit()).output()?;
    if !output.status.success() {
        return Err("the programs cannot be built".into());
    }
    Ok(PathBuf::from(String::from_utf8(output.stdout)?.trim()))
}
