//! What a template asks for, shown and given.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod common;

use common::{ADMIN, Answer, App, Client, USER, body};
use serde_json::{Value, json};
use ssvirt_core::{
    Id,
    model::{Product, Property, Template},
    service::{Caller, NewTemplate},
};

/// A template with one VM that asks for a host, for a size that it knows itself, and for a password.
async fn template(app: &App, client: &Client<'_>) -> String {
    let catalog = Id::parse(&client.find("catalog", "templates").await).unwrap();
    let spec = ssvirt_fixtures::specs::vm("fedora64Guest", 1, 512, 1024);
    let new = NewTemplate {
        name: "asks".to_owned(),
        description: String::new(),
        vms: vec![("vm".to_owned(), spec)],
    };
    let made = app.cloud.create_template(&Caller::system(), catalog, new).await.unwrap();
    let property = |key: &str| Property {
        key: key.to_owned(),
        kind: "string".to_owned(),
        user_configurable: true,
        label: Some(format!("The {key}")),
        ..Property::default()
    };
    let properties = vec![
        Property { required: true, ..property("HOST") },
        Property { default: Some("small".to_owned()), ..property("SIZE") },
        Property { password: true, ..property("PASSWORD") },
    ];
    let mut tx = app.cloud.store().begin().await.unwrap();
    let mut row: Template = tx.require(made.id).await.unwrap();
    row.vms[0].products = vec![Product { properties, ..Product::default() }];
    tx.update(&mut row).await.unwrap();
    tx.commit().await.unwrap();
    client.find("vAppTemplate", "asks").await
}

fn section(properties: &str) -> String {
    format!(
        "<ovf:ProductSection xmlns:ovf=\"http://schemas.dmtf.org/ovf/envelope/1\"><ovf:Info/>{properties}\
         </ovf:ProductSection>"
    )
}

fn property(key: &str, value: &str) -> String {
    format!(
        "<ovf:Property ovf:key=\"{key}\" ovf:type=\"string\" ovf:userConfigurable=\"true\">\
         <ovf:Value ovf:value=\"{value}\"/></ovf:Property>"
    )
}

async fn instantiate(client: &Client<'_>, name: &str, template: &str, params: &str) -> Answer {
    let vdc = client.find("orgVdc", "demo-vdc").await;
    let content = format!(
        "<Description/><InstantiationParams>{params}</InstantiationParams><Source href=\"{template}\"/>"
    );
    let attributes = format!("name=\"{name}\" deploy=\"false\" powerOn=\"false\"");
    let body = body::root("InstantiateVAppTemplateParams", &attributes, &content);
    client.post(&format!("{vdc}/action/instantiateVAppTemplate"), &body).await
}

/// The values of a VM's properties, by key.
async fn values(client: &Client<'_>, vm: &str) -> Vec<(String, String)> {
    let sections = client.get(&format!("{vm}/productSections/")).await.ok().xml();
    let mut values = Vec::new();
    sections.walk(&mut |element| {
        if element.name.ends_with("Property")
            && let Some(value) = element.find("Value")
        {
            values.push((element.attr("key").to_owned(), value.attr("value").to_owned()));
        }
    });
    values
}

#[test]
fn what_a_template_asks_for_is_shown_and_given_as_product_section() {
    common::run(async {
        let app = App::start().await;
        let client = app.user(ADMIN).await;
        let template = template(&app, &client).await;
        let shown = client.get(&template).await.ok().body;
        for text in [
            "ovf:key=\"HOST\"",
            "ovf:qualifiers=\"MinLen(1)\"",
            "ovf:value=\"small\"",
            "The SIZE",
            "ovf:password=\"true\"",
        ] {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        let before = app.stored().await;
        for params in ["", &section(&property("HOST", "")), &section(&property("SIZE", "big"))] {
            let refused = instantiate(&client, "web", &template, params).await;
            assert!(refused.message().contains("\"HOST\""), "{refused:?}");
            refused.refused(400, "BAD_REQUEST");
        }
        assert_eq!(before, app.stored().await);

        let given = section(&(property("HOST", "web-1") + &property("SIZE", "big")));
        let made = instantiate(&client, "web", &template, &given).await.is(201);
        let vapp = made.xml().attr("href").to_owned();
        app.settled().await;
        let vm = client.vms_of(&vapp).await.remove(0);
        let expected = [("HOST", "web-1"), ("SIZE", "big")];
        let expected = expected.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(values(&client, &vm).await, expected);
    });
}

#[test]
fn or_as_parameters_of_the_console() {
    common::run(async {
        let app = App::start().await;
        let admin = app.user(ADMIN).await;
        template(&app, &admin).await;
        let user = app.user(USER).await;
        let json = "application/json";
        let get = async |path: &str| user.send_for(json, "GET", path, None, "").await.ok().json();
        let items = get("/cloudapi/1.0.0/catalogItems?filter=name==asks").await;
        let vdcs = get("/cloudapi/1.0.0/vdcs").await;
        let id = vdcs["values"][0]["id"].as_str().unwrap().replace(':', "%3A");
        let path = format!("/cloudapi/1.0.0/vdcs/{id}/actions/instantiateTemplate");
        let post = async |name: &str, parameters: Value| {
            let body = json!({
                "name": name, "catalogItemUrn": items["values"][0]["id"], "deploy": false,
                "parameters": parameters,
            });
            user.send_for(json, "POST", &path, Some(json), &body.to_string()).await
        };
        let before = app.stored().await;
        for (parameters, said) in [
            (json!({}), "\"HOST\""),
            (json!({ "SIZE": "big" }), "\"HOST\""),
            (json!({ "HOST": "web-1", "OTHER": "x" }), "\"OTHER\""),
        ] {
            let refused = post("web", parameters).await;
            assert!(refused.message().contains(said), "{refused:?}");
            assert_eq!(refused.code(), 400);
        }
        assert_eq!(before, app.stored().await);
        let made = post("web", json!({ "HOST": "web-1" })).await;
        assert!(made.code() < 300, "{made:?}");
        app.settled().await;
        let vapp = user.find("vApp", "web").await;
        let vm = user.vms_of(&vapp).await.remove(0);
        assert_eq!(values(&user, &vm).await, [("HOST".to_owned(), "web-1".to_owned())]);
    });
}
