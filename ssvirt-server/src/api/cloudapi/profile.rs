//! `/api/v1/user`: what the web console keeps of the user who is logged in. Every body is in the envelope
//! that it reads: `success` and `data`.

use poem_openapi::{Object, OpenApi, types::Example};
use serde::{Deserialize, Serialize};
use ssvirt_core::model;

use super::{
    answer::{Answered, Given},
    user::PasswordChangeRequest,
};
use crate::{context::Ctx, error::VcdError};

pub struct ProfileApi;

macro_rules! enveloped {
    ($(#[$doc:meta])* $name:ident($data:ty)) => {
        $(#[$doc])*
        #[derive(Object, Serialize)]
        pub struct $name {
            /// Whether it was done; errors have another form.
            success: bool,
            /// What was asked for.
            data: $data,
        }

        impl $name {
            fn answer(data: $data) -> Answered<Self> {
                Answered::new(Self { success: true, data })
            }
        }
    };
}

/// The user.
#[derive(Object, Serialize)]
pub struct Profile {
    /// The URN.
    id: String,
    /// The login name.
    username: String,
    /// E-mail address; may be empty.
    email: String,
    /// The name for people.
    full_name: String,
    /// The organization's name.
    organization: String,
    /// The role's name.
    role: String,
}

/// How a console shows things to a user.
#[derive(Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preferences {
    /// `light`, `dark` or `auto`.
    theme: String,
    /// Language tag.
    language: String,
    /// Time zone.
    timezone: String,
    /// How dates are written.
    date_format: String,
    /// `12h` or `24h`.
    time_format: String,
    /// What it wants to be told of.
    notifications: Notifications,
    /// Rows a page.
    default_items_per_page: i32,
    /// Seconds between two looks; 0 is never.
    auto_refresh_interval: i32,
}

/// What a user wants to be told of.
#[derive(Object, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    /// By e-mail.
    email: bool,
    /// By the browser.
    browser: bool,
    /// When a VM's power changes.
    vm_state_changes: bool,
    /// When the system is maintained.
    system_maintenance: bool,
}

/// Some of the preferences; what is left out stays.
#[derive(Object, Deserialize)]
#[oai(example, skip_serializing_if_is_none)]
#[serde(deny_unknown_fields)]
pub struct PreferencesChange {
    /// What is to be different.
    preferences: SomePreferences,
}

impl Example for PreferencesChange {
    fn example() -> Self {
        let preferences = SomePreferences {
            theme: Some("dark".to_owned()),
            default_items_per_page: Some(25),
            ..SomePreferences::default()
        };
        Self { preferences }
    }
}

/// Some of [`Preferences`].
#[derive(Default, Object, Deserialize)]
#[oai(skip_serializing_if_is_none)]
#[serde(deny_unknown_fields, default)]
pub struct SomePreferences {
    /// `light`, `dark` or `auto`.
    #[oai(validator(pattern = "^(light|dark|auto)$"))]
    theme: Option<String>,
    /// Language tag.
    #[oai(validator(min_length = 1, max_length = 64))]
    language: Option<String>,
    /// Time zone.
    #[oai(validator(min_length = 1, max_length = 64))]
    timezone: Option<String>,
    /// How dates are written.
    #[oai(validator(min_length = 1, max_length = 64))]
    date_format: Option<String>,
    /// `12h` or `24h`.
    #[oai(validator(pattern = "^(12h|24h)$"))]
    time_format: Option<String>,
    /// What it wants to be told of.
    notifications: Option<Notifications>,
    /// Rows a page.
    #[oai(validator(minimum(value = "1"), maximum(value = "128")))]
    default_items_per_page: Option<i32>,
    /// Seconds between two looks; 0 is never.
    #[oai(validator(minimum(value = "0"), maximum(value = "86400")))]
    auto_refresh_interval: Option<i32>,
}

/// A way to secure the login that can be switched on.
#[derive(Object, Serialize)]
pub struct SecuritySetting {
    /// Which one.
    id: String,
    /// Its name.
    name: String,
    /// What it does.
    description: String,
    /// Whether it is on.
    enabled: bool,
}

/// Nothing.
#[derive(Object, Serialize)]
pub struct Nothing {}

enveloped! {
    /// The user.
    ProfileAnswer(Profile)
}
enveloped! {
    /// The preferences.
    PreferencesAnswer(Preferences)
}
enveloped! {
    /// The settings.
    SecuritySettings(Vec<SecuritySetting>)
}
enveloped! {
    /// It is done.
    Done(Nothing)
}

impl From<model::Notifications> for Notifications {
    fn from(known: model::Notifications) -> Self {
        let model::Notifications { email, browser, vm_state_changes, system_maintenance } = known;
        Self { email, browser, vm_state_changes, system_maintenance }
    }
}

impl From<Notifications> for model::Notifications {
    fn from(given: Notifications) -> Self {
        let Notifications { email, browser, vm_state_changes, system_maintenance } = given;
        Self { email, browser, vm_state_changes, system_maintenance }
    }
}

impl From<model::Preferences> for Preferences {
    fn from(known: model::Preferences) -> Self {
        Self {
            theme: known.theme,
            language: known.language,
            timezone: known.timezone,
            date_format: known.date_format,
            time_format: known.time_format,
            notifications: known.notifications.into(),
            default_items_per_page: known.items_per_page,
            auto_refresh_interval: known.refresh_seconds,
        }
    }
}

impl SomePreferences {
    fn over(self, known: model::Preferences) -> model::Preferences {
        let notifications = self.notifications.map(model::Notifications::from);
        model::Preferences {
            theme: self.theme.unwrap_or(known.theme),
            language: self.language.unwrap_or(known.language),
            timezone: self.timezone.unwrap_or(known.timezone),
            date_format: self.date_format.unwrap_or(known.date_format),
            time_format: self.time_format.unwrap_or(known.time_format),
            notifications: notifications.unwrap_or(known.notifications),
            items_per_page: self.default_items_per_page.unwrap_or(known.items_per_page),
            refresh_seconds: self.auto_refresh_interval.unwrap_or(known.refresh_seconds),
        }
    }
}

async fn preferences(ctx: &Ctx) -> Result<model::Preferences, VcdError> {
    Ok(ctx.cloud.user(&ctx.caller, ctx.caller.user).await?.preferences.unwrap_or_default())
}

#[OpenApi(tag = "crate::api::Tag::Users")]
impl ProfileApi {
    /// The user who is logged in
    #[oai(path = "/api/v1/user/profile", method = "get", operation_id = "getProfile")]
    async fn profile(&self, ctx: Ctx) -> Result<Answered<ProfileAnswer>, VcdError> {
        let user = ctx.cloud.user(&ctx.caller, ctx.caller.user).await?;
        Ok(ProfileAnswer::answer(Profile {
            id: user.id.urn(),
            username: user.name,
            email: user.email,
            full_name: user.full_name,
            organization: ctx.caller.org_name,
            role: ctx.caller.role_name,
        }))
    }

    /// How the console shows things to the user
    #[oai(path = "/api/v1/user/preferences", method = "get", operation_id = "getPreferences")]
    async fn preferences(&self, ctx: Ctx) -> Result<Answered<PreferencesAnswer>, VcdError> {
        Ok(PreferencesAnswer::answer(preferences(&ctx).await?.into()))
    }

    /// Set how the console shows things to the user
    #[oai(path = "/api/v1/user/preferences", method = "put", operation_id = "putPreferences")]
    async fn set_preferences(
        &self,
        ctx: Ctx,
        body: Given<PreferencesChange>,
    ) -> Result<Answered<PreferencesAnswer>, VcdError> {
        let changed = body.0.preferences.over(preferences(&ctx).await?);
        ctx.cloud.set_preferences(&ctx.caller, changed.clone()).await?;
        Ok(PreferencesAnswer::answer(changed.into()))
    }

    /// Change the password of the user who is logged in
    #[oai(path = "/api/v1/user/password", method = "put", operation_id = "putPassword")]
    async fn set_password(
        &self,
        ctx: Ctx,
        body: Given<PasswordChangeRequest>,
    ) -> Result<Answered<Done>, VcdError> {
        body.0.apply(&ctx).await?;
        Ok(Done::answer(Nothing {}))
    }

    /// What the login can be secured with besides a password: nothing yet
    #[oai(
        path = "/api/v1/user/security/settings",
        method = "get",
        operation_id = "getSecuritySettings"
    )]
    async fn security(&self, _ctx: Ctx) -> Result<Answered<SecuritySettings>, VcdError> {
        Ok(SecuritySettings::answer(Vec::new()))
    }
}
