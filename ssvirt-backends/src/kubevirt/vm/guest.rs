//! What a guest is set up with at its first start: VCD's guest customization and OVF properties, as cloud-init and
//! Windows' setup read them.
//!
//! A Linux guest gets a `cidata` disk. Of its OVF properties those are used that cloud-init knows in an OVF
//! environment (<https://docs.cloud-init.io/en/latest/reference/datasources/ovf.html>): `user-data`, `hostname`,
//! `password`, `public-keys`, and `network-config`. A Windows guest gets an answer file for its setup's last part
//! (<https://learn.microsoft.com/windows-hardware/customize/desktop/unattend/>). Both go into a Secret.

use std::collections::BTreeMap;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use ssvirt_core::{
    Error, Result,
    backend::VmPlan,
    model::{GuestCustomization, Property},
};

use super::unattend::unattend;
use crate::kubevirt::{
    names::dns_label,
    resources::{
        domain::{Disk, DiskBus, DiskTarget},
        shared::LocalRef,
        volume::{CloudInit, Sysprep, Volume},
    },
};

/// The name of the disk that it is on.
const DISK: &str = "customization";
/// Where a customization script is put in a Linux guest. It is called as VMware's tools call it.
const SCRIPT: &str = "/var/lib/ssvirt/customization";
/// The keys of the Secret, by KubeVirt.
const USER_DATA: &str = "userdata";
const NETWORK_DATA: &str = "networkdata";
const ANSWERS: &str = "unattend.xml";

/// What is in the Secret, by key. It may hold passwords.
pub type Contents = BTreeMap<String, String>;

/// The name of the Secret of a VM's object.
#[must_use]
pub fn secret_name(vm: &str) -> String {
    format!("{vm}-guest")
}

/// What the guest is set up with; none where there is nothing.
///
/// # Errors
/// `NotSupported` for a customization script of a Windows guest.
pub fn contents(plan: &VmPlan) -> Result<Option<Contents>> {
    if is_windows(plan) {
        let guest = &plan.spec.guest;
        if !guest.enabled {
            return Ok(None);
        }
        if guest.script.as_ref().is_some_and(|script| !script.trim().is_empty()) {
            return Err(Error::not_supported("customization scripts of Windows guests"));
        }
        let answers = unattend(guest, &computer_name(plan));
        return Ok(Some(BTreeMap::from([(ANSWERS.to_owned(), answers)])));
    }
    let properties = Properties::of(plan);
    let mut contents = Contents::new();
    contents.extend(user_data(plan, &properties)?.map(|data| (USER_DATA.to_owned(), data)));
    let network = properties.decoded("network-config");
    if let Some(network) = network {
        contents.insert(NETWORK_DATA.to_owned(), network);
        // KubeVirt wants user data wherever there is a Secret for it.
        contents.entry(USER_DATA.to_owned()).or_insert_with(|| "#cloud-config\n{}\n".to_owned());
    }
    Ok((!contents.is_empty()).then_some(contents))
}

/// The disk and its volume, for the VM's object of that name.
#[must_use]
pub fn disk(vm: &str, contents: &Contents) -> (Disk, Volume) {
    let secret = || Some(LocalRef { name: secret_name(vm) });
    let mut volume = Volume { name: DISK.to_owned(), ..Volume::default() };
    if contents.contains_key(ANSWERS) {
        volume.sysprep = Some(Sysprep { secret: secret(), config_map: None });
    } else {
        let network = contents.contains_key(NETWORK_DATA);
        volume.cloud_init_no_cloud = Some(CloudInit {
            secret_ref: secret(),
            network_data_secret_ref: if network { secret() } else { None },
        });
    }
    let cdrom = DiskTarget { bus: Some(DiskBus::Sata), readonly: Some(true) };
    (Disk { name: DISK.to_owned(), cdrom: Some(cdrom), ..Disk::default() }, volume)
}

/// Whether a volume is that of a guest's set-up.
#[must_use]
pub fn is_on(volume: &Volume) -> bool {
    volume.name == DISK
}

fn is_windows(plan: &VmPlan) -> bool {
    plan.spec.os_type.to_ascii_lowercase().starts_with("win")
}

/// The guest's name: the one that was asked for, else the VM's, as far as it can be one.
fn computer_name(plan: &VmPlan) -> String {
    let given = plan.spec.guest.computer_name.as_deref().filter(|name| !name.is_empty());
    match given {
        Some(name) => name.to_owned(),
        None => Some(dns_label(&plan.name, 63))
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| format!("vm-{}", &plan.target.vm.uuid().simple().to_string()[..8])),
    }
}

/// OVF properties by key.
struct Properties<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Properties<'a> {
    fn of(plan: &'a VmPlan) -> Self {
        let value = |property: &'a Property| {
            let value = property.value.as_deref().or(property.default.as_deref())?;
            (!value.is_empty()).then_some((property.key.as_str(), value))
        };
        let all = plan.products.iter().flat_map(|product| &product.properties);
        Self(all.filter_map(value).collect())
    }

    fn get(&self, key: &str) -> Option<&'a str> {
        self.0.get(key).copied()
    }

    /// A value that should be in Base64, and is taken as it is where it is not.
    fn decoded(&self, key: &str) -> Option<String> {
        let given = self.get(key)?;
        let text: String = given.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let decoded = STANDARD.decode(text).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        Some(decoded.unwrap_or_else(|| given.to_owned()))
    }
}

/// cloud-init's user data: what the tenant gives, what the customization says, or both as parts of one message.
fn user_data(plan: &VmPlan, properties: &Properties<'_>) -> Result<Option<String>> {
    let mut config = Map::new();
    if let Some(name) = properties.get("hostname") {
        config.insert("hostname".to_owned(), name.into());
    }
    if let Some(password) = properties.get("password") {
        config.insert("password".to_owned(), password.into());
        config.insert("chpasswd".to_owned(), json!({ "expire": false }));
        config.insert("ssh_pwauth".to_owned(), true.into());
    }
    if let Some(keys) = properties.get("public-keys") {
        let keys: Vec<&str> = keys.lines().map(str::trim).filter(|key| !key.is_empty()).collect();
        config.insert("ssh_authorized_keys".to_owned(), keys.into());
    }
    let guest = &plan.spec.guest;
    if guest.enabled {
        customize(&mut config, guest, &computer_name(plan));
    }
    let own = match config.is_empty() {
        true => None,
        // JSON is YAML.
        false => Some(format!("#cloud-config\n{}\n", serde_json::to_string_pretty(&config)?)),
    };
    let given = properties.decoded("user-data");
    Ok(match (own, given) {
        (Some(own), Some(given)) => Some(both(&own, &given)),
        (own, given) => own.or(given),
    })
}

fn customize(config: &mut Map<String, Value>, guest: &GuestCustomization, name: &str) {
    config.insert("hostname".to_owned(), name.split('.').next().unwrap_or(name).into());
    if name.contains('.') {
        config.insert("fqdn".to_owned(), name.into());
    }
    let password = guest.admin_password.as_deref().filter(|password| !password.is_empty());
    if let Some(password) = password.filter(|_| guest.admin_password_enabled) {
        let user = json!({ "name": "root", "password": password, "type": "text" });
        config.insert(
            "chpasswd".to_owned(),
            json!({ "expire": guest.reset_password_required, "users": [user] }),
        );
        config.insert("disable_root".to_owned(), false.into());
    }
    if let Some(script) = guest.script.as_deref().filter(|script| !script.trim().is_empty()) {
        let file = json!({
            "path": SCRIPT, "permissions": "0700", "encoding": "b64",
            "content": STANDARD.encode(with_interpreter(script)),
        });
        config.insert("write_files".to_owned(), json!([file]));
        let call = |when: &str| json!([SCRIPT, when]);
        config.insert(
            "runcmd".to_owned(),
            json!([call("precustomization"), call("postcustomization")]),
        );
    }
}

fn with_interpreter(script: &str) -> String {
    // Written in a form's field, as a rule.
    let script = script.replace("\r\n", "\n");
    if script.starts_with("#!") { script } else { format!("#!/bin/sh\n{script}") }
}

/// A message of two parts (RFC 2046). Both are in Base64, where no line can be taken for a boundary.
fn both(own: &str, given: &str) -> String {
    const BOUNDARY: &str = "==ssvirt-customization==";
    let mut message =
        format!("Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\nMIME-Version: 1.0\n\n");
    // What the tenant gives comes last, and wins.
    for text in [own, given] {
        message += &format!(
            "--{BOUNDARY}\nContent-Type: {}; charset=\"utf-8\"\nMIME-Version: 1.0\n\
             Content-Transfer-Encoding: base64\n\n",
            kind(text)
        );
        let encoded = STANDARD.encode(text);
        for line in encoded.as_bytes().chunks(76) {
            message.extend(line.iter().map(|byte| char::from(*byte)));
            message.push('\n');
        }
        message.push('\n');
    }
    message + &format!("--{BOUNDARY}--\n")
}

/// What a part is, by its first line, as cloud-init tells them apart.
fn kind(text: &str) -> &'static str {
    const KINDS: [(&str, &str); 6] = [
        ("#cloud-config", "text/cloud-config"),
        ("#!", "text/x-shellscript"),
        ("#include", "text/x-include-url"),
        ("#cloud-boothook", "text/cloud-boothook"),
        ("#cloud-config-archive", "text/cloud-config-archive"),
        ("## template: jinja", "text/jinja2"),
    ];
    let line = text.lines().next().unwrap_or_default();
    let best = KINDS.iter().filter(|(start, _)| line.starts_with(start));
    best.max_by_key(|(start, _)| start.len()).map_or("text/plain", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use ssvirt_core::{
        ErrorKind, Id,
        backend::VmRef,
        model::{Product, VmSpec},
    };
    use uuid::Uuid;

    use super::*;

    fn plan(os_type: &str, guest: GuestCustomization, properties: &[(&str, &str)]) -> VmPlan {
        let property = |(key, value): &(&str, &str)| Property {
            key: (*key).to_owned(),
            value: Some((*value).to_owned()),
            ..Property::default()
        };
        let products = vec![Product {
            properties: properties.iter().map(property).collect(),
            ..Product::default()
        }];
        VmPlan {
            target: VmRef { vm: Id::new(Uuid::from_u128(1)), vdc: Id::new(Uuid::from_u128(2)) },
            vapp: Id::new(Uuid::from_u128(3)),
            name: "Web Server 1".to_owned(),
            spec: VmSpec { os_type: os_type.to_owned(), guest, ..VmSpec::default() },
            products,
        }
    }

    fn on() -> GuestCustomization {
        GuestCustomization { enabled: true, ..GuestCustomization::default() }
    }

    fn config(data: &str) -> Value {
        serde_json::from_str(data.strip_prefix("#cloud-config\n").unwrap()).unwrap()
    }

    #[test]
    fn without_anything_to_set_up_there_is_no_disk() {
        let off = GuestCustomization { script: Some("x".to_owned()), ..Default::default() };
        for os in ["debian12_64Guest", "windows2022srvNext_64Guest"] {
            assert_eq!(contents(&plan(os, off.clone(), &[])).unwrap(), None, "{os}");
        }
    }

    #[test]
    fn a_linux_guest_gets_its_name_password_and_script() {
        let guest = GuestCustomization {
            admin_password_enabled: true,
            admin_password: Some("s3cret\"".to_owned()),
            reset_password_required: true,
            script: Some("echo $1\r\n".to_owned()),
            ..on()
        };
        let made = contents(&plan("debian12_64Guest", guest, &[])).unwrap().unwrap();
        assert_eq!(made.keys().collect::<Vec<_>>(), [USER_DATA]);
        let config = config(&made[USER_DATA]);
        assert_eq!(config["hostname"], "web-server-1");
        let user = json!({ "name": "root", "password": "s3cret\"", "type": "text" });
        assert_eq!(config["chpasswd"], json!({ "expire": true, "users": [user] }));
        let script = STANDARD.decode(config["write_files"][0]["content"].as_str().unwrap());
        assert_eq!(script.unwrap(), b"#!/bin/sh\necho $1\n");
        assert_eq!(config["runcmd"][0], json!([SCRIPT, "precustomization"]));
    }

    #[test]
    fn properties_are_those_that_cloud_init_knows() {
        let data = STANDARD.encode("#cloud-config\npackages: [nginx]\n");
        let network = STANDARD.encode("version: 2\n");
        let given = [("user-data", data.as_str()), ("network-config", &network)];
        let made = contents(&plan("ubuntu64Guest", Default::default(), &given)).unwrap().unwrap();
        assert_eq!(made[USER_DATA], "#cloud-config\npackages: [nginx]\n");
        assert_eq!(made[NETWORK_DATA], "version: 2\n");
        let (_, volume) = disk("web-1", &made);
        let source = volume.cloud_init_no_cloud.unwrap();
        assert_eq!(source.network_data_secret_ref.unwrap().name, "web-1-guest");

        let given = [("public-keys", "ssh-ed25519 a\n\nssh-ed25519 b"), ("hostname", "db")];
        let made = contents(&plan("ubuntu64Guest", Default::default(), &given)).unwrap().unwrap();
        let config = config(&made[USER_DATA]);
        assert_eq!(config["ssh_authorized_keys"], json!(["ssh-ed25519 a", "ssh-ed25519 b"]));
        assert_eq!(config["hostname"], "db");
    }

    #[test]
    fn what_the_tenant_gives_goes_beside_the_customization() {
        let given = [("user-data", "#!/bin/sh\necho not in base64!\n")];
        let made = contents(&plan("ubuntu64Guest", on(), &given)).unwrap().unwrap();
        let data = &made[USER_DATA];
        assert!(data.starts_with("Content-Type: multipart/mixed; boundary="), "{data}");
        let config = data.find("Content-Type: text/cloud-config").unwrap();
        assert!(data.find("Content-Type: text/x-shellscript").unwrap() > config, "{data}");
    }

    #[test]
    fn a_windows_guest_gets_answers_and_no_script() {
        let made = contents(&plan("windows2022srvNext_64Guest", on(), &[])).unwrap().unwrap();
        assert!(made[ANSWERS].contains("<ComputerName>"), "{made:?}");
        let (disk, volume) = disk("web-1", &made);
        assert!(disk.cdrom.is_some());
        assert_eq!(volume.sysprep.unwrap().secret.unwrap().name, "web-1-guest");
        let scripted = GuestCustomization { script: Some("dir".to_owned()), ..on() };
        let refused = contents(&plan("windows2022srvNext_64Guest", scripted, &[])).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::NotSupported);
    }

    proptest! {
        /// Whatever the parts are, the message can be taken apart into them again.
        #[test]
        fn messages_are_parts(own in ".{0,200}", given in ".{0,200}") {
            let message = both(&own, &given);
            let parts: Vec<String> = message
                .split("--==ssvirt-customization==\n")
                .skip(1)
                .map(|part| {
                    let (_, body) = part.split_once("\n\n").unwrap();
                    let body = body.split("--==").next().unwrap();
                    let text: String = body.split_whitespace().collect();
                    String::from_utf8(STANDARD.decode(text).unwrap()).unwrap()
                })
                .collect();
            prop_assert_eq!(parts, [own, given]);
        }
    }
}
