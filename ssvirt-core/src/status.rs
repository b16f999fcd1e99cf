//! VCD's status codes of vApps, virtual machines and templates.

use serde::{Deserialize, Serialize};

macro_rules! statuses {
    ($($variant:ident $code:literal $name:literal,)*) => {
        /// The `status` of a vApp, VM or template.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Status { $(#[doc = $name] $variant,)* }

        impl Status {
            /// Every status.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The number in the `status` attribute.
            pub const fn code(self) -> i32 {
                match self { $(Self::$variant => $code,)* }
            }

            /// The name in query records.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

statuses! {
    FailedCreation -1 "FAILED_CREATION",
    Unresolved 0 "UNRESOLVED",
    Resolved 1 "RESOLVED",
    Suspended 3 "SUSPENDED",
    PoweredOn 4 "POWERED_ON",
    Unknown 6 "UNKNOWN",
    PoweredOff 8 "POWERED_OFF",
    Inconsistent 9 "INCONSISTENT_STATE",
    Mixed 10 "MIXED",
    PartiallyPoweredOff 20 "PARTIALLY_POWERED_OFF",
    PartiallySuspended 21 "PARTIALLY_SUSPENDED",
}

impl Status {
    /// The status with this code.
    pub fn from_code(code: i32) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.code() == code)
    }

    /// The status with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|status| status.name() == name)
    }

    /// As clients older than API version 37.0 know it: "off, but still deployed" is off.
    #[must_use]
    pub fn legacy(self) -> Self {
        match self {
            Self::PartiallyPoweredOff => Self::PoweredOff,
            Self::PartiallySuspended => Self::Suspended,
            other => other,
        }
    }

    /// The status of a vApp with VMs in these states: RESOLVED when it has none, MIXED when they
    /// differ.
    pub fn of_vapp(mut vms: impl Iterator<Item = Self>) -> Self {
        let Some(first) = vms.next() else { return Self::Resolved };
        if vms.all(|status| status == first) { first } else { Self::Mixed }
    }
}
