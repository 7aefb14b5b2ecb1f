//! Who may use the API: roles, by HTTP basic or a bearer token (RFC 7617, RFC 6750).
//!
//! A route says what it needs: `access::protect(&gate, Role::Viewer, get(handler))`. The handler finds the [`Caller`]
//! among the request's extensions. As long as there are no users, everybody who reaches the API may use all of it, which
//! is for loopback addresses only.

use super::origin::ForeignName;
use super::problem::ApiError;
use crate::auth::{Failure, Gatekeeper, Role};
use crate::broker::Identity;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodRouter;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) identity: Identity,
    pub(super) address: IpAddr,
    /// `None`: there are no users, and everybody may do everything.
    pub(super) role: Option<Role>,
}

/// Lets only those to these routes who have at least this role. Others get 401, or 403 if it is known who they are.
pub(super) fn protect<S>(gate: &Arc<Gatekeeper>, role: Role, routes: MethodRouter<S>) -> MethodRouter<S>
where
    S: Clone + Send + Sync + 'static,
{
    routes.route_layer(from_fn_with_state((Arc::clone(gate), role), check))
}

async fn check(
    State((gate, needed)): State<(Arc<Gatekeeper>, Role)>,
    mut request: Request,
    next: Next,
) -> Response {
    let address = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical();
    if !gate.guards_api() {
        if request.extensions().get::<ForeignName>().is_some() {
            let detail = "nobody has to log in here, so the API answers under this machine's own names only, against pages \
                          whose domain is made to point here; --allow-origin with the origin of this name permits it";
            return ApiError::new(StatusCode::FORBIDDEN, detail).into_response();
        }
        request.extensions_mut().insert(Caller { identity: Identity::default(), address, role: None });
        return next.run(request).await;
    }
    let logged_in = match credentials(request.headers()) {
        Some(Credentials::Basic { name, password }) => gate.log_in(&name, password.as_bytes(), address).await,
        Some(Credentials::Bearer(token)) => gate.log_in_by_bearer(token.as_bytes(), address),
        None => {
            return challenge(
                request.headers(),
                "this needs a user or a token: send HTTP basic or a bearer token",
            );
        }
    };
    match logged_in {
        Ok(logged_in) if logged_in.role.is_some_and(|role| role >= needed) => {
            request.extensions_mut().insert(Caller {
                identity: logged_in.identity,
                address,
                role: logged_in.role,
            });
            next.run(request).await
        }
        Ok(logged_in) => {
            let has = logged_in.role.map_or("none", Role::name);
            let detail = format!("this needs the role {needed}, and the user's role is {has}");
            ApiError::new(StatusCode::FORBIDDEN, detail).into_response()
        }
        Err(failure) => refuse(failure, request.headers()),
    }
}

fn refuse(failure: Failure, headers: &HeaderMap) -> Response {
    match failure {
        // Not more: who exists is nobody's affair.
        Failure::Wrong(_) => challenge(headers, "wrong user name, password or token"),
        Failure::Throttled(time) => {
            let detail = "too many wrong passwords: try again later";
            let mut response = ApiError::new(StatusCode::TOO_MANY_REQUESTS, detail).into_response();
            let seconds = HeaderValue::from(time.as_secs().saturating_add(1));
            response.headers_mut().insert(header::RETRY_AFTER, seconds);
            response
        }
        Failure::Overrun => {
            ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many others are logging in").into_response()
        }
    }
}

/// 401. A page that asks by script shows a form of its own, so it is not offered what makes browsers show theirs.
fn challenge(headers: &HeaderMap, detail: &str) -> Response {
    let mut response = ApiError::new(StatusCode::UNAUTHORIZED, detail).into_response();
    let is_script = headers.get("sec-fetch-mode").is_some_and(|mode| mode != "navigate");
    let offered = response.headers_mut();
    offered.append(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"TabMQ\""));
    if !is_script {
        let basic = "Basic realm=\"TabMQ\", charset=\"UTF-8\"";
        offered.append(header::WWW_AUTHENTICATE, HeaderValue::from_static(basic));
    }
    response
}

enum Credentials {
    Basic { name: String, password: String },
    Bearer(String),
}

/// What the header Authorization says, if it can be understood.
fn credentials(headers: &HeaderMap) -> Option<Credentials> {
    let (scheme, rest) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(Credentials::Bearer(rest.trim().to_owned()));
    }
    let decoded = STANDARD.decode(rest.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let text = String::from_utf8(decoded).ok()?;
    let (name, password) = text.split_once(':')?;
    Some(Credentials::Basic { name: name.to_owned(), password: password.to_owned() })
}
