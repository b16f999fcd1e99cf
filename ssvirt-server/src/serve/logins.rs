//! Who can log in after the start.

use ssvirt_core::{Cloud, service::FirstStart};
use ssvirt_fixtures::demo::{self, DemoPasswords};

use crate::{
    cli::Failure,
    config::{Backend, Config},
    secrets::random_password,
};

/// Where a user's password comes from.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Password {
    /// Made just now: to be printed, for nobody knows it yet.
    Made(String),
    /// From the configuration: whoever starts the server knows it.
    Given,
    /// Set before.
    Kept,
}

/// A login to tell of.
pub(super) struct Login {
    pub user: &'static str,
    pub org: &'static str,
    pub role: &'static str,
    pub password: Password,
}

/// The demo with its users, or at least one administrator.
pub(super) async fn ensure(config: &Config, cloud: &Cloud) -> Result<Vec<Login>, Failure> {
    if config.demo { seed(config, cloud).await } else { administrator(config, cloud).await }
}

async fn seed(config: &Config, cloud: &Cloud) -> Result<Vec<Login>, Failure> {
    let passwords = match &config.demo_password {
        Some(password) => DemoPasswords::one_for_all(password.expose()),
        None => {
            let mut passwords: [String; 4] = std::array::from_fn(|_| random_password());
            if let Some(password) = &config.admin_password {
                // The first of them is the administrator.
                passwords[0] = password.expose().to_owned();
            }
            DemoPasswords::Initial(passwords)
        }
    };
    let report = demo::seed_with(cloud, &passwords, &images(config))
        .await
        .map_err(|error| Failure::of("the demo cannot be made", &error))?;
    tracing::info!(created = report.created, "the demo is there");
    let logins = report.logins.into_iter().enumerate().map(|(n, login)| Login {
        user: login.user.name,
        org: login.user.org,
        role: login.user.role,
        password: match login.password {
            None => Password::Kept,
            Some(_) if config.demo_password.is_some() => Password::Given,
            Some(_) if n == 0 && config.admin_password.is_some() => Password::Given,
            Some(password) => Password::Made(password),
        },
    });
    Ok(logins.collect())
}

/// Containerdisks that KubeVirt's project publishes, where the configuration names no others. A simulator has no
/// use for them.
fn images(config: &Config) -> demo::Images {
    const IMAGES: [(&str, &str); 2] = [
        ("ubuntu-24.04", "docker://quay.io/containerdisks/ubuntu:24.04"),
        ("debian-13", "docker://quay.io/containerdisks/debian:13"),
    ];
    if config.backend != Backend::Kubevirt {
        return demo::Images::new();
    }
    let mut images: demo::Images =
        IMAGES.map(|(name, image)| (name.to_owned(), image.to_owned())).into();
    images.extend(config.cluster.kubevirt.demo_images.clone());
    images
}

async fn administrator(config: &Config, cloud: &Cloud) -> Result<Vec<Login>, Failure> {
    let (password, told) = match &config.admin_password {
        Some(given) => (given.expose().to_owned(), Password::Given),
        None => {
            let made = random_password();
            (made.clone(), Password::Made(made))
        }
    };
    let first = cloud
        .ensure_administrator(move || password)
        .await
        .map_err(|error| Failure::of("the first administrator cannot be made", &error))?;
    Ok(match first {
        FirstStart::Known => Vec::new(),
        FirstStart::Created => {
            let user = demo::USERS[0];
            vec![Login { user: user.name, org: user.org, role: user.role, password: told }]
        }
    })
}
