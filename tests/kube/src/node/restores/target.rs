//! The machine of a restore, and its DataVolumes.

use kube::{
    ResourceExt as _,
    api::{Patch, PatchParams, PostParams},
};
use serde_json::{Value, json};

use super::{LAST, NAME, Work};
use crate::node::{
    objects::{self, list, text},
    volumes::{POPULATED_FOR, PREPOPULATED},
};

impl Work<'_> {
    /// Gives the machine the spec that it had; whether there was something to do.
    pub(super) async fn machine(&mut self) -> kube::Result<bool> {
        let client = &self.stage.client;
        let mut spec = self.content["vm"]["spec"].clone();
        let templates = spec["dataVolumeTemplates"].clone();
        let claims = objects::within(client, self.space, &objects::claim());
        let mut is_new = false;
        let volumes = list(&spec, "/template/spec/volumes").to_vec();
        for (place, volume) in volumes.iter().enumerate() {
            let restores = list(&self.status, "/restores");
            let Some(at) = restores.iter().position(|r| r["volumeName"] == volume["name"]) else {
                continue;
            };
            let claim = restores[at]["persistentVolumeClaim"].clone();
            let new = &mut spec["template"]["spec"]["volumes"][place];
            let old = text(volume, "/dataVolume/name");
            let template = templates.as_array().and_then(|all| {
                all.iter()
                    .position(|template| !old.is_empty() && text(template, "/metadata/name") == old)
            });
            let Some(template) = template else {
                *new = json!({ "name": volume["name"], "persistentVolumeClaim": { "claimName": claim } });
                continue;
            };
            // As its claim is called.
            new["dataVolume"]["name"] = claim.clone();
            spec["dataVolumeTemplates"][template]["metadata"]["name"] = claim.clone();
            if self.status["restores"][at]["dataVolumeName"] != claim {
                self.status["restores"][at]["dataVolumeName"] = claim.clone();
                is_new = true;
            }
            let name = claim.as_str().unwrap_or_default();
            let patch = json!({ "metadata": {
                "annotations": { POPULATED_FOR: name }, "ownerReferences": null,
            } });
            if let Some(claim) = claims.get_opt(name).await?
                && claim.annotations().get(POPULATED_FOR).is_none_or(|other| other != name)
            {
                claims.patch(name, &PatchParams::default(), &Patch::Merge(patch)).await?;
            }
        }
        if is_new || self.data_volumes(&spec).await? {
            return Ok(true);
        }
        spec["runStrategy"] = self.vm.data["spec"]["runStrategy"].clone();
        let mut changed = self.vm.clone();
        changed.data["spec"] = spec;
        changed.annotations_mut().insert(LAST.to_owned(), self.mark());
        objects::write(client, &objects::machine(), &self.vm, changed).await?;
        Ok(true)
    }

    /// Makes those that are missing, and says which ones will have to go; whether there is more to do.
    async fn data_volumes(&mut self, spec: &Value) -> kube::Result<bool> {
        let all = objects::within(&self.stage.client, self.space, &objects::data_volume());
        let mut more = false;
        let names = |spec: &Value| -> Vec<String> {
            let templates = list(spec, "/dataVolumeTemplates").iter();
            templates.map(|template| text(template, "/metadata/name").to_owned()).collect()
        };
        for template in list(spec, "/dataVolumeTemplates") {
            match all.get_opt(text(template, "/metadata/name")).await? {
                Some(volume) => more |= text(&volume.data, "/status/phase") != "Succeeded",
                None => {
                    let mut metadata = template["metadata"].clone();
                    metadata["annotations"][PREPOPULATED] = "true".into();
                    metadata["annotations"][NAME] = self.restore.name_any().into();
                    // Its machine adopts it.
                    metadata["ownerReferences"] =
                        json!([objects::owner(&objects::machine(), &self.vm)]);
                    let made = objects::object(json!({
                        "apiVersion": "cdi.kubevirt.io/v1beta1", "kind": "DataVolume",
                        "metadata": metadata, "spec": template["spec"],
                    }))?;
                    objects::or_there(all.create(&PostParams::default(), &made).await)?;
                    more = true;
                }
            }
        }
        let kept = names(spec);
        let gone: Vec<String> =
            names(&self.vm.data["spec"]).into_iter().filter(|name| !kept.contains(name)).collect();
        if !gone.is_empty() && self.status["deletedDataVolumes"].is_null() {
            self.status["deletedDataVolumes"] = gone.into();
            return Ok(true);
        }
        Ok(more)
    }
}
