//! VMs out of OpenShift's templates: a `TemplateInstance` with a copy of the template, and a `Secret` with what is
//! said to its parameters. OpenShift makes the objects, and removes them with the instance.

mod remove;

use std::collections::BTreeMap;

use k8s_openapi::{
    api::core::v1::Secret,
    apimachinery::pkg::apis::meta::v1::{ObjectMeta, OwnerReference},
};
use kube::{
    Api, Resource, ResourceExt as _,
    api::{DynamicObject, ListParams, ObjectList, Patch, PatchParams, PostParams},
    core::ApiResource,
};
use serde_json::json;
use ssvirt_core::{
    Error, Result,
    backend::{VmPlan, VmRef},
    model::VmState,
};
use tokio::time::{Instant, sleep};

use super::{
    copy::{Copy, copy},
    failure,
    shape::shape,
};
use crate::kubevirt::{
    FIELD_MANAGER,
    call::{call, call_opt, raw},
    error::{error, is_taken},
    labels, names,
    resources::{
        Template, TemplateInstance, VirtualMachine,
        shared::{Condition, LocalRef},
        template_instance::TemplateInstanceSpec,
    },
    room,
    vm::{guest, object::Site},
    vms::{Found, PATIENCE, POLL, Vms, what},
};

/// How often a change is tried again that somebody else came in between of.
const ATTEMPTS: usize = 5;

/// A VM of a template, as an image: `template:namespace/name#index`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateVmRef {
    namespace: String,
    name: String,
    index: usize,
}

impl TemplateVmRef {
    /// The image of a template's VM.
    pub fn image(template: &Template, index: usize) -> String {
        let namespace = template.namespace().unwrap_or_default();
        format!("template:{namespace}/{}#{index}", template.name_any())
    }

    /// The template that a VM is made of; none where it is made of something else.
    pub fn of(plan: &VmPlan) -> Option<Self> {
        let named = plan.spec.image.as_deref()?.strip_prefix("template:")?;
        let (namespace, rest) = named.split_once('/')?;
        let (name, index) = rest.rsplit_once('#')?;
        let index = index.parse().ok()?;
        Some(Self { namespace: namespace.to_owned(), name: name.to_owned(), index })
    }
}

impl Vms {
    fn instances_in(&self, namespace: &str) -> Api<TemplateInstance> {
        Api::namespaced(self.client.clone(), namespace)
    }

    fn secrets_in(&self, namespace: &str) -> Api<Secret> {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// Makes a VM of a template, and answers when OpenShift has made it.
    pub async fn instantiate(
        &self,
        plan: &VmPlan,
        at: &Site,
        of: &TemplateVmRef,
    ) -> Result<VmState> {
        let what = what(plan.target);
        let namespace = &at.namespace;
        let contents = guest::contents(plan)?;
        let instance = match self.instance_of(namespace, plan.target).await? {
            Some(instance) => instance,
            None => self.begin_instance(plan, at, of).await?,
        };
        self.own_secret(namespace, &instance, &what).await?;
        let until = Instant::now() + PATIENCE;
        loop {
            let instance = self.instance_of(namespace, plan.target).await?;
            let conditions = instance.as_ref().and_then(|found| found.status.as_ref());
            let conditions =
                conditions.map(|status| status.conditions.as_slice()).unwrap_or_default();
            let failed = Condition::find(conditions, "InstantiateFailure")
                .filter(|_| Condition::holds(conditions, "InstantiateFailure"));
            if let Some(failed) = failed {
                let why = failure::error(&what, failed.message.as_deref().unwrap_or_default());
                // What cannot be removed now is removed by whoever undoes this.
                if let Err(error) = self.delete(plan.target).await {
                    tracing::info!(
                        error = &error as &dyn std::error::Error,
                        "a template instance that failed is not gone yet"
                    );
                }
                return Err(why);
            }
            if Condition::holds(conditions, "Ready") {
                let found = self.get(plan.target).await?;
                self.set_up_guest(plan.target, &found, contents).await?;
                return Ok(found.state());
            }
            if Instant::now() > until {
                return Err(Error::unavailable(format!("{what} is being made of its template.")));
            }
            sleep(POLL).await;
        }
    }

    /// The instance of a VM. One that is on its way out is none, and has to be waited for.
    async fn instance_of(
        &self,
        namespace: &str,
        target: VmRef,
    ) -> Result<Option<TemplateInstance>> {
        let what = what(target);
        let listed = self.list_instances(namespace, target).await?;
        let found = listed.and_then(|listed| listed.items.into_iter().next());
        if found.as_ref().is_some_and(|found| found.metadata.deletion_timestamp.is_some()) {
            return Err(Error::unavailable(format!("{what} is being removed.")));
        }
        Ok(found)
    }

    /// The instances of a VM; none where the cluster has no such kind.
    async fn list_instances(
        &self,
        namespace: &str,
        target: VmRef,
    ) -> Result<Option<ObjectList<TemplateInstance>>> {
        call_opt(&what(target), self.instances_in(namespace).list(&of_vm(target))).await
    }

    /// The Secret first: OpenShift looks for it as soon as there is an instance.
    async fn begin_instance(
        &self,
        plan: &VmPlan,
        at: &Site,
        of: &TemplateVmRef,
    ) -> Result<TemplateInstance> {
        let what = what(plan.target);
        let namespace = &at.namespace;
        let templates: Api<Template> = Api::namespaced(self.client.clone(), &of.namespace);
        let template = call_opt("The template", templates.get(&of.name)).await?;
        let template =
            template.ok_or_else(|| Error::invalid_state("The template is not there any more."))?;
        let name = names::vm(&plan.name, plan.target.vm.uuid());
        let Copy { template, values } = copy(&template, of.index, plan, at, &name)?;
        // The parameters' Secret, and perhaps the guest's.
        let secrets = 1 + i64::from(guest::contents(plan)?.is_some());
        let needs = room::of_new(&plan.spec, &at.classes, secrets);
        room::check(&self.client, namespace, &what, &needs).await?;
        let by_us =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };

        let mut labels = labels::of_vm(plan);
        labels.insert(labels::TEMPLATE_INSTANCE.to_owned(), name.clone());
        let secret = secret(&name, labels.clone(), values);
        match raw(self.secrets_in(namespace).create(&by_us, &secret)).await? {
            // By an earlier try.
            Err(cause) if !is_taken(&cause) => return Err(error(&what, cause)),
            _ => {}
        }
        labels.insert(labels::TEMPLATE_NAME.to_owned(), names::label_value(&of.name));
        let params = LocalRef { name: params_name(&name) };
        let spec = TemplateInstanceSpec { template, secret: Some(params) };
        let mut wanted = TemplateInstance::new(&name, spec);
        wanted.metadata.labels = Some(labels);
        wanted.metadata.annotations = Some(labels::vm_annotations(plan));
        let instances = self.instances_in(namespace);
        match raw(instances.create(&by_us, &wanted)).await? {
            Ok(made) => Ok(made),
            // By a call at the same time as this.
            Err(cause) if is_taken(&cause) => call(&what, instances.get(&name)).await,
            Err(cause) => Err(error(&what, cause)),
        }
    }

    /// The Secret goes with its instance.
    async fn own_secret(
        &self,
        namespace: &str,
        instance: &TemplateInstance,
        what: &str,
    ) -> Result<()> {
        let owner = OwnerReference {
            api_version: TemplateInstance::api_version(&()).into_owned(),
            kind: TemplateInstance::kind(&()).into_owned(),
            name: instance.name_any(),
            uid: instance.uid().unwrap_or_default(),
            controller: Some(true),
            // It would take a right to the instance's finalizers.
            block_owner_deletion: None,
        };
        let name = params_name(&owner.name);
        let patch = Patch::Merge(json!({ "metadata": { "ownerReferences": [owner] } }));
        let secrets = self.secrets_in(namespace);
        call(what, secrets.patch(&name, &PatchParams::default(), &patch)).await.map(drop)
    }

    /// Makes a VM that OpenShift has made like its plan. It is read and replaced as JSON: what the template says
    /// beyond what is typed here stays.
    pub async fn change_made(&self, plan: &VmPlan, found: &Found) -> Result<()> {
        let what = what(plan.target);
        let kind = ApiResource::erase::<VirtualMachine>(&());
        let machines: Api<DynamicObject> =
            Api::namespaced_with(self.client.clone(), &found.namespace, &kind);
        let name = found.name();
        let site = self.site(plan.target.vdc).await?;
        let contents = guest::contents(plan)?;
        if contents.is_some() {
            self.set_up_guest(plan.target, found, contents.clone()).await?;
        }
        let by_us =
            PostParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PostParams::default() };
        for _ in 0..ATTEMPTS {
            let mut vm = call(&what, machines.get(&name)).await?;
            vm.metadata.managed_fields = None;
            let mut value = serde_json::to_value(&vm)?;
            shape(&mut value, plan, &site, &name)?;
            let changed: DynamicObject = serde_json::from_value(value)?;
            match raw(machines.replace(&name, &by_us, &changed)).await? {
                Ok(_) => {
                    if contents.is_none() {
                        // Nothing refers to it any more.
                        self.set_up_guest(plan.target, found, None).await?;
                    }
                    return Ok(());
                }
                // KubeVirt has written its status meanwhile.
                Err(kube::Error::Api(status)) if status.code == 409 => sleep(POLL).await,
                Err(cause) => return Err(error(&what, cause)),
            }
        }
        Err(Error::unavailable(format!("{what} was changed at the same time.")))
    }
}

/// Whether a VM was made of a template.
pub fn is_of_template(vm: &VirtualMachine) -> bool {
    vm.labels().contains_key(labels::TEMPLATE_INSTANCE)
}

fn of_vm(target: VmRef) -> ListParams {
    ListParams::default().labels(&format!("{}={}", labels::VM_ID, target.vm.uuid()))
}

fn params_name(instance: &str) -> String {
    format!("{instance}-params")
}

fn secret(
    instance: &str,
    labels: BTreeMap<String, String>,
    values: BTreeMap<String, String>,
) -> Secret {
    Secret {
        metadata: ObjectMeta {
            name: Some(params_name(instance)),
            labels: Some(labels),
            ..ObjectMeta::default()
        },
        string_data: Some(values),
        ..Secret::default()
    }
}
