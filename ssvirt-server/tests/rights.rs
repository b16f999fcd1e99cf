//! What the role of a caller does not allow, inside requests that it does allow.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{App, USER, body};

/// instantiateVAppTemplate with these items.
fn instantiate(name: &str, template: &str, items: &str) -> String {
    body::root(
        "InstantiateVAppTemplateParams",
        &format!("name=\"{name}\" deploy=\"false\" powerOn=\"false\""),
        &format!("<Source href=\"{template}\"/>{items}<AllEULAsAccepted>true</AllEULAsAccepted>"),
    )
}

#[test]
fn a_user_instantiates_templates_as_they_are() {
    common::run(async {
        let app = App::start().await;
        let user = app.user(USER).await;
        let vdc = user.find("orgVdc", "demo-vdc").await;
        let path = format!("{vdc}/action/instantiateVAppTemplate");
        let template = user.find("vAppTemplate", "debian-13").await;
        let vm = user
            .get(&template)
            .await
            .ok()
            .xml()
            .child("Children")
            .child("Vm")
            .attr("href")
            .to_owned();

        let spec = |content: &str| {
            format!(
                "<InstantiationParams><VmSpecSection><ovf:Info/>{content}</VmSpecSection></InstantiationParams>"
            )
        };
        for more in [
            spec("<NumCpus>4</NumCpus>"),
            spec("<MemoryResourceMb><Configured>8192</Configured></MemoryResourceMb>"),
            spec("<DiskSection/>"),
        ] {
            let items = body::sourced(&vm, "mine", &more);
            let answer = user.post(&path, &instantiate("more", &template, &items)).await;
            assert_eq!(answer.code(), 403, "{more}");
        }
        let twice = body::sourced(&vm, "one", "") + &body::sourced(&vm, "two", "");
        let answer = user.post(&path, &instantiate("twice", &template, &twice)).await;
        assert_eq!(answer.code(), 400, "a template's VM is not a way to compose");

        let items = body::sourced(&vm, "mine", &spec("<NumCpus>1</NumCpus>"));
        let answer = user.post(&path, &instantiate("same", &template, &items)).await;
        assert_eq!(answer.code(), 201, "what is said to be as it is needs no right");
    });
}
