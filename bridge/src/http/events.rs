//! `GET /api/v1/events`: what happens, as a stream of server-sent events (HTML Living Standard, section 9.2).

use super::AppState;
use super::access::Caller;
use super::extract::Asked;
use super::problem::ApiError;
use crate::history::{Begin, Reader};
use crate::hub::Listening;
use axum::Extension;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{self, Stream};
use std::collections::VecDeque;
use std::time::Duration;
use tabmq_shared::api::events::{BrokerEvent, EventQuery, Happening, Kind};
use tabmq_shared::topic::TopicFilter;
use tokio::time::Instant;

/// A comment comes so often, so that a dead connection can be told, by proxies too.
const HEART_BEAT: Duration = Duration::from_secs(15);

/// As many events of the past may be asked for.
const MAX_LAST: usize = 10_000;

pub(super) async fn events(
    State(state): State<AppState>,
    Extension(caller): Extension<Caller>,
    headers: HeaderMap,
    Asked(query): Asked<EventQuery>,
) -> Result<Response, ApiError> {
    let wanted = Wanted::new(&query)?;
    let last_id = headers.get(HeaderName::from_static("last-event-id")).and_then(|id| id.to_str().ok());
    let begin = match last_id.map(str::to_owned).or(query.after) {
        Some(id) if !id.is_empty() => Begin::Behind(id),
        _ => Begin::Last(query.last.unwrap_or(0).min(MAX_LAST)),
    };
    let listening = state.hub.listen(&begin, wanted.messages()).ok_or_else(|| {
        ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "too many others read the events: try again later")
    })?;
    // A token's end is the stream's: whoever has another one comes again.
    let until = caller.identity.valid_for.map(|time| Instant::now() + time);
    let stream = Sse::new(stream(Source { listening, wanted, until, waiting: VecDeque::new() }))
        .keep_alive(KeepAlive::new().interval(HEART_BEAT));
    let mut response = stream.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    // For nginx, which otherwise gathers what should go at once.
    let buffering = HeaderName::from_static("x-accel-buffering");
    response.headers_mut().insert(buffering, header::HeaderValue::from_static("no"));
    Ok(response)
}

struct Source {
    listening: Listening,
    wanted: Wanted,
    until: Option<Instant>,
    waiting: VecDeque<BrokerEvent>,
}

fn stream(source: Source) -> impl Stream<Item = Result<Event, axum::Error>> {
    stream::unfold(source, async |mut source| {
        let event = source.next().await?;
        let kind = event.what.kind().name();
        Some((Event::default().id(&event.id).event(kind).json_data(&event), source))
    })
}

impl Source {
    async fn next(&mut self) -> Option<BrokerEvent> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            // Also if there is always more: others have their turn.
            tokio::task::yield_now().await;
            let reader: &mut Reader = self.listening.reader();
            let events = match self.until {
                None => reader.next().await?,
                Some(until) => tokio::time::timeout_at(until, reader.next()).await.ok()??,
            };
            self.waiting.extend(events.into_iter().filter(|event| self.wanted.has(&event.what)));
        }
    }
}

/// What a reader asked for.
struct Wanted {
    kinds: Vec<Kind>,
    client: Option<String>,
    topic: Option<TopicFilter>,
}

impl Wanted {
    fn new(query: &EventQuery) -> Result<Wanted, ApiError> {
        let kinds = match &query.kinds {
            None => Kind::ALL.into_iter().filter(|kind| !kind.is_of_messages()).collect(),
            Some(names) => names.split(',').map(|name| kind(name.trim())).collect::<Result<_, _>>()?,
        };
        let topic = query.topic.clone().map(TopicFilter::new).transpose();
        let topic = topic.map_err(|error| ApiError::unprocessable(format!("the filter in topic {error}")))?;
        Ok(Wanted { kinds, client: query.client.clone(), topic })
    }

    fn messages(&self) -> bool {
        self.kinds.iter().any(|kind| kind.is_of_messages())
    }

    fn has(&self, what: &Happening) -> bool {
        if what.kind() == Kind::Lost {
            return true;
        }
        self.kinds.contains(&what.kind())
            && self.client.as_deref().is_none_or(|client| what.client_id() == Some(client))
            && self
                .topic
                .as_ref()
                .is_none_or(|filter| what.topic().is_some_and(|topic| concerns(filter, topic)))
    }
}

fn kind(name: &str) -> Result<Kind, ApiError> {
    Kind::from_name(name).ok_or_else(|| {
        let names: Vec<_> = Kind::ALL.iter().map(|kind| kind.name()).collect();
        ApiError::unprocessable(format!("there is no kind {name:?}: the kinds are {}", names.join(", ")))
    })
}

/// Whether what happened at this topic, or with this filter, is asked for.
fn concerns(filter: &TopicFilter, topic: &str) -> bool {
    filter.as_str() == topic || tabmq_shared::topic::matches(filter.filter(), topic)
}
