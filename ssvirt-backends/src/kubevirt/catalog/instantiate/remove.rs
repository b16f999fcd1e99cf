//! The end of what was made of a template.

use kube::{
    ResourceExt as _,
    api::{DeleteParams, ListParams},
};
use ssvirt_core::{Error, Result, backend::VmRef};
use tokio::time::{Instant, sleep};

use crate::kubevirt::{
    call::{call, call_opt},
    labels,
    resources::{TemplateInstance, shared::Condition},
    vms::{PATIENCE, POLL, Vms, what},
};

impl Vms {
    /// Ends instances that are not ready: OpenShift must not make a VM anew that is being deleted.
    pub async fn cancel_instances(&self, target: VmRef) -> Result<()> {
        self.delete_instances(target, |instance| {
            let conditions = instance.status.as_ref().map(|status| status.conditions.as_slice());
            !Condition::holds(conditions.unwrap_or_default(), "Ready")
        })
        .await
        .map(drop)
    }

    /// Removes what was made beside a VM: its instance with all objects of it, and the Secret. Answers when it
    /// is gone.
    pub async fn remove_instances(&self, target: VmRef) -> Result<()> {
        let what = what(target);
        let until = Instant::now() + PATIENCE;
        while let Some(namespace) = self.delete_instances(target, |_| true).await? {
            if Instant::now() > until {
                return Err(Error::unavailable(format!("{what} is being deleted.")));
            }
            let left = self.list_instances(&namespace, target).await?;
            if left.is_none_or(|left| left.items.is_empty()) {
                // Of a try that did not come as far as the instance.
                let ours = of_instance(target);
                let secrets = self.secrets_in(&namespace);
                for secret in call(&what, secrets.list(&ours)).await? {
                    let name = secret.name_any();
                    call_opt(&what, secrets.delete(&name, &DeleteParams::default())).await?;
                }
                break;
            }
            sleep(POLL).await;
        }
        // OpenShift had not written down yet what it made.
        match self.find(target).await? {
            Some(_) => Err(Error::unavailable(format!("{what} is being deleted."))),
            None => Ok(()),
        }
    }

    /// Deletes instances of a VM that are to go. Its namespace, where the cluster has such a kind.
    async fn delete_instances(
        &self,
        target: VmRef,
        is_to_go: impl Fn(&TemplateInstance) -> bool,
    ) -> Result<Option<String>> {
        let Some(namespace) = self.places.find(target.vdc).await? else { return Ok(None) };
        let Some(listed) = self.list_instances(&namespace, target).await? else { return Ok(None) };
        let instances = self.instances_in(&namespace);
        let going = listed.items.into_iter().filter(|instance| {
            instance.metadata.deletion_timestamp.is_none() && is_to_go(instance)
        });
        for instance in going {
            let all = DeleteParams::foreground();
            call_opt(&what(target), instances.delete(&instance.name_any(), &all)).await?;
        }
        Ok(Some(namespace))
    }
}

fn of_instance(target: VmRef) -> ListParams {
    let (vm, instance) = (labels::VM_ID, labels::TEMPLATE_INSTANCE);
    ListParams::default().labels(&format!("{vm}={},{instance}", target.vm.uuid()))
}
