//! Custom resources of others, out of files or made from our own types.

use std::{
    env, fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::{Api, Client, ResourceExt as _};
use ssvirt_backends::kubevirt::resources;

use crate::{Anything, shared};

/// Names a folder of `<plural>.<group>.json` or `.yaml`, each a CustomResourceDefinition.
pub const FOLDER_VARIABLE: &str = "SSVIRT_CRDS";

/// Where such a folder is beside the repository, if anywhere.
const BESIDE: &str = "../../../shared/k8s/crds";

const PATIENCE: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(100);

/// The folder of the vendors' definitions, where there is one.
#[must_use]
pub fn folder() -> Option<PathBuf> {
    let named = env::var_os(FOLDER_VARIABLE).filter(|folder| !folder.is_empty()).map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join(BESIDE));
    folder.is_dir().then_some(folder)
}

/// Installs the vendors' definitions where there are any, else those that our own types make, which check less. Waits
/// until they are served. How many there are.
///
/// # Errors
/// What the API server refuses, or does not serve in time.
pub async fn install(client: &Client) -> Anything<usize> {
    let definitions = match folder() {
        Some(folder) => read(&folder)?,
        None if shared::is_ci() => return Err(format!("{FOLDER_VARIABLE} names no folder").into()),
        None => ours()?,
    };
    for (name, definition) in &definitions {
        // As it is: JSON is YAML too, and what is in it is the API server's to understand.
        let request = http::Request::patch(format!(
            "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{name}?fieldManager=bed&force=true"
        ))
        .header("content-type", "application/apply-patch+yaml")
        .body(definition.clone())?;
        let applied = client.request_text(request).await;
        applied.map_err(|error| format!("{name}: {error}"))?;
    }
    let served: Api<CustomResourceDefinition> = Api::all(client.clone());
    let start = Instant::now();
    for (name, _) in &definitions {
        while !is_served(&served.get(name).await?) {
            if start.elapsed() > PATIENCE {
                return Err(format!("{name} is not served").into());
            }
            tokio::time::sleep(POLL).await;
        }
    }
    Ok(definitions.len())
}

/// Definitions by name, as they are sent.
type Definitions = Vec<(String, Vec<u8>)>;

fn ours() -> Anything<Definitions> {
    let named = |definition: CustomResourceDefinition| {
        Ok((definition.name_any(), serde_json::to_vec(&definition)?))
    };
    resources::crds().into_iter().map(named).collect()
}

fn read(folder: &Path) -> Anything<Definitions> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let (Some(name), Some("json" | "yaml")) =
            (path.file_stem().and_then(|n| n.to_str()), path.extension().and_then(|e| e.to_str()))
        else {
            continue;
        };
        all.push((name.to_owned(), fs::read(&path)?));
    }
    Ok(all)
}

fn is_served(definition: &CustomResourceDefinition) -> bool {
    let status = definition.status.as_ref();
    let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
    conditions
        .iter()
        .any(|condition| condition.type_ == "Established" && condition.status == "True")
}
