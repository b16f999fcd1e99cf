//! VDCs: `/cloudapi/1.0.0/vdcs` to read, `/api/admin/org/{id}/vdcs` for providers to write.

use std::time::Duration;

use poem::http::StatusCode;
use poem_openapi::{Object, OpenApi, param::Path, param::Query as Param, types::Example};
use serde::{Deserialize, Serialize};
use ssvirt_core::{
    Error, ErrorKind, Id,
    filter::Filter,
    model::{self, AllocationModel, ProviderVdc, StorageProfile},
    query::{Row, Subject},
    service::{NewStorageProfile, NewVdc, Removal, StorageProfileChange, VdcChange},
};

use super::{
    EntityRef, Headers, Kind,
    answer::{Answered, Given, Made, Started, change_error},
    list::{self, Cells, List, Listing, is, page_of},
    reference,
};
use crate::{context::Ctx, error::VcdError};

pub struct VdcsApi;

/// An organization VDC.
#[serde_with::skip_serializing_none]
#[derive(Default, Object, Serialize, Deserialize)]
#[oai(rename_all = "camelCase", example, skip_serializing_if_is_none)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Vdc {
    /// The URN.
    id: Option<String>,
    /// The name.
    #[oai(validator(min_length = 1, max_length = 128))]
    name: Option<String>,
    /// Free text.
    description: Option<String>,
    /// How resources are committed: `PayAsYouGo`, `AllocationPool`, `ReservationPool` or `Flex`.
    allocation_model: Option<String>,
    /// The same in VCD's words: `ALLOCATION_VAPP`, `ALLOCATION_POOL`, `RESERVATION_POOL` or `FLEX`.
    allocation_type: Option<String>,
    /// CPU and memory.
    compute_capacity: Option<ComputeCapacity>,
    /// What it is cut from.
    provider_vdc: Option<EntityRef>,
    /// Its organization.
    org: Option<EntityRef>,
    /// Most NICs; 0 is unlimited.
    #[oai(validator(minimum(value = "0")))]
    nic_quota: Option<i32>,
    /// Most networks; 0 is unlimited.
    #[oai(validator(minimum(value = "0")))]
    network_quota: Option<i32>,
    /// Most VMs; 0, and none, is unlimited.
    #[oai(validator(minimum(value = "0")))]
    vm_quota: Option<i32>,
    /// Its storage profiles.
    vdc_storage_profiles: Option<Vec<VdcStorageProfile>>,
    /// Whether disks take storage only as they fill.
    is_thin_provision: Option<bool>,
    /// Whether VMs may be made and switched on in it.
    is_enabled: Option<bool>,
}

impl Example for Vdc {
    fn example() -> Self {
        let capacity = |limit, units: &str| Capacity {
            allocated: Some(0),
            limit: Some(limit),
            units: Some(units.to_owned()),
        };
        Self {
            name: Some("acme-vdc".to_owned()),
            description: Some("Ten processors".to_owned()),
            allocation_model: Some("Flex".to_owned()),
            compute_capacity: Some(ComputeCapacity {
                cpu: Some(capacity(20_000, "MHz")),
                memory: Some(capacity(65_536, "MB")),
            }),
            nic_quota: Some(100),
            network_quota: Some(50),
            is_thin_provision: Some(true),
            is_enabled: Some(true),
            ..Self::default()
        }
    }
}

/// CPU and memory of a VDC.
#[serde_with::skip_serializing_none]
#[derive(Clone, Default, Object, Serialize, Deserialize)]
#[oai(skip_serializing_if_is_none)]
#[serde(deny_unknown_fields, default)]
pub struct ComputeCapacity {
    /// CPU in MHz.
    cpu: Option<Capacity>,
    /// Memory in MB.
    memory: Option<Capacity>,
}

/// An amount of a resource.
#[serde_with::skip_serializing_none]
#[derive(Clone, Default, Object, Serialize, Deserialize)]
#[oai(skip_serializing_if_is_none)]
#[serde(deny_unknown_fields, default)]
pub struct Capacity {
    /// What is set aside.
    #[oai(validator(minimum(value = "0")))]
    allocated: Option<i64>,
    /// The most that can be used; 0 is unlimited.
    #[oai(validator(minimum(value = "0")))]
    limit: Option<i64>,
    /// The unit: `MHz` or `MB`.
    units: Option<String>,
}

/// A storage profile of a VDC.
#[serde_with::skip_serializing_none]
#[derive(Clone, Default, Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct VdcStorageProfile {
    /// The URN; without one it is a new profile.
    id: Option<String>,
    /// The name.
    name: Option<String>,
    /// The most that can be used, in MB; 0 is unlimited.
    #[oai(validator(minimum(value = "0")))]
    limit: Option<i64>,
    /// Always `MB`.
    units: Option<String>,
    /// Whether disks that name none get this one.
    default: Option<bool>,
}

page_of! {
    /// A page of VDCs.
    Vdcs(Vdc)
}

const LIST: List = List {
    model: "Vdcs",
    subject: Subject::OrgVdc,
    names: &[
        ("id", "id"),
        ("name", "name"),
        ("description", "description"),
        ("allocationModel", "allocationModel"),
        ("allocationType", "allocationModel"),
        ("org.id", "org"),
        ("org.name", "orgName"),
        ("providerVdc.id", "providerVdc"),
        ("nicQuota", "nicQuota"),
        ("networkQuota", "networkQuota"),
        ("vmQuota", "vmQuota"),
        ("isThinProvision", "isThinProvisioned"),
        ("isEnabled", "isEnabled"),
    ],
    wanted: &[
        "name",
        "description",
        "allocationModel",
        "cpuAllocationMhz",
        "cpuLimitMhz",
        "memoryAllocationMB",
        "memoryLimitMB",
        "providerVdc",
        "providerVdcName",
        "org",
        "orgName",
        "nicQuota",
        "networkQuota",
        "vmQuota",
        "isThinProvisioned",
        "isEnabled",
        "storageProfiles",
        "objectVersion",
    ],
    search: &["name", "description"],
    order: "name",
    value: |field, value| {
        let model = (field == "allocationModel").then(|| model_of(value)).flatten();
        model.map(|model| model.name().to_owned())
    },
};

/// The words for allocation models: the web console's, VCD's on this surface, VCD's on `/api`.
const MODELS: [(AllocationModel, &str, &str); 4] = [
    (AllocationModel::AllocationVApp, "PayAsYouGo", "ALLOCATION_VAPP"),
    (AllocationModel::AllocationPool, "AllocationPool", "ALLOCATION_POOL"),
    (AllocationModel::ReservationPool, "ReservationPool", "RESERVATION_POOL"),
    (AllocationModel::Flex, "Flex", "FLEX"),
];

fn model_of(text: &str) -> Option<AllocationModel> {
    let known =
        MODELS.iter().find(|(model, console, vcd)| [*console, *vcd, model.name()].contains(&text));
    known.map(|(model, ..)| *model)
}

/// A VDC, and its version.
fn view(row: Row) -> Result<(Vdc, i64), VcdError> {
    let mut cells = Cells::of(row);
    let id = cells.urn(Kind::Vdc);
    let (name, description, model) = (cells.text(), cells.text(), cells.text());
    let words = MODELS.iter().find(|(known, ..)| known.name() == model);
    let capacity = |cells: &mut Cells, units: &str| Capacity {
        allocated: Some(cells.int()),
        limit: Some(cells.int()),
        units: Some(units.to_owned()),
    };
    let (cpu, memory) = (capacity(&mut cells, "MHz"), capacity(&mut cells, "MB"));
    let quota = |number: i64| i32::try_from(number).ok();
    let vdc = Vdc {
        id: Some(id),
        name: Some(name),
        description: Some(description),
        allocation_model: words.map(|(_, console, _)| (*console).to_owned()),
        allocation_type: words.map(|(.., vcd)| (*vcd).to_owned()),
        compute_capacity: Some(ComputeCapacity { cpu: Some(cpu), memory: Some(memory) }),
        provider_vdc: reference(cells.reference(Kind::ProviderVdc), cells.some_text()),
        org: reference(cells.reference(Kind::Org), cells.some_text()),
        nic_quota: quota(cells.int()),
        network_quota: quota(cells.int()),
        vm_quota: quota(cells.int()).filter(|quota| *quota > 0),
        is_thin_provision: Some(cells.flag()),
        is_enabled: Some(cells.flag()),
        vdc_storage_profiles: Some(profiles(&cells.text())?),
    };
    Ok((vdc, cells.int()))
}

/// The storage profiles of a VDC, the default one first: the web console shows the first.
fn profiles(text: &str) -> Result<Vec<VdcStorageProfile>, VcdError> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let all: Vec<StorageProfile> = serde_json::from_str(text).map_err(Error::internal)?;
    let profile = |profile: StorageProfile| VdcStorageProfile {
        id: Some(profile.id.urn()),
        name: Some(profile.name),
        limit: Some(profile.limit_mib),
        units: Some("MB".to_owned()),
        default: Some(profile.default),
    };
    Ok(all.into_iter().map(profile).collect())
}

async fn show<const STATUS: u16>(
    ctx: &Ctx,
    id: Id<model::Vdc>,
) -> Result<Answered<Vdc, STATUS>, VcdError> {
    let (vdc, version) = view(list::one(ctx, &LIST, id.uuid()).await?)?;
    Ok(Answered::new(vdc).tagged(version))
}

async fn pages(
    ctx: &Ctx,
    listing: Listing,
    within: Option<Filter>,
) -> Result<Answered<Vdcs>, VcdError> {
    let page = list::page(ctx, &LIST, listing, within).await?;
    Ok(Vdcs::answer(page.try_map(|row| view(row).map(|(vdc, _)| vdc))?))
}

impl Vdc {
    fn model(&self) -> Result<Option<AllocationModel>, VcdError> {
        let Some(text) = self.allocation_model.as_ref().or(self.allocation_type.as_ref()) else {
            return Ok(None);
        };
        let model = model_of(text).ok_or_else(|| {
            VcdError::bad_request(format!("Bad request: \"{text}\" is not an allocation model."))
        })?;
        Ok(Some(model))
    }

    /// CPU in MHz and memory in MiB, each what is set aside and the limit.
    fn capacity(&self) -> Result<[Option<i64>; 4], VcdError> {
        let of = |part: fn(&ComputeCapacity) -> &Option<Capacity>, unit: &str| {
            let given = self.compute_capacity.as_ref().and_then(|c| part(c).clone());
            let given = given.unwrap_or_default();
            match given.units.as_deref() {
                None | Some("") => {}
                Some(units) if units.eq_ignore_ascii_case(unit) => {}
                Some(units) => {
                    return Err(VcdError::bad_request(format!(
                        "Bad request: \"{units}\" is not a unit here; it is {unit}."
                    )));
                }
            }
            Ok((given.allocated, given.limit))
        };
        let cpu = of(|capacity| &capacity.cpu, "MHz")?;
        let memory = of(|capacity| &capacity.memory, "MB")?;
        Ok([cpu.0, cpu.1, memory.0, memory.1])
    }

    /// The provider VDC named. The web console fills in a text that is no id of anything: it means the one
    /// that always exists.
    fn provider(&self) -> Result<Option<Id<ProviderVdc>>, VcdError> {
        let Some(given) = &self.provider_vdc else { return Ok(None) };
        let id = given.id.as_deref().unwrap_or_default();
        let is_id = id.starts_with("urn:") || uuid::Uuid::try_parse(id).is_ok();
        if is_id { Ok(given.id()?) } else { Ok(None) }
    }

    fn new_vdc(&self) -> Result<NewVdc, VcdError> {
        let [cpu_allocated_mhz, cpu_limit, memory_allocated_mib, memory_limit] = self.capacity()?;
        let mut profiles = Vec::new();
        for profile in self.vdc_storage_profiles.iter().flatten() {
            let name = profile.name.clone().ok_or_else(|| {
                VcdError::bad_request("Bad request: a new storage profile has a name.")
            })?;
            let new = NewStorageProfile { name, limit_mib: profile.limit.unwrap_or(0) };
            // The first is the default.
            let at = if profile.default == Some(true) { 0 } else { profiles.len() };
            profiles.insert(at, new);
        }
        if profiles.is_empty() {
            // VCD's name for any storage.
            profiles.push(NewStorageProfile { name: "*".to_owned(), limit_mib: 0 });
        }
        Ok(NewVdc {
            name: self.name.clone().unwrap_or_default(),
            description: self.description.clone().unwrap_or_default(),
            provider: self.provider()?.unwrap_or(ProviderVdc::DEFAULT),
            enabled: self.is_enabled.unwrap_or(true),
            allocation_model: self.model()?.unwrap_or(AllocationModel::AllocationVApp),
            cpu_limit_mhz: cpu_limit.unwrap_or(0),
            cpu_allocated_mhz,
            memory_limit_mib: memory_limit.unwrap_or(0),
            memory_allocated_mib,
            // The web console's defaults.
            nic_quota: self.nic_quota.unwrap_or(100),
            network_quota: self.network_quota.unwrap_or(50),
            vm_quota: self.vm_quota.unwrap_or(0),
            thin_provision: self.is_thin_provision.unwrap_or(true),
            storage_profiles: profiles,
        })
    }

    fn change(self, version: Option<i64>) -> Result<VdcChange, VcdError> {
        let [cpu_allocated_mhz, cpu_limit_mhz, memory_allocated_mib, memory_limit_mib] =
            self.capacity()?;
        let profile = |profile: VdcStorageProfile| {
            let id = profile.id.filter(|id| !id.is_empty());
            Ok(StorageProfileChange {
                id: id.as_deref().map(Id::parse).transpose()?,
                name: profile.name.unwrap_or_default(),
                limit_mib: profile.limit,
                default: profile.default.unwrap_or(false),
            })
        };
        Ok(VdcChange {
            provider: self.provider()?,
            allocation_model: self.model()?,
            name: self.name,
            description: self.description,
            enabled: self.is_enabled,
            cpu_limit_mhz,
            cpu_allocated_mhz,
            memory_limit_mib,
            memory_allocated_mib,
            nic_quota: self.nic_quota,
            network_quota: self.network_quota,
            vm_quota: self.vm_quota,
            thin_provision: self.is_thin_provision,
            storage_profiles: self
                .vdc_storage_profiles
                .into_iter()
                .flatten()
                .map(profile)
                .collect::<Result<_, VcdError>>()?,
            version,
        })
    }
}

/// The VDC, if it is this organization's. The web console asks one organization after the other, and takes
/// 404 alone for "not this one".
async fn of_org(ctx: &Ctx, org: &str, vdc: &str) -> Result<Id<model::Vdc>, VcdError> {
    let (org, id) = (Id::<model::Org>::parse(org)?, Id::<model::Vdc>::parse(vdc)?);
    match ctx.cloud.vdc(&ctx.caller, id).await {
        Ok(vdc) if vdc.org == org => Ok(id),
        Ok(_) => Err(not_here(id)),
        Err(error) if error.kind() == ErrorKind::Forbidden => Err(not_here(id)),
        Err(error) => Err(error.into()),
    }
}

fn not_here(id: Id<model::Vdc>) -> VcdError {
    VcdError::new(
        StatusCode::NOT_FOUND,
        ssvirt_vcd::error::NOT_FOUND,
        format!("The organization has no VDC {}.", id.urn()),
    )
}

/// How long a change of a VDC is waited for: a little less than the web console waits for an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// What a task has come to: clients of these routes do not look at tasks, and change a VDC again at once.
async fn done(ctx: &Ctx, task: model::Task) -> Result<model::Task, VcdError> {
    let task = ctx.cloud.await_task(task, PATIENCE).await?;
    match &task.failure {
        Some(failure) if task.status.is_final() => Err(VcdError::of_task(failure)),
        _ => Ok(task),
    }
}

#[OpenApi(tag = "crate::api::Tag::Vdcs")]
impl VdcsApi {
    /// The VDCs that the caller sees
    #[oai(path = "/cloudapi/1.0.0/vdcs", method = "get", operation_id = "queryVdcs")]
    async fn list(&self, ctx: Ctx, listing: Listing) -> Result<Answered<Vdcs>, VcdError> {
        pages(&ctx, listing, None).await
    }

    /// A VDC
    #[oai(path = "/cloudapi/1.0.0/vdcs/:id", method = "get", operation_id = "getCloudApiVdc")]
    async fn get(&self, ctx: Ctx, id: Path<String>) -> Result<Answered<Vdc>, VcdError> {
        let id = Id::<model::Vdc>::parse(&id)?;
        show(&ctx, id).await
    }

    /// The VDCs of an organization
    #[oai(path = "/api/admin/org/:id/vdcs", method = "get", operation_id = "queryOrgVdcs")]
    async fn of_org(
        &self,
        ctx: Ctx,
        id: Path<String>,
        listing: Listing,
    ) -> Result<Answered<Vdcs>, VcdError> {
        let org = Id::<model::Org>::parse(&id)?;
        if !ctx.caller.sees_org(org) {
            return Err(Error::no_access(org).into());
        }
        pages(&ctx, listing, Some(is("org", org))).await
    }

    /// Make a VDC
    #[oai(path = "/api/admin/org/:id/vdcs", method = "post", operation_id = "createOrgVdc")]
    async fn create(
        &self,
        ctx: Ctx,
        id: Path<String>,
        body: Given<Vdc>,
    ) -> Result<Made<Vdc>, VcdError> {
        let org = Id::<model::Org>::parse(&id)?;
        let (vdc, task) = ctx.cloud.create_vdc(&ctx.caller, org, body.0.new_vdc()?).await?;
        done(&ctx, task).await?;
        show(&ctx, vdc.id).await
    }

    /// A VDC of an organization
    #[oai(path = "/api/admin/org/:id/vdcs/:vdc", method = "get", operation_id = "getOrgVdc")]
    async fn get_of_org(
        &self,
        ctx: Ctx,
        id: Path<String>,
        vdc: Path<String>,
    ) -> Result<Answered<Vdc>, VcdError> {
        let (org, id) = (Id::<model::Org>::parse(&id)?, Id::<model::Vdc>::parse(&vdc)?);
        let shown = show(&ctx, id).await;
        let own = |shown: &Answered<Vdc>| {
            shown.body().org.as_ref().is_some_and(|known| known.id == Some(org.urn()))
        };
        match shown {
            Ok(shown) if own(&shown) => Ok(shown),
            Err(error) if error.status != StatusCode::FORBIDDEN => Err(error),
            _ => Err(not_here(id)),
        }
    }

    /// Change a VDC; what is left out stays
    #[oai(path = "/api/admin/org/:id/vdcs/:vdc", method = "put", operation_id = "updateOrgVdc")]
    async fn put(
        &self,
        ctx: Ctx,
        id: Path<String>,
        vdc: Path<String>,
        headers: Headers,
        body: Given<Vdc>,
    ) -> Result<Answered<Vdc>, VcdError> {
        let id = of_org(&ctx, &id, &vdc).await?;
        let version = headers.if_match()?;
        let change = body.0.change(version)?;
        let changed = ctx.cloud.change_vdc(&ctx.caller, id, change).await;
        let (_, task) = changed.map_err(change_error(version))?;
        done(&ctx, task).await?;
        show(&ctx, id).await
    }

    /// Delete a VDC
    ///
    /// One without vApps may be enabled. With `recursive=true` what is in it goes too, with `force=true`
    /// whatever its state.
    #[oai(path = "/api/admin/org/:id/vdcs/:vdc", method = "delete", operation_id = "deleteOrgVdc")]
    async fn delete(
        &self,
        ctx: Ctx,
        id: Path<String>,
        vdc: Path<String>,
        recursive: Param<Option<String>>,
        force: Param<Option<String>>,
    ) -> Result<Started, VcdError> {
        let id = of_org(&ctx, &id, &vdc).await?;
        let removal = super::removal(recursive.0, force.0);
        let removal = Removal { enabled: true, ..removal };
        let task = ctx.cloud.delete_vdc(&ctx.caller, id, removal).await?;
        let task = done(&ctx, task).await?;
        Ok(Started::new(&ctx, &task))
    }
}
