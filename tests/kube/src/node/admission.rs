//! The webhooks: the API server asks before it stores.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::api::ListParams;
use serde_json::{Value, json};

use super::{
    Stage, defaults,
    instancetypes::{self, Cause},
    objects::{self, text},
    rules,
};

/// Where machines are completed.
pub const MUTATE_MACHINES: &str = "/virtualmachines-mutate";
/// Where instances are completed.
pub const MUTATE_INSTANCES: &str = "/virtualmachineinstances-mutate";
/// Where machines are validated.
pub const VALIDATE_MACHINES: &str = "/virtualmachines-validate";
/// Where snapshots and restores are validated.
pub const VALIDATE_SNAPSHOTS: &str = "/virtualmachinesnapshots-validate";

/// Answers a review. None where nobody is asked at that path.
pub async fn review(stage: &Stage, path: &str, review: &Value) -> Option<Value> {
    let request = &review["request"];
    let answer = match path {
        MUTATE_MACHINES | MUTATE_INSTANCES => complete(path, request),
        VALIDATE_MACHINES => validate(stage, request).await,
        VALIDATE_SNAPSHOTS => validate_snapshot(stage, request).await,
        _ => return None,
    };
    let mut answer = answer;
    answer["uid"] = request["uid"].clone();
    Some(
        json!({ "apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": answer }),
    )
}

fn is_going(request: &Value) -> bool {
    !request["object"]["metadata"]["deletionTimestamp"].is_null()
}

fn complete(path: &str, request: &Value) -> Value {
    let object = &request["object"];
    let mut completed = object.clone();
    if is_going(request) {
        return json!({ "allowed": true });
    }
    if path == MUTATE_MACHINES {
        defaults::machine(&mut completed, &request["oldObject"], text(request, "/uid"));
    } else {
        defaults::instance(&mut completed);
    }
    let parts =
        [("metadata", "annotations"), ("metadata", "finalizers"), ("spec", ""), ("status", "")];
    let mut patch = Vec::new();
    for (part, within) in parts {
        let path = format!("/{part}/{within}");
        let path = path.trim_end_matches('/');
        let (old, new) = (object.pointer(path), completed.pointer(path));
        if old != new
            && let Some(new) = new
        {
            // It adds, and replaces what is there.
            patch.push(json!({ "op": "add", "path": path, "value": new }));
        }
    }
    if patch.is_empty() {
        return json!({ "allowed": true });
    }
    let patch = BASE64_STANDARD.encode(Value::from(patch).to_string());
    json!({ "allowed": true, "patchType": "JSONPatch", "patch": patch })
}

async fn validate(stage: &Stage, request: &Value) -> Value {
    let vm = &request["object"];
    if is_going(request) {
        return json!({ "allowed": true });
    }
    let space = text(request, "/namespace");
    let causes = match instancetypes::choose(&stage.client, space, &vm["spec"]).await {
        Ok(Ok(chosen)) => {
            let old = Some(&request["oldObject"]).filter(|old| old.is_object());
            rules::machine(vm, old, &chosen)
        }
        Ok(Err(cause)) => vec![cause],
        Err(error) => return broken(&error),
    };
    judged(&causes)
}

/// Of a snapshot or a restore.
async fn validate_snapshot(stage: &Stage, request: &Value) -> Value {
    let (new, old) = (&request["object"], &request["oldObject"]);
    if old.is_object() {
        return judged(&rules::immutable(new, old));
    }
    let mut causes = rules::names_a_machine(new);
    if new["kind"] == "VirtualMachineRestore" {
        let space = text(request, "/namespace");
        let restores = objects::within(&stage.client, space, &objects::restore());
        match restores.list(&ListParams::default()).await {
            Ok(others) => causes.extend(rules::in_the_way(new, &others.items)),
            Err(error) => return broken(&error),
        }
    }
    judged(&causes)
}

fn broken(error: &kube::Error) -> Value {
    let status = json!({ "code": 500, "message": error.to_string() });
    json!({ "allowed": false, "status": status })
}

fn judged(causes: &[Cause]) -> Value {
    if causes.is_empty() {
        json!({ "allowed": true })
    } else {
        json!({ "allowed": false, "status": rules::refusal(causes) })
    }
}
