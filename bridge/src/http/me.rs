//! `GET /api/v1/me`: who asks.

use super::access::Caller;
use crate::auth;
use axum::{Extension, Json};
use tabmq_shared::api::me::{Me, Role};

pub(super) async fn me(Extension(caller): Extension<Caller>) -> Json<Me> {
    let role = match caller.role {
        None | Some(auth::Role::Admin) => Role::Admin, // none: there are no users
        Some(auth::Role::Publisher) => Role::Publisher,
        Some(auth::Role::Viewer) => Role::Viewer,
    };
    let user = caller.identity.user.as_deref().map(str::to_owned);
    Json(Me { user, role, login: caller.role.is_some() })
}
