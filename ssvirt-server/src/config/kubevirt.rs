//! The table `kubevirt` of the configuration file.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::Deserialize;
use ssvirt_backends::kubevirt::{
    ClusterOptions, breaker::BreakerOptions, catalog::CatalogOptions, limits::LimitOptions,
    place::PlaceOptions,
};

/// How VDCs and virtual machines are made in a cluster.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KubevirtSettings {
    /// What every VDC's namespace is given.
    pub vdc: PlaceOptions,
    /// How much is asked of the cluster, and when it counts as away.
    pub calls: CallSettings,
    /// What of the cluster is offered as templates.
    pub catalog: CatalogOptions,
    /// Where these templates appear.
    pub placement: PlacementSettings,
    /// The images of the demo's templates, by the operating system.
    pub demo_images: BTreeMap<String, String>,
}

/// Where the templates of a cluster appear.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PlacementSettings {
    /// The one catalog of the System organization that all others see.
    pub catalog: String,
    /// In every catalog instead, beside its own items.
    pub every_catalog: bool,
    /// The names of the organizations that see them; none is all.
    pub organizations: Option<BTreeSet<String>>,
    /// How often the cluster is asked, in seconds.
    pub refresh_seconds: u32,
}

impl Default for PlacementSettings {
    fn default() -> Self {
        Self {
            catalog: "discovered".to_owned(),
            every_catalog: false,
            organizations: None,
            refresh_seconds: 60,
        }
    }
}

/// How much is asked of the cluster, and when it counts as away.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CallSettings {
    /// Calls at once.
    pub at_once: usize,
    /// Calls at once about one VDC.
    pub at_once_per_vdc: usize,
    /// How long the API server has to begin an answer, in seconds.
    pub answer_seconds: u32,
    /// Calls that fail one after the other, after which the circuit breaker opens.
    pub breaker_failures: u32,
    /// How long it is open before a call is let through to see whether the cluster is back, in seconds.
    pub breaker_open_seconds: u32,
    /// Calls that have to succeed then before it closes.
    pub breaker_probes: u32,
}

impl Default for CallSettings {
    fn default() -> Self {
        let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
        let options = ClusterOptions::default();
        Self {
            at_once: options.limits.total,
            at_once_per_vdc: options.limits.per_namespace,
            answer_seconds: seconds(options.answer),
            breaker_failures: options.breaker.failures,
            breaker_open_seconds: seconds(options.breaker.open_for),
            breaker_probes: options.breaker.probes,
        }
    }
}

impl CallSettings {
    /// The name of a number that must not be 0 and is.
    pub(super) fn zero(&self) -> Option<&'static str> {
        let numbers = [
            ("at_once", self.at_once == 0),
            ("at_once_per_vdc", self.at_once_per_vdc == 0),
            ("answer_seconds", self.answer_seconds == 0),
            ("breaker_failures", self.breaker_failures == 0),
            ("breaker_open_seconds", self.breaker_open_seconds == 0),
            ("breaker_probes", self.breaker_probes == 0),
        ];
        numbers.into_iter().find(|(_, zero)| *zero).map(|(name, _)| name)
    }

    /// The same for the backend.
    #[must_use]
    pub fn options(&self) -> ClusterOptions {
        ClusterOptions {
            breaker: BreakerOptions {
                failures: self.breaker_failures,
                open_for: Duration::from_secs(self.breaker_open_seconds.into()),
                probes: self.breaker_probes,
            },
            limits: LimitOptions { total: self.at_once, per_namespace: self.at_once_per_vdc },
            answer: Duration::from_secs(self.answer_seconds.into()),
            ..ClusterOptions::default()
        }
    }
}
