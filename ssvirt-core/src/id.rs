//! Typed ids and their renderings: `urn:vcloud:<kind>:<uuid>`, `vm-<uuid>`, plain UUIDs.

use std::{fmt, hash, marker::PhantomData};

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

use crate::error::{Error, Result};

macro_rules! kinds {
    ($($variant:ident $urn:literal $label:literal,)*) => {
        /// What an id names. The list is append-only: its names are stored.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(rename_all = "camelCase")]
        pub enum EntityKind {
            $(#[doc = $label] $variant,)*
        }

        impl EntityKind {
            /// Every kind.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The third part of the kind's URNs, as VCD writes it.
            pub const fn urn_name(self) -> &'static str {
                match self { $(Self::$variant => $urn,)* }
            }

            /// How messages call it.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)* }
            }
        }
    };
}

kinds! {
    Org "org" "organization",
    User "user" "user",
    Role "role" "role",
    Right "right" "right",
    Session "session" "session",
    ProviderVdc "providervdc" "provider VDC",
    Vdc "vdc" "VDC",
    StorageProfile "vdcstorageProfile" "storage profile",
    ComputePolicy "vdcComputePolicy" "compute policy",
    Network "network" "network",
    Catalog "catalog" "catalog",
    CatalogItem "catalogitem" "catalog item",
    Template "vapptemplate" "vApp template",
    Media "media" "media",
    Disk "disk" "disk",
    VApp "vapp" "vApp",
    Vm "vm" "virtual machine",
    Task "task" "task",
    Event "audit" "event",
    Site "site" "site",
    RightsCategory "rightsCategory" "category of rights",
}

/// A thing with an id.
pub trait Entity {
    /// Its kind.
    const KIND: EntityKind;
}

/// The id of a `K`: a UUID that cannot be mistaken for the id of something else.
pub struct Id<K>(Uuid, PhantomData<fn() -> K>);

impl<K> Id<K> {
    /// Takes a UUID for the id of a `K`.
    pub const fn new(uuid: Uuid) -> Self {
        Self(uuid, PhantomData)
    }

    /// The bare UUID, as it stands in hrefs.
    pub const fn uuid(self) -> Uuid {
        self.0
    }
}

impl<K: Entity> Id<K> {
    /// `urn:vcloud:<kind>:<uuid>`
    pub fn urn(self) -> String {
        Urn { kind: K::KIND, uuid: self.0 }.to_string()
    }

    /// The id with its kind, for places that hold ids of several kinds.
    pub fn any(self) -> Urn {
        Urn { kind: K::KIND, uuid: self.0 }
    }

    /// Reads any rendering that a client may send: a bare UUID, one prefixed as in hrefs (`vm-`,
    /// `vapp-`, `vappTemplate-`), a URN of this kind, or an href whose last UUID is meant.
    ///
    /// # Errors
    /// `BadRequest` for anything else.
    pub fn parse(text: &str) -> Result<Self> {
        parse_uuid(K::KIND, text)
            .map(Self::new)
            .ok_or_else(|| Error::bad_request(format!("\"{text}\" is no {} id", K::KIND.label())))
    }
}

impl<K> Clone for Id<K> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<K> Copy for Id<K> {}
impl<K> PartialEq for Id<K> {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}
impl<K> Eq for Id<K> {}
impl<K> PartialOrd for Id<K> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl<K> Ord for Id<K> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}
impl<K> hash::Hash for Id<K> {
    fn hash<H: hash::Hasher>(&self, state: &mut H) {
        self.0.hash(state);
    }
}
impl<K> fmt::Display for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<K> fmt::Debug for Id<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
impl<K> Serialize for Id<K> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}
impl<'de, K> Deserialize<'de> for Id<K> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Uuid::deserialize(deserializer).map(Self::new)
    }
}

/// An id together with its kind; displayed as a VCD URN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Urn {
    /// What it names.
    pub kind: EntityKind,
    /// Which one.
    pub uuid: Uuid,
}

impl Urn {
    /// Reads `urn:vcloud:<kind>:<uuid>`; the kind's case does not matter, as in VCD.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(':');
        let (urn, vcloud, kind, uuid) =
            (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some()
            || !urn.eq_ignore_ascii_case("urn")
            || !vcloud.eq_ignore_ascii_case("vcloud")
        {
            return None;
        }
        let kind = *EntityKind::ALL.iter().find(|k| k.urn_name().eq_ignore_ascii_case(kind))?;
        Some(Self { kind, uuid: plain_uuid(uuid)? })
    }

    /// The id, if it is of kind `K`.
    pub fn as_id<K: Entity>(self) -> Option<Id<K>> {
        (self.kind == K::KIND).then(|| Id::new(self.uuid))
    }
}

impl fmt::Display for Urn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "urn:vcloud:{}:{}", self.kind.urn_name(), self.uuid)
    }
}

/// A UUID in its hyphenated form only: other forms never appear in the VCD API.
fn plain_uuid(text: &str) -> Option<Uuid> {
    (text.len() == 36).then(|| Uuid::try_parse(text).ok()).flatten()
}

/// The UUID that `text` means where an id of `kind` is expected; see [`Id::parse`].
pub fn parse_uuid(kind: EntityKind, text: &str) -> Option<Uuid> {
    if let Some(uuid) = plain_uuid(text) {
        return Some(uuid);
    }
    if text.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
        return Urn::parse(text).filter(|urn| urn.kind == kind).map(|urn| urn.uuid);
    }
    if text.contains('/') {
        let path = text.split(['?', '#']).next().unwrap_or_default();
        return path.rsplit('/').find_map(|segment| prefixed_uuid(kind, segment));
    }
    prefixed_uuid(kind, text)
}

/// The UUID at the end of any id, whatever it names: for logs, not for look-ups.
pub fn parse_any(text: &str) -> Option<Uuid> {
    plain_uuid(text.get(text.len().checked_sub(36)?..)?)
}

fn prefixed_uuid(kind: EntityKind, segment: &str) -> Option<Uuid> {
    if let Some(uuid) = plain_uuid(segment) {
        return Some(uuid);
    }
    if segment.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("urn:")) {
        return Urn::parse(segment).filter(|urn| urn.kind == kind).map(|urn| urn.uuid);
    }
    let prefix = match kind {
        EntityKind::Vm => "vm-",
        EntityKind::VApp => "vapp-",
        EntityKind::Template => "vappTemplate-",
        _ => return None,
    };
    segment.strip_prefix(prefix).and_then(plain_uuid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Vm;

    const UUID: &str = "5a920577-0ef2-49d0-a3df-ecd4e73d69e0";

    #[test]
    fn every_rendering_is_read() {
        for text in [
            UUID.to_owned(),
            format!("vm-{UUID}"),
            format!("urn:vcloud:vm:{UUID}"),
            format!("URN:VCLOUD:VM:{UUID}"),
            format!("https://host:8443/api/vApp/vm-{UUID}"),
            format!("https://host/api/vApp/vm-{UUID}/action/x?y=z"),
            format!("https://host/cloudapi/1.0.0/vms/urn:vcloud:vm:{UUID}"),
        ] {
            assert_eq!(Id::<Vm>::parse(&text).unwrap().uuid().to_string(), UUID, "{text}");
        }
    }

    #[test]
    fn other_text_is_refused() {
        for text in [
            "",
            "vm-",
            "x",
            "vapp-5a920577-0ef2-49d0-a3df-ecd4e73d69e0",
            "/",
            "urn:vcloud:vapp:5a920577-0ef2-49d0-a3df-ecd4e73d69e0",
            "5a9205770ef249d0a3dfecd4e73d69e0",
        ] {
            assert!(Id::<Vm>::parse(text).is_err(), "{text}");
        }
    }
}
