//! `/cloudapi`, as far as Terraform and vcd-cli need it.

use poem_openapi::{Object, OpenApi, param::Path, payload::Json};
use ssvirt_core::{
    Id,
    model::{ComputePolicy, Vdc, Vm},
};

use crate::{context::Ctx, error::VcdError};

pub struct CloudApi;

/// Security tags of a VM.
#[derive(Object)]
pub struct SecurityTags {
    /// The tags.
    tags: Vec<String>,
}

/// A capability of a VDC.
#[derive(Object)]
pub struct Capability {
    /// Its name.
    name: String,
    /// Its value.
    value: serde_json::Value,
}

/// A sizing policy.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct Policy {
    /// The URN.
    id: String,
    /// The name.
    name: String,
    /// Free text.
    description: Option<String>,
    /// vCPUs it fixes.
    cpu_count: Option<i32>,
    /// Memory it fixes, in MB.
    memory: Option<i64>,
    /// Whether it says nothing of where VMs are placed.
    is_sizing_only: bool,
    /// Always `VdcVmPolicy`.
    policy_type: String,
}

/// A page of capabilities.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct Capabilities {
    /// Rows of the whole list.
    result_total: i64,
    /// Pages of the whole list.
    page_count: i64,
    /// The page, from 1.
    page: i64,
    /// Rows a page.
    page_size: i64,
    /// Nothing.
    associations: Option<Vec<String>>,
    /// The rows.
    values: Vec<Capability>,
}

/// A page of sizing policies.
#[derive(Object)]
#[oai(rename_all = "camelCase")]
pub struct Policies {
    /// Rows of the whole list.
    result_total: i64,
    /// Pages of the whole list.
    page_count: i64,
    /// The page, from 1.
    page: i64,
    /// Rows a page.
    page_size: i64,
    /// Nothing.
    associations: Option<Vec<String>>,
    /// The rows.
    values: Vec<Policy>,
}

#[OpenApi(tag = "crate::api::Tag::Policies")]
impl CloudApi {
    /// The security tags of a VM
    #[oai(
        path = "/cloudapi/1.0.0/securityTags/vm/:id",
        method = "get",
        operation_id = "getVmSecurityTags"
    )]
    async fn tags(&self, ctx: Ctx, id: Path<String>) -> Result<Json<SecurityTags>, VcdError> {
        let details = ctx.cloud.vm(&ctx.caller, Id::<Vm>::parse(&id)?).await?;
        Ok(Json(SecurityTags { tags: details.vm.security_tags }))
    }

    /// What the networks of a VDC can do
    #[oai(
        path = "/cloudapi/1.0.0/vdcs/:id/capabilities",
        method = "get",
        operation_id = "getVdcCapabilities"
    )]
    async fn capabilities(
        &self,
        ctx: Ctx,
        id: Path<String>,
    ) -> Result<Json<Capabilities>, VcdError> {
        ctx.cloud.vdc(&ctx.caller, Id::<Vdc>::parse(&id)?).await?;
        // Clients take any other value for NSX-V and its long gone calls.
        let values = vec![Capability { name: "networkProvider".to_owned(), value: "NSX_T".into() }];
        Ok(Json(Capabilities {
            result_total: 1,
            page_count: 1,
            page: 1,
            page_size: 25,
            associations: None,
            values,
        }))
    }

    /// The sizing policies of a VDC
    #[oai(
        path = "/cloudapi/1.0.0/vdcs/:id/computePolicies",
        method = "get",
        operation_id = "getVdcComputePolicies"
    )]
    async fn policies(&self, ctx: Ctx, id: Path<String>) -> Result<Json<Policies>, VcdError> {
        policies(&ctx, &id).await
    }

    /// The sizing policies of a VDC
    #[oai(
        path = "/cloudapi/2.0.0/vdcs/:id/computePolicies",
        method = "get",
        operation_id = "getVdcComputePolicies2"
    )]
    async fn policies_2(&self, ctx: Ctx, id: Path<String>) -> Result<Json<Policies>, VcdError> {
        policies(&ctx, &id).await
    }

    /// A sizing policy
    #[oai(
        path = "/cloudapi/1.0.0/vdcComputePolicies/:id",
        method = "get",
        operation_id = "getVdcComputePolicy"
    )]
    async fn policy(&self, ctx: Ctx, id: Path<String>) -> Result<Json<Policy>, VcdError> {
        policy(&ctx, &id).await
    }

    /// A sizing policy
    #[oai(
        path = "/cloudapi/2.0.0/vdcComputePolicies/:id",
        method = "get",
        operation_id = "getVdcComputePolicy2"
    )]
    async fn policy_2(&self, ctx: Ctx, id: Path<String>) -> Result<Json<Policy>, VcdError> {
        policy(&ctx, &id).await
    }
}

async fn policies(ctx: &Ctx, vdc: &str) -> Result<Json<Policies>, VcdError> {
    let known = ctx.cloud.compute_policies(&ctx.caller, Id::<Vdc>::parse(vdc)?).await?;
    let values: Vec<Policy> = known.into_iter().map(policy_view).collect();
    let total = i64::try_from(values.len()).unwrap_or(i64::MAX);
    Ok(Json(Policies {
        result_total: total,
        page_count: 1,
        page: 1,
        page_size: total.max(128),
        associations: None,
        values,
    }))
}

async fn policy(ctx: &Ctx, id: &str) -> Result<Json<Policy>, VcdError> {
    let policy = ctx.cloud.compute_policy(&ctx.caller, Id::parse(id)?).await?;
    Ok(Json(policy_view(policy)))
}

fn policy_view(policy: ComputePolicy) -> Policy {
    Policy {
        id: policy.id.urn(),
        name: policy.name,
        description: Some(policy.description).filter(|text| !text.is_empty()),
        cpu_count: policy.cpus,
        memory: policy.memory_mib,
        is_sizing_only: true,
        policy_type: "VdcVmPolicy".to_owned(),
    }
}
