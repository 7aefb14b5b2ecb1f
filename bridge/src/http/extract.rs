//! What a request brings: query and body, with a sentence where they are not right.

use super::problem::ApiError;
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use std::time::Duration;

/// How long a request's body may take. Its head has a limit of its own (`connection`).
pub(super) const BODY_TIME: Duration = Duration::from_secs(30);

/// How many entries a list has if nothing is said, and at the most.
pub(super) const USUAL_PAGE: usize = 100;
pub(super) const LARGEST_PAGE: usize = 1000;

/// A query, read as `T`.
pub(super) struct Asked<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned + Send> FromRequestParts<S> for Asked<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(asked)) => Ok(Asked(asked)),
            Err(rejection) => Err(ApiError::unprocessable(rejection.body_text())),
        }
    }
}

/// A body in JSON, read as `T` within [`BODY_TIME`].
pub(super) struct Body<T>(pub(super) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        match tokio::time::timeout(BODY_TIME, Json::<T>::from_request(request, state)).await {
            Ok(Ok(Json(body))) => Ok(Body(body)),
            Ok(Err(rejection)) => Err(explain(&rejection).into_response()),
            Err(_elapsed) => {
                let detail = format!("the body did not come within {} s", BODY_TIME.as_secs());
                let mut response = ApiError::new(StatusCode::REQUEST_TIMEOUT, detail).into_response();
                // (RFC 9110 section 15.5.9) what is still to come of it is nobody's request
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
                Err(response)
            }
        }
    }
}

/// What axum found, as a sentence for whoever wrote the request.
fn explain(rejection: &JsonRejection) -> ApiError {
    let (status, text) = (rejection.status(), rejection.body_text());
    match status {
        StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            ApiError::new(status, "the body must be JSON, and say so: Content-Type: application/json")
        }
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::new(status, "the body is larger than this broker's largest packet")
        }
        _ => ApiError::new(status, text),
    }
}

/// How many entries to list.
pub(super) fn page_size(limit: Option<usize>) -> Result<usize, ApiError> {
    match limit {
        None => Ok(USUAL_PAGE),
        Some(limit @ 1..=LARGEST_PAGE) => Ok(limit),
        Some(limit) => {
            Err(ApiError::unprocessable(format!("limit is {limit}: it may be 1 to {LARGEST_PAGE}")))
        }
    }
}

/// The place that an earlier answer named as `next`.
pub(super) fn place<T: std::str::FromStr>(after: Option<&str>) -> Result<Option<T>, ApiError> {
    let parse = |text: &str| {
        text.parse().map_err(|_| ApiError::unprocessable("after is not what an earlier answer had as next"))
    };
    after.map(parse).transpose()
}
