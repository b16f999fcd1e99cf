//! What a person who starts the server is told. On stdout, never in the log: it may have passwords.

use std::fmt::{self, Write as _};

use ssvirt_fixtures::demo;

use super::logins::{Login, Password};
use crate::{
    cli::say,
    config::{Backend, Config},
    data_dir::DataDir,
};

pub(super) struct Banner<'a> {
    pub config: &'a Config,
    pub root: &'a str,
    pub data_dir: Option<&'a DataDir>,
    pub logins: Vec<Login>,
}

pub(super) fn print(banner: &Banner<'_>) {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = banner.write(&mut text);
    say(format_args!("{text}"));
}

impl Banner<'_> {
    fn write(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "SSVirt {} is ready.\n", env!("CARGO_PKG_VERSION"))?;
        writeln!(out, "  URL       {}", self.root)?;
        if let Some(data_dir) = self.data_dir {
            writeln!(out, "  Data      {}", data_dir.path().display())?;
        }
        let backend = match self.config.backend {
            Backend::Memory => "memory (a simulator: virtual machines are made up)",
            Backend::Kubevirt => "kubevirt",
            Backend::None => "none (no virtual machine can be made)",
        };
        writeln!(out, "  Backend   {backend}\n")?;
        self.write_logins(out)?;
        self.write_commands(out)
    }

    fn write_logins(&self, out: &mut String) -> fmt::Result {
        if self.logins.is_empty() {
            return writeln!(
                out,
                "There are users already; ssvirt user set-password administrator@System helps if the \
                 password is lost.\n"
            );
        }
        let any = |wanted: fn(&Password) -> bool| self.logins.iter().any(|l| wanted(&l.password));
        let made = any(|password| matches!(password, Password::Made(_)));
        writeln!(
            out,
            "{}",
            if made { "Logins (passwords are shown this once):" } else { "Logins:" }
        )?;
        for Login { user, org, role, password } in &self.logins {
            let password = match password {
                Password::Made(password) => password.clone(),
                Password::Given => "(as configured)".to_owned(),
                Password::Kept => "(as before)".to_owned(),
            };
            writeln!(out, "  {:<22} {password:<26} {role}", format!("{user}@{org}"))?;
        }
        if any(|password| *password == Password::Kept) {
            writeln!(
                out,
                "\nPasswords were printed at an earlier start. To reset them, stop the server, then:\n  \
                 SSVIRT_DEMO_PASSWORD=... ssvirt serve --demo   (all four)\n  \
                 ssvirt user set-password admin@demo            (one)"
            )?;
        }
        writeln!(out)
    }

    fn write_commands(&self, out: &mut String) -> fmt::Result {
        let root = self.root;
        let host = root.split_once("://").map_or(root, |(_, host)| host);
        // vcd-cli takes a host for https, and a whole URL otherwise.
        let (target, insecure) =
            if root.starts_with("https") { (host, " -i -w") } else { (root, "") };
        let (org, user) =
            if self.config.demo { (demo::ORG, "admin") } else { ("System", "administrator") };
        let login = self.logins.iter().find(|login| login.user == user);
        let password = match login.map(|login| &login.password) {
            Some(Password::Made(password)) => password.clone(),
            Some(Password::Given | Password::Kept) | None => "PASSWORD".to_owned(),
        };
        writeln!(out, "Try next:")?;
        writeln!(out, "  curl -k {root}/api/versions")?;
        writeln!(out, "  vcd login {target} {org} {user}{insecure} -p {password}")?;
        let vdc = if self.config.demo { format!(" VCD_VDC={}", demo::VDC) } else { String::new() };
        writeln!(
            out,
            "  VCD_URL={root}/api VCD_ALLOW_UNVERIFIED_SSL=true VCD_ORG={org}{vdc} VCD_USER={user} \
             VCD_PASSWORD={password} terraform plan"
        )?;
        if root.starts_with("http:") {
            writeln!(
                out,
                "\nTerraform takes https only: it needs the proxy that plain HTTP is for."
            )?;
        }
        writeln!(out, "\nCtrl+C stops the server.")
    }
}
