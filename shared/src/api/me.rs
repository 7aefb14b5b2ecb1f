//! Who asks: `/api/v1/me`.

use serde::{Deserialize, Serialize};

/// The path of [`Me`].
pub const ME_PATH: &str = "/api/v1/me";

/// What somebody may do with the API; each includes those before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// To look.
    Viewer,
    /// To publish messages, within the access rules.
    Publisher,
    /// All of it, to end connections too.
    Admin,
}

/// Who asks, as the broker sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Me {
    /// The user or the token; absent: there are no users, and everybody who reaches the API may do all of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What it may do.
    pub role: Role,
    /// Whether one has to log in here.
    pub login: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::there_and_back;

    #[test]
    fn me() {
        there_and_back(&Me { user: Some("ann".into()), role: Role::Publisher, login: true });
        there_and_back(&Me { user: None, role: Role::Admin, login: false });
        assert!(Role::Viewer < Role::Admin);
    }
}
