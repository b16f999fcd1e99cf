//! Catalogs that other organizations publish.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{ADMIN, AUTHOR, App, USER};
use ssvirt_core::model::Catalog;

#[test]
fn published_catalogs_need_a_right() {
    common::run(async {
        let app = App::start().await;
        let mut tx = app.cloud.store().begin().await.unwrap();
        let mut catalog: Catalog = tx.get(app.rival.catalog).await.unwrap().unwrap();
        catalog.published = true;
        tx.update(&mut catalog).await.unwrap();
        tx.commit().await.unwrap();
        let rival = &app.rival;
        let paths = [
            format!("/api/catalog/{}", rival.catalog),
            format!("/api/catalogItem/{}", rival.item),
            format!("/api/vAppTemplate/vappTemplate-{}", rival.template),
            format!("/api/vAppTemplate/vm-{}", rival.template_vm),
        ];
        let rows = async |login: &str| {
            let client = app.user(login).await;
            let mut rows = 0;
            for record in ["catalog", "catalogItem", "vAppTemplate", "vm"] {
                rows += client.query(&format!("type={record}&filter=name==rival-*")).await.len();
                assert!(!client.query(&format!("type={record}")).await.is_empty(), "{record}");
            }
            rows
        };
        for path in &paths {
            app.user(ADMIN).await.get(path).await.ok();
            for login in [AUTHOR, USER] {
                let answer = app.user(login).await.get(path).await;
                answer.refused(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN");
            }
        }
        assert_eq!(rows(ADMIN).await, 4);
        assert_eq!(rows(AUTHOR).await, 0);
        assert_eq!(rows(USER).await, 0);
    });
}
