//! The routes, by VCD resource: handlers and views side by side. One block owns a path.

mod access;
mod admin;
mod catalog;
mod cloudapi;
mod contents;
mod entity;
mod metadata;
mod network;
mod org;
mod query;
pub mod session;
mod tag;
mod task;
mod template;
mod user;
mod vapp;
mod vdc;
mod view;
mod vm;

use poem_openapi::OpenApiService;
use ssvirt_vcd::types;

use self::tag::Tag;
use crate::{
    context::Ctx,
    error::VcdError,
    wire::{Accepted, Vcd},
};

/// What a handler answers with a body.
type Answer<T> = Result<Vcd<T>, VcdError>;
/// What a slow write answers.
type TaskAnswer = Result<Accepted<types::Task>, VcdError>;

/// Every block of routes; nested where there would be more than poem-openapi's tuples take.
pub type Apis = (
    session::SessionApi,
    org::OrgApi,
    admin::AdminApi,
    vdc::VdcApi,
    catalog::CatalogApi,
    template::TemplateApi,
    (vapp::VAppApi, vm::VmApi),
    network::NetworkApi,
    user::UserApi,
    task::TaskApi,
    metadata::MetadataApi,
    (query::QueryApi, contents::ContentsApi),
    entity::EntityApi,
    access::AccessApi,
    cloudapi::Apis,
);

/// All routes of both surfaces.
pub fn service() -> OpenApiService<Apis, ()> {
    let apis = (
        session::SessionApi,
        org::OrgApi,
        admin::AdminApi,
        vdc::VdcApi,
        catalog::CatalogApi,
        template::TemplateApi,
        (vapp::VAppApi, vm::VmApi),
        network::NetworkApi,
        user::UserApi,
        task::TaskApi,
        metadata::MetadataApi,
        (query::QueryApi, contents::ContentsApi),
        entity::EntityApi,
        access::AccessApi,
        cloudapi::apis(),
    );
    OpenApiService::new(apis, "VMware Cloud Director API", env!("CARGO_PKG_VERSION"))
}

/// The answer of a slow write.
fn accepted(ctx: &Ctx, task: &ssvirt_core::model::Task) -> TaskAnswer {
    Ok(Vcd(task::view(ctx, task)))
}
