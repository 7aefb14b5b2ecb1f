//! The broker behind the gateway: where it is, and a connection to it.

use crate::client::{Route, Transport, connect};
use std::fmt;
use std::time::Duration;
use tabmq_shared::packet::Version;

/// The way to the broker.
#[derive(Clone, Debug)]
pub(super) struct Upstream {
    /// As it is called in front of people.
    pub(super) name: String,
    pub(super) places: Places,
    /// How long a connection may take to open.
    pub(super) connect_time: Duration,
}

/// Where connections lead to.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// One address for every version of MQTT, as with nearly every broker.
    One(Route),
    #[cfg_attr(not(feature = "rumqttd"), expect(dead_code, reason = "only rumqttd is like that"))]
    /// An address for 3.1.1 and one for 5.0, as rumqttd has them.
    ByVersion {
        /// For 3.1 and 3.1.1.
        old: Route,
        /// For 5.0.
        new: Route,
    },
}

impl Upstream {
    /// What the gateway itself speaks at first. Where versions have ports of their own, that is rumqttd: in it a message
    /// with a property of 5.0 ends the connection of everybody who speaks 3.1.1.
    pub(super) fn first_version(&self) -> Version {
        match self.places {
            Places::One(_) => Version::V5,
            Places::ByVersion { .. } => Version::V311,
        }
    }

    /// The address for a client that speaks `version`.
    pub(super) fn place(&self, version: Version) -> &Route {
        match &self.places {
            Places::One(route) => route,
            Places::ByVersion { new, .. } if version.is_v5() => new,
            Places::ByVersion { old, .. } => old,
        }
    }

    /// Connects for a client that speaks `version`. The error is a sentence that says what to do.
    pub(super) async fn connect(&self, version: Version) -> Result<Transport, String> {
        let opening = connect(self.place(version).clone(), version);
        match tokio::time::timeout(self.connect_time, opening).await {
            Ok(opened) => opened,
            Err(_elapsed) => Err(format!("no answer from {self} in time: check host, port and firewall")),
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
