//! `ssvirt user set-password`.

use std::{
    io::{self, BufRead as _, IsTerminal as _},
    path::Path,
    sync::Arc,
};

use ssvirt_core::{Cloud, service::Caller};

use super::{Failure, open_store, say};
use crate::{
    config::{Config, resolve::password_in},
    secrets::Secret,
};

pub(super) async fn set(config: &Config, who: &str, file: Option<&Path>) -> Result<(), Failure> {
    // User names may have an @ of their own, organizations do not.
    let Some((user, org)) = who.rsplit_once('@').filter(|(user, _)| !user.is_empty()) else {
        return Err(Failure::new(format!("\"{who}\" is not USER@ORG, such as admin@demo")));
    };
    let (store, _data_dir) = open_store(config).await?;
    let cloud = Cloud::builder(Arc::new(store.clone())).build();
    let failed = |error| Failure::of("the password was not set", &error);
    let system = Caller::system();
    let nobody = || Failure::new(format!("there is no user {who}"));
    let org = cloud.org_by_name(&system, org).await.map_err(failed)?.ok_or_else(nobody)?;
    let users = cloud.users(&system, org.id).await.map_err(failed)?;
    let known = users.into_iter().find(|known| known.name.to_lowercase() == user.to_lowercase());
    let known = known.ok_or_else(nobody)?;
    let password = read(who, file)?;
    cloud.set_password(&system, known.id, password.expose().to_owned()).await.map_err(failed)?;
    store.close().await;
    say(format_args!(
        "The password of {}@{} is set; the user's logins are ended.",
        known.name, org.name
    ));
    Ok(())
}

fn read(who: &str, file: Option<&Path>) -> Result<Secret, Failure> {
    if let Some(file) = file {
        return Ok(password_in("the password file", file)?);
    }
    if let Some(password) = std::env::var("SSVIRT_PASSWORD").ok().filter(|text| !text.is_empty()) {
        return Ok(Secret::new(password));
    }
    let unread = |error: io::Error| Failure::of("the password cannot be read", &error);
    let stdin = io::stdin();
    let line = if stdin.is_terminal() {
        rpassword::prompt_password(format!("New password of {who}: ")).map_err(unread)?
    } else {
        let mut line = String::new();
        stdin.lock().read_line(&mut line).map_err(unread)?;
        line
    };
    match line.trim_end_matches(['\r', '\n']) {
        "" => Err(Failure::new("no password was given")),
        password => Ok(Secret::new(password)),
    }
}
