//! TemplateInstances, as OpenShift's template controller makes and unmakes their objects.

use std::{
    collections::BTreeMap,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    sync::Arc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kube::{
    Api, Client, Error, ResourceExt as _,
    api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, PostParams},
    discovery::{Scope, pinned_kind},
    runtime::controller::Action,
};
use serde_json::{Map, Value, json};

use super::{
    Stage,
    faults::{Step, Turn, Who},
    objects::{self, is_going, is_true, list, namespace, now, text},
};

const FINALIZER: &str = "template.openshift.io/finalizer";
/// What all objects of an instance are labelled with: its uid.
const OWNER: &str = "template.openshift.io/template-instance-owner";
const FAILED: &str = "unable to create the objects of the template";

type Values = BTreeMap<String, String>;

/// Brings a TemplateInstance one step further.
pub async fn reconcile(instance: Arc<DynamicObject>, stage: Arc<Stage>) -> kube::Result<Action> {
    let (client, resource) = (&stage.client, objects::template_instance());
    if is_going(&instance) {
        if instance.finalizers().iter().any(|held| held == FINALIZER) {
            for made in list(&instance.data, "/status/objects") {
                delete(client, &made["ref"]).await?;
            }
            objects::hold(client, &resource, &instance, FINALIZER, false).await?;
        }
        return Ok(Action::await_change());
    }
    let mut status = instance.data["status"].clone();
    if is_true(&status, "Ready") || is_true(&status, "InstantiateFailure") {
        return Ok(Action::await_change());
    }
    // Otherwise what is made could outlive it.
    if objects::hold(client, &resource, &instance, FINALIZER, true).await? {
        return Ok(Action::await_change());
    }
    let (uid, space, name) =
        (instance.uid().unwrap_or_default(), namespace(&instance), instance.name_any());
    let who = Who { uid: &uid, namespace: &space, machine: &name };
    let mut wrong = match stage.play.turn(&who, Step::Instantiate) {
        Turn::Later(left) => return Ok(Action::requeue(left)),
        Turn::Failed(message) => vec![message.unwrap_or_else(|| FAILED.to_owned())],
        Turn::Done => Vec::new(),
    };
    // A failure comes after what could be made: that is for whoever deletes the instance.
    let mut made = Vec::new();
    match process(client, &instance).await? {
        Ok(all) => {
            for object in all {
                match create(client, &uid, &space, object).await? {
                    Ok(reference) => made.push(json!({ "ref": reference })),
                    Err(message) => wrong.push(message),
                }
            }
        }
        Err(message) => wrong.push(message),
    }
    status["objects"] = made.into();
    if wrong.is_empty() {
        say(&mut status, "Ready", "Created", "");
    } else {
        say(&mut status, "InstantiateFailure", "Failed", &wrong.join("\n"));
    }
    objects::write_status(client, &resource, &instance, status).await?;
    Ok(Action::await_change())
}

fn say(status: &mut Value, name: &str, reason: &str, message: &str) {
    let condition = json!({
        "type": name, "status": "True", "reason": reason, "message": message,
        "lastTransitionTime": now(),
    });
    match status["conditions"].as_array_mut() {
        Some(all) => all.push(condition),
        None => status["conditions"] = json!([condition]),
    }
}

/// The objects with the parameters in place, or what is wrong.
async fn process(
    client: &Client,
    instance: &DynamicObject,
) -> kube::Result<Result<Vec<Value>, String>> {
    let spec = &instance.data["spec"];
    let mut secret = Value::Null;
    let named = text(spec, "/secret/name");
    if !named.is_empty() {
        let secrets = objects::within(client, &namespace(instance), &objects::secret());
        match secrets.get(named).await {
            Ok(found) => secret = found.data["data"].clone(),
            Err(Error::Api(refusal)) if refusal.code == 404 => {
                let message = &refusal.message;
                return Ok(Err(format!("unable to retrieve TemplateInstance Secret: {message}")));
            }
            Err(error) => return Err(error),
        }
    }
    let template = &spec["template"];
    let values = match values(template, &secret, &instance.uid().unwrap_or_default()) {
        Ok(values) => values,
        Err(message) => {
            return Ok(Err(format!("unable to process Template objects: {message}")));
        }
    };
    let labels = substitute(&template["labels"], &values);
    let object = |raw: &Value| {
        let mut object = substitute(raw, &values);
        // One that stands there as it is is left out.
        if !text(raw, "/metadata/namespace").contains("${")
            && let Some(metadata) = object["metadata"].as_object_mut()
        {
            metadata.remove("namespace");
        }
        for (key, value) in labels.as_object().into_iter().flatten() {
            object["metadata"]["labels"][key] = value.clone();
        }
        object
    };
    Ok(Ok(list(template, "/objects").iter().map(object).collect()))
}

fn values(template: &Value, secret: &Value, seed: &str) -> Result<Values, String> {
    let mut values = Values::new();
    for (index, parameter) in list(template, "/parameters").iter().enumerate() {
        let name = text(parameter, "/name");
        let given = secret[name].as_str().map(|encoded| {
            let bytes = BASE64_STANDARD.decode(encoded).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        });
        let value = match (given, text(parameter, "/value"), text(parameter, "/generate")) {
            (Some(given), ..) => given,
            (None, "", "expression") => {
                generate(text(parameter, "/from"), &format!("{seed}/{name}"))
                    .ok_or_else(|| format!("template.parameters[{index}]: malformed expression"))?
            }
            (None, value, _) => value.to_owned(),
        };
        if value.is_empty() && parameter["required"] == true {
            return Err(format!(
                "template.parameters[{index}]: Required value: template.parameters[{index}]: parameter {name} is \
                 required and must be specified"
            ));
        }
        values.insert(name.to_owned(), value);
    }
    Ok(values)
}

/// A text out of an expression such as `vm-[a-z0-9]{8}`; the same for the same seed.
fn generate(from: &str, seed: &str) -> Option<String> {
    let mut made = String::new();
    let mut rest = from;
    while let Some(open) = rest.find('[') {
        made.push_str(&rest[..open]);
        let close = open + rest[open..].find(']')?;
        let class: Vec<char> = rest[open + 1..close].chars().collect();
        let mut all = Vec::new();
        let mut at = 0;
        while at < class.len() {
            match (class[at], class.get(at + 1), class.get(at + 2)) {
                ('\\', Some('w'), _) => all.extend(('a'..='z').chain('A'..='Z').chain('0'..='9')),
                ('\\', Some('a'), _) => all.extend(('a'..='z').chain('A'..='Z').chain('0'..='9')),
                ('\\', Some('d'), _) => all.extend('0'..='9'),
                ('\\', ..) => return None,
                (first, Some('-'), Some(last)) => {
                    all.extend(first..=*last);
                    at += 1;
                }
                (one, ..) => {
                    all.push(one);
                    at += 1;
                    continue;
                }
            }
            at += 2;
        }
        rest = &rest[close + 1..];
        let mut count = 1;
        if let Some(behind) = rest.strip_prefix('{') {
            let (number, behind) = behind.split_once('}')?;
            count = number.parse().ok()?;
            rest = behind;
        }
        for place in 0..count {
            let mut hasher = DefaultHasher::new();
            (seed, made.len(), place).hash(&mut hasher);
            let of = u64::try_from(all.len()).ok().filter(|of| *of > 0)?;
            made.push(all[usize::try_from(hasher.finish() % of).ok()?]);
        }
    }
    made.push_str(rest);
    Some(made)
}

fn substitute(value: &Value, values: &Values) -> Value {
    match value {
        Value::String(given) => {
            let whole = given.strip_prefix("${{").and_then(|rest| rest.strip_suffix("}}"));
            if let Some(value) = whole.and_then(|name| values.get(name)) {
                return serde_json::from_str(value).unwrap_or_else(|_| value.as_str().into());
            }
            in_text(given, values).into()
        }
        Value::Array(items) => items.iter().map(|item| substitute(item, values)).collect(),
        Value::Object(members) => {
            let members = members.iter();
            let members =
                members.map(|(key, value)| (in_text(key, values), substitute(value, values)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        other => other.clone(),
    }
}

fn in_text(given: &str, values: &Values) -> String {
    let mut parts = given.split("${");
    let mut made = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('}').and_then(|(name, rest)| Some((values.get(name)?, rest))) {
            Some((value, rest)) => made.extend([value.as_str(), rest]),
            None => made.extend(["${", part]),
        }
    }
    made
}

/// Where an object of a kind is, or that there is no such kind.
async fn place(
    client: &Client,
    space: &str,
    api_version: &str,
    kind: &str,
) -> kube::Result<Option<(Api<DynamicObject>, ApiResource)>> {
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    match pinned_kind(client, &GroupVersionKind::gvk(group, version, kind)).await {
        Ok((resource, capabilities)) => {
            let api = match capabilities.scope {
                Scope::Namespaced => objects::within(client, space, &resource),
                Scope::Cluster => objects::all(client, &resource),
            };
            Ok(Some((api, resource)))
        }
        Err(Error::Discovery(_)) => Ok(None),
        Err(Error::Api(status)) if status.code == 404 => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes an object, or finds it made by the same instance. A reference to it, or what is refused.
async fn create(
    client: &Client,
    owner: &str,
    space: &str,
    mut object: Value,
) -> kube::Result<Result<Value, String>> {
    let (version, kind) =
        (text(&object, "/apiVersion").to_owned(), text(&object, "/kind").to_owned());
    let named = text(&object, "/metadata/name").to_owned();
    let own = text(&object, "/metadata/namespace").to_owned();
    let space = if own.is_empty() { space } else { &own };
    let Some((api, resource)) = place(client, space, &version, &kind).await? else {
        return Ok(Err(format!(
            "unable to identify the resource mapping for {version}, Kind={kind}: no matches for kind"
        )));
    };
    object["metadata"]["labels"][OWNER] = owner.into();
    let created = api.create(&PostParams::default(), &objects::object(object)?).await;
    let created = match created {
        Err(Error::Api(refusal)) if refusal.reason == "AlreadyExists" => {
            let there = api.get(&named).await?;
            let is_ours = there.labels().get(OWNER).is_some_and(|label| label == owner);
            if is_ours { Ok(there) } else { Err(Error::Api(refusal)) }
        }
        other => other,
    };
    match created {
        Ok(made) => Ok(Ok(json!({
            "apiVersion": version, "kind": kind, "namespace": made.namespace(), "name": made.name_any(),
            "uid": made.uid(),
        }))),
        Err(Error::Api(refusal)) if refusal.code < 500 => Ok(Err(format!(
            "unable to create {version}, Resource={}, Name={named}: {}",
            resource.plural, refusal.message
        ))),
        Err(error) => Err(error),
    }
}

async fn delete(client: &Client, reference: &Value) -> kube::Result<()> {
    let (version, kind) = (text(reference, "/apiVersion"), text(reference, "/kind"));
    let found = place(client, text(reference, "/namespace"), version, kind).await?;
    let Some((api, _)) = found else { return Ok(()) };
    let deleted = api.delete(text(reference, "/name"), &DeleteParams::foreground()).await;
    objects::or_missing(deleted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_in() {
        let values = Values::from([("A".to_owned(), "1".to_owned())]);
        let given = json!({ "${A}": ["${{A}}", "x${A}${B}"] });
        assert_eq!(substitute(&given, &values), json!({ "1": [1, "x1${B}"] }));
        let made = generate("vm-[a-c]{4}[0-9]", "seed").unwrap_or_default();
        assert!(made.len() == 8 && made.starts_with("vm-"), "{made}");
        assert_eq!(generate("[\\q]", "seed"), None);
    }
}
