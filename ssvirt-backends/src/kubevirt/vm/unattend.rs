//! The answer file for the last parts of Windows' setup: after `sysprep /generalize`, the specialize and oobeSystem
//! passes read it.

use std::fmt::Write as _;

use quick_xml::escape::escape;
use ssvirt_core::model::GuestCustomization;

/// The longest name of a Windows computer (NetBIOS).
const LONGEST_NAME: usize = 15;

/// The answers for a guest of this name.
pub fn unattend(guest: &GuestCustomization, name: &str) -> String {
    let name: String = name.split('.').next().unwrap_or(name).chars().take(LONGEST_NAME).collect();
    let mut specialize =
        component("Microsoft-Windows-Shell-Setup", &element("ComputerName", &name));
    if guest.join_domain
        && let Some(domain) = given(&guest.domain_name)
    {
        specialize += &component("Microsoft-Windows-UnattendedJoin", &join(guest, domain));
    }
    let mut oobe = String::from(
        "<OOBE><HideEULAPage>true</HideEULAPage><ProtectYourPC>3</ProtectYourPC></OOBE>",
    );
    if guest.admin_password_enabled
        && let Some(password) = given(&guest.admin_password)
    {
        oobe += &user_accounts(guest, password);
    }
    let oobe = component("Microsoft-Windows-Shell-Setup", &oobe);
    format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
         <unattend xmlns=\"urn:schemas-microsoft-com:unattend\">\n\
         <settings pass=\"specialize\">{specialize}</settings>\n\
         <settings pass=\"oobeSystem\">{oobe}</settings>\n\
         </unattend>\n"
    )
}

fn given(text: &Option<String>) -> Option<&str> {
    text.as_deref().filter(|text| !text.is_empty())
}

fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escape(text))
}

fn component(name: &str, inner: &str) -> String {
    format!(
        "<component name=\"{name}\" processorArchitecture=\"amd64\" \
         publicKeyToken=\"31bf3856ad364e35\" language=\"neutral\" versionScope=\"nonSxS\">{inner}</component>"
    )
}

fn join(guest: &GuestCustomization, domain: &str) -> String {
    let mut credentials = element("Domain", domain);
    credentials += &element("Username", guest.domain_user.as_deref().unwrap_or_default());
    credentials += &element("Password", guest.domain_user_password.as_deref().unwrap_or_default());
    let mut inner = format!("<Credentials>{credentials}</Credentials>");
    inner += &element("JoinDomain", domain);
    if let Some(unit) = given(&guest.machine_object_ou) {
        inner += &element("MachineObjectOU", unit);
    }
    format!("<Identification>{inner}</Identification>")
}

fn user_accounts(guest: &GuestCustomization, password: &str) -> String {
    let value = format!("{}<PlainText>true</PlainText>", element("Value", password));
    let mut accounts = format!(
        "<UserAccounts><AdministratorPassword>{value}</AdministratorPassword></UserAccounts>"
    );
    if guest.admin_auto_logon {
        // Writing to a string cannot fail.
        let _ = write!(
            accounts,
            "<AutoLogon><Enabled>true</Enabled><LogonCount>{}</LogonCount>\
             <Username>Administrator</Username><Password>{value}</Password></AutoLogon>",
            guest.admin_auto_logon_count.max(1)
        );
    }
    accounts
}

#[cfg(test)]
mod tests {
    use quick_xml::{Reader, events::Event};

    use super::*;

    #[test]
    fn answers_are_well_formed_and_say_what_was_asked_for() {
        let guest = GuestCustomization {
            enabled: true,
            join_domain: true,
            domain_name: Some("corp.example".to_owned()),
            domain_user: Some("joiner".to_owned()),
            domain_user_password: Some("<&\">".to_owned()),
            admin_password_enabled: true,
            admin_password: Some("p<w".to_owned()),
            admin_auto_logon: true,
            admin_auto_logon_count: 2,
            ..GuestCustomization::default()
        };
        let answers = unattend(&guest, "a-very-long-name-of-a-computer.corp.example");
        let mut reader = Reader::from_str(&answers);
        let mut names = Vec::new();
        loop {
            match reader.read_event().unwrap() {
                Event::Start(start) => {
                    names.push(start.name().0.to_owned());
                }
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(names.iter().any(|name| name == "JoinDomain"), "{answers}");
        assert!(answers.contains("<ComputerName>a-very-long-nam</ComputerName>"), "{answers}");
        assert!(answers.contains("<Value>p&lt;w</Value><PlainText>true</PlainText>"), "{answers}");
        assert!(answers.contains("<LogonCount>2</LogonCount>"), "{answers}");
        let bare = unattend(&GuestCustomization { enabled: true, ..Default::default() }, "pc");
        assert!(!bare.contains("Password") && !bare.contains("Identification"), "{bare}");
    }
}
