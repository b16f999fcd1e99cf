//! The inventory, written straight into the database.

use std::{path::Path, sync::Arc, time::Duration};

use sqlx::{Connection as _, Executor as _, PgConnection};
use ssvirt_backends::{
    memory::Simulator,
    sql::{self, SqlOptions},
};
use ssvirt_conformance::postgres;
use ssvirt_core::{
    Cloud,
    env::{IdSource as _, RandomIds, SystemClock},
    model::ProviderVdc,
};
use ssvirt_fixtures::Model;

use crate::{
    Anything,
    cli::Database,
    target::{Ids, Login},
};

/// A database with an inventory in it.
pub struct Seeded {
    /// Its URL.
    pub url: String,
    /// Who may log in.
    pub login: Login,
    /// Objects to ask for.
    pub ids: Ids,
    /// How long it took.
    pub took: Duration,
}

/// Makes the inventory in a new database; of SQLite in that folder.
pub async fn seed(database: Database, model: &Model, folder: &Path) -> Anything<Seeded> {
    let start = std::time::Instant::now();
    let url = match database {
        Database::Sqlite => format!("sqlite://{}", folder.join("load.db").display()),
        Database::Postgres => postgres::fresh().await.ok_or("there is no PostgreSQL")?,
    };
    let options = SqlOptions { survive_power_loss: false, ..SqlOptions::default() };
    let store = sql::connect(&url, options).await?;
    store.migrate().await?;
    let simulator = Simulator::builder(Arc::new(SystemClock)).build();
    let cloud = Cloud::builder(Arc::new(store.clone()))
        .backend(ProviderVdc::DEFAULT, Arc::new(simulator))
        .build();
    cloud.start().await?;
    let login = Login {
        user: "administrator".to_owned(),
        org: "System".to_owned(),
        password: RandomIds.uuid().to_string(),
    };
    cloud.ensure_administrator(|| login.password.clone()).await?;
    let inventory = model.build(&cloud).await?;

    let org = inventory.orgs.first().ok_or("an inventory without organizations")?;
    let vdc = org.vdcs.first().ok_or("an inventory without VDCs")?.id;
    let vapp = org.vapps.first().ok_or("an inventory without vApps")?.id;
    let vms = cloud.vapp(&org.caller, vapp).await?.vms;
    let vm = vms.first().ok_or("a vApp without VMs")?.vm.id;
    let ids = Ids { vdc: Some(vdc.urn()), vapp: Some(vapp.urn()), vm: Some(vm.urn()) };
    cloud.stop().await;
    store.close().await;
    if database == Database::Postgres {
        // It does so by itself in time, which is not to be while something is measured.
        let mut connection = PgConnection::connect(&url).await?;
        connection.execute("VACUUM ANALYZE").await?;
        connection.close().await?;
    }
    Ok(Seeded { url, login, ids, took: start.elapsed() })
}
