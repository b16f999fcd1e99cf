//! Organizations.

use super::{
    Caller, Cloud, catalog::may_read, check_name, check_version, found, user::may_have_role,
};
use crate::{
    backend::VmRef,
    error::{Error, Result},
    id::{Id, Urn},
    model::{
        Catalog, LeaseDefaults, Network, Org, Outcome, Role, Session, Task, User, VApp, Vdc, Vm,
    },
    rights::right,
    store::{
        By, Tx,
        gather::{Named, names, one},
    },
    task::{NewTask, Step},
};

/// An organization to be made.
#[derive(Clone, Debug)]
pub struct NewOrg {
    /// The name in URLs and logins.
    pub name: String,
    /// The name for people.
    pub full_name: String,
    /// Free text.
    pub description: String,
    /// Whether its users may log in.
    pub enabled: bool,
    /// Whether its catalogs may be published to other organizations.
    pub can_publish: bool,
    /// Leases of its new vApps and templates.
    pub leases: LeaseDefaults,
}

impl Default for NewOrg {
    /// Nameless, but enabled.
    fn default() -> Self {
        Self {
            name: String::new(),
            full_name: String::new(),
            description: String::new(),
            enabled: true,
            can_publish: false,
            leases: LeaseDefaults::default(),
        }
    }
}

/// What is to be different in an organization; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct OrgChange {
    /// The name in URLs and logins.
    pub name: Option<String>,
    /// The name for people.
    pub full_name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Whether its users may log in; a disabled one loses its sessions at once.
    pub enabled: Option<bool>,
    /// Whether its catalogs may be published to other organizations.
    pub can_publish: Option<bool>,
    /// The version that the change was made from; none overwrites any.
    pub version: Option<i64>,
}

/// How far removing an object goes, by VCD's parameters `recursive` and `force`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// With all that is in it, as long as each part may be removed as it is.
    pub recursive: bool,
    /// With all that is in it, whatever state it is in.
    pub force: bool,
    /// Although it is enabled; `force` says so too.
    pub enabled: bool,
}

impl Removal {
    /// Whether what is in it goes too.
    pub fn contents(self) -> bool {
        self.recursive || self.force
    }
}

/// Longest description of an organization (VCD: 256 characters).
const MAX_DESCRIPTION: usize = 256;

/// An organization with what is in it.
#[derive(Clone, Debug)]
pub struct OrgContents {
    /// The organization.
    pub org: Org,
    /// Its VDCs.
    pub vdcs: Vec<Named<Vdc>>,
    /// Its catalogs, as far as the caller may see catalogs.
    pub catalogs: Vec<Named<Catalog>>,
    /// The networks of its VDCs.
    pub networks: Vec<Named<Network>>,
}

/// What an organization's administrator sees of it.
#[derive(Clone, Debug)]
pub struct OrgAdministration {
    /// The organization and what is in it.
    pub contents: OrgContents,
    /// The roles that its users can have.
    pub roles: Vec<Named<Role>>,
    /// Its users, as far as the caller may see users.
    pub users: Vec<Named<User>>,
}

impl Cloud {
    /// The organizations that the caller sees, by name: all for a provider, else the own one.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn orgs(&self, caller: &Caller) -> Result<Vec<Org>> {
        let mut tx = self.glance().await?;
        if caller.is_provider() {
            return tx.select(&[]).await;
        }
        Ok(tx.get(caller.org).await?.into_iter().collect())
    }

    /// An organization.
    ///
    /// # Errors
    /// `Forbidden` when there is none that the caller sees.
    pub async fn org(&self, caller: &Caller, id: Id<Org>) -> Result<Org> {
        if !caller.sees_org(id) {
            return Err(Error::no_access(id));
        }
        found(self.glance().await?.get(id).await?, id)
    }

    /// An organization with what is in it.
    ///
    /// # Errors
    /// `Forbidden` when there is none that the caller sees.
    pub async fn org_contents(&self, caller: &Caller, id: Id<Org>) -> Result<OrgContents> {
        if !caller.sees_org(id) {
            return Err(Error::no_access(id));
        }
        let of = || [By::Org(id)];
        let parts = (one(id), names(of()), names(visible_catalogs(caller, id)), names(of()));
        let (org, vdcs, catalogs, networks) = self.glance().await?.gather(parts).await?;
        Ok(OrgContents { org: found(org, id)?, vdcs, catalogs, networks })
    }

    /// The same with the organization's roles, and for those who may see them its users.
    ///
    /// # Errors
    /// `Forbidden` when there is none that the caller sees.
    pub async fn org_administration(
        &self,
        caller: &Caller,
        id: Id<Org>,
    ) -> Result<OrgAdministration> {
        if !caller.sees_org(id) {
            return Err(Error::no_access(id));
        }
        let of = || [By::Org(id)];
        let users = if caller.has(right::USER_VIEW) { By::Org(id) } else { By::Ids(Vec::new()) };
        let parts = (
            one(id),
            names(of()),
            names(visible_catalogs(caller, id)),
            names(of()),
            names([By::NoOrg]),
            names(of()),
            names([users]),
        );
        let (org, vdcs, catalogs, networks, standard, own, users) =
            self.glance().await?.gather(parts).await?;
        let mut roles: Vec<Named<Role>> = standard;
        roles.extend(own);
        roles.retain(|role| may_have_role(id, role.id));
        let contents = OrgContents { org: found(org, id)?, vdcs, catalogs, networks };
        Ok(OrgAdministration { contents, roles, users })
    }

    /// The organization of that name, without regard to case.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn org_by_name(&self, caller: &Caller, name: &str) -> Result<Option<Org>> {
        let org = self.glance().await?.find::<Org>(&[By::NameNoCase(name.to_owned())]).await?;
        Ok(org.filter(|org| caller.sees_org(org.id)))
    }

    /// Makes an organization. Provider only.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Forbidden`.
    pub async fn create_org(&self, caller: &Caller, new: NewOrg) -> Result<Org> {
        caller.require_provider()?;
        let org = Org {
            id: self.id(),
            name: new.name,
            full_name: new.full_name,
            description: new.description,
            enabled: new.enabled,
            can_publish: new.can_publish,
            leases: new.leases,
            created: self.now(),
            version: 0,
        };
        check(&org)?;
        let mut tx = self.begin().await?;
        tx.insert(&org).await?;
        self.audit(caller, &mut tx, "orgCreate", (org.id.any(), &org.name), Outcome::Success)
            .await?;
        tx.commit().await?;
        Ok(org)
    }

    /// Changes an organization: a provider all of it, its administrators the full name and the description.
    ///
    /// # Errors
    /// `DuplicateName`, `BadRequest`, `Conflict`, `Forbidden`; `InvalidState` for renaming or disabling
    /// the System organization.
    pub async fn change_org(&self, caller: &Caller, id: Id<Org>, change: OrgChange) -> Result<Org> {
        if !caller.sees_org(id) {
            return Err(Error::no_access(id));
        }
        caller.require(right::ORG_EDIT)?;
        let mut tx = self.begin().await?;
        let mut org = found(tx.get(id).await?, id)?;
        check_version(org.version, change.version)?;
        let before = org.clone();
        org.name = change.name.unwrap_or(org.name);
        org.full_name = change.full_name.unwrap_or(org.full_name);
        org.description = change.description.unwrap_or(org.description);
        org.enabled = change.enabled.unwrap_or(org.enabled);
        org.can_publish = change.can_publish.unwrap_or(org.can_publish);
        let providers = |org: &Org| (org.name.clone(), org.enabled, org.can_publish);
        if providers(&org) != providers(&before) {
            caller.require_provider()?;
        }
        if org.is_system() && (org.name != before.name || !org.enabled) {
            return Err(Error::invalid_state(
                "The System organization can be neither renamed nor disabled.",
            ));
        }
        check(&org)?;
        tx.update(&mut org).await?;
        if !org.enabled {
            tx.delete_all::<Session>(&[By::Org(id)]).await?;
        }
        self.audit(caller, &mut tx, "orgUpdate", (id.any(), &org.name), Outcome::Success).await?;
        tx.commit().await?;
        Ok(org)
    }

    /// Enables or disables an organization; a disabled one loses its sessions at once. Provider only.
    ///
    /// # Errors
    /// `Forbidden`; `InvalidState` for the System organization.
    pub async fn set_org_enabled(
        &self,
        caller: &Caller,
        id: Id<Org>,
        enabled: bool,
    ) -> Result<Org> {
        caller.require_provider()?;
        let change = OrgChange { enabled: Some(enabled), ..OrgChange::default() };
        self.change_org(caller, id, change).await
    }

    /// Deletes a disabled organization with its users. Provider only.
    ///
    /// # Errors
    /// `InvalidState` for the System organization, one that is enabled unless forced, and one with VDCs or
    /// catalogs unless these are to go too; `Busy`; `Forbidden`.
    pub async fn delete_org(&self, caller: &Caller, id: Id<Org>, removal: Removal) -> Result<Task> {
        caller.require_provider()?;
        let mut tx = self.begin().await?;
        let mut org = found(tx.get(id).await?, id)?;
        if org.is_system() {
            return Err(Error::invalid_state("The System organization cannot be deleted."));
        }
        if org.enabled && !(removal.force || removal.enabled) {
            return Err(Error::invalid_state(format!(
                "The organization \"{}\" must be disabled before it is deleted.",
                org.name
            )));
        }
        let vdcs: Vec<Vdc> = tx.select(&[By::Org(id)]).await?;
        let catalogs = tx.count::<Catalog>(&[By::Org(id)]).await?;
        if !removal.contents() && (!vdcs.is_empty() || catalogs > 0) {
            return Err(Error::invalid_state(format!(
                "The organization \"{}\" still has VDCs or catalogs.",
                org.name
            )));
        }
        let mut task = NewTask {
            // Its own tasks go with it; this one is the provider's to look at.
            org: Org::SYSTEM,
            owner: id.any(),
            owner_name: org.name.clone(),
            operation_name: "orgDelete",
            operation: format!("Deleting Organization {}({})", org.name, org.id),
            steps: Vec::new(),
            done: 0,
            locks: vec![id.any()],
        };
        for vdc in &vdcs {
            tx.lock_vdc(vdc.id).await?;
            let (steps, locks) = removing_vdc(&mut tx, vdc, removal).await?;
            task.steps.extend(steps);
            task.locks.extend(locks);
        }
        task.steps.push(Step::ForgetOrg { org: id });
        // Nobody is to add to it while it goes, nor if that is interrupted.
        org.enabled = false;
        tx.update(&mut org).await?;
        tx.delete_all::<Session>(&[By::Org(id)]).await?;
        self.run(caller, tx, task).await
    }
}

/// The steps that remove a VDC with all that is in it, VM by VM, and what is to be locked for them.
pub(super) async fn removing_vdc(
    tx: &mut Tx,
    vdc: &Vdc,
    removal: Removal,
) -> Result<(Vec<Step>, Vec<Urn>)> {
    let (mut steps, mut locks) = (Vec::new(), vec![vdc.id.any()]);
    let vapps: Vec<VApp> = tx.select(&[By::Vdc(vdc.id)]).await?;
    if !removal.contents() && !vapps.is_empty() {
        return Err(Error::invalid_state(format!("The VDC \"{}\" still has vApps.", vdc.name)));
    }
    for vapp in vapps {
        let vms: Vec<Vm> = tx.select(&[By::VApp(vapp.id)]).await?;
        if !removal.force && vms.iter().any(|vm| vm.deployed) {
            return Err(super::vapp::running("vApp", &vapp.name));
        }
        for vm in &vms {
            locks.push(vm.id.any());
            steps.push(Step::DeleteVm { vm: VmRef { vm: vm.id, vdc: vm.vdc } });
            steps.push(Step::Forget { vapp: None, vms: vec![vm.id] });
        }
        locks.push(vapp.id.any());
        steps.push(Step::Forget { vapp: Some(vapp.id), vms: Vec::new() });
    }
    steps.push(Step::RemovePlace { provider: vdc.provider, vdc: vdc.id });
    steps.push(Step::ForgetVdc { vdc: vdc.id });
    Ok((steps, locks))
}

/// Refuses what VCD's schema of an organization refuses: letters, digits and some punctuation in its name.
fn check(org: &Org) -> Result<()> {
    check_name(&org.name)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.!'(),$".contains(c);
    if !org.name.chars().all(plain) {
        return Err(Error::bad_request(
            "The name of an organization has only letters, digits and _-.!'(),$.",
        ));
    }
    if !org.full_name.is_empty() {
        check_name(&org.full_name)?;
    }
    if org.description.chars().count() > MAX_DESCRIPTION {
        return Err(Error::bad_request("A description has at most 256 characters."));
    }
    Ok(())
}

/// The catalogs of an organization, or none for those who may not see catalogs.
fn visible_catalogs(caller: &Caller, org: Id<Org>) -> [By; 1] {
    [if may_read(caller) { By::Org(org) } else { By::Ids(Vec::new()) }]
}
