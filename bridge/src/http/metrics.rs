//! `GET /metrics`: all counters in the text format of OpenMetrics 1.0, which Prometheus reads.

use super::AppState;
use super::problem::ApiError;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::text::encode;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::registry::{Registry, Unit};
use std::collections::BTreeMap;
use std::fmt;
use tabmq_shared::api::stats::Stats;
use tabmq_shared::api::{Bridge, BridgeState};

pub(super) const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

pub(super) async fn metrics(State(state): State<AppState>) -> Result<Response, ApiError> {
    let snapshot = Snapshot { stats: state.vitals.read(&state.hub), bridges: state.info.bridges.describe() };
    let mut registry = Registry::default();
    registry.register_collector(Box::new(snapshot));
    let mut text = String::new();
    encode(&mut text, &registry).map_err(|error| {
        ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the metrics cannot be written: {error}"))
    })?;
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response())
}

/// What is written, all of one moment.
#[derive(Debug)]
struct Snapshot {
    stats: Stats,
    bridges: Vec<Bridge>,
}

impl Collector for Snapshot {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        page.process(&self.stats)?;
        page.clients(&self.stats)?;
        page.messages(&self.stats)?;
        page.refusals(&self.stats)?;
        page.bridges(&self.bridges)
    }
}

struct Page<'a>(DescriptorEncoder<'a>);

impl Page<'_> {
    fn process(&mut self, stats: &Stats) -> fmt::Result {
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let one = ConstGauge::new(1_i64);
        let mut info =
            self.0.encode_descriptor("tabmq_build_info", "The broker's version.", None, one.metric_type())?;
        one.encode(info.encode_family(&version)?)?;
        self.gauge("tabmq_uptime", "Time since the start.", Some(&Unit::Seconds), stats.uptime_ms / 1000)?;
        if let Some(bytes) = stats.memory_bytes {
            self.gauge("process_resident_memory", "Memory in use.", Some(&Unit::Bytes), bytes)?;
        }
        if let Some(ms) = stats.cpu_ms {
            let used = ConstCounter::new(ms as f64 / 1000.0);
            let descriptor = self.0.encode_descriptor(
                "process_cpu",
                "Processor time used.",
                Some(&Unit::Seconds),
                used.metric_type(),
            )?;
            used.encode(descriptor)?;
        }
        self.counters("tabmq_http_answers", "Answers over HTTP.", "class", &stats.http.answers)?;
        self.gauge("tabmq_event_readers", "Readers of the stream of events.", None, stats.events.readers)?;
        self.counter("tabmq_events_lost", "Events that readers were too slow for.", None, stats.events.lost)
    }

    fn clients(&mut self, stats: &Stats) -> fmt::Result {
        let clients = &stats.clients;
        self.gauge("tabmq_connections", "Open connections of all listeners.", None, clients.connections)?;
        self.gauges("tabmq_clients_connected", "Connected clients.", "transport", &clients.connected)?;
        self.gauge(
            "tabmq_clients_maximum",
            "The most that were connected at a time.",
            None,
            clients.maximum,
        )?;
        self.gauge("tabmq_sessions", "Sessions, with and without a connection.", None, clients.sessions)?;
        self.gauge("tabmq_subscriptions", "Subscriptions.", None, clients.subscriptions)?;
        self.gauge("tabmq_shared_subscriptions", "Shared ones.", None, clients.shared_subscriptions)?;
        self.counter("tabmq_connects", "Clients that were let in.", None, clients.connects)?;
        self.counter("tabmq_connects_refused", "Clients that were not let in.", None, clients.refused)?;
        self.counter("tabmq_sessions_expired", "Sessions that ended by time.", None, clients.sessions_expired)
    }

    fn messages(&mut self, stats: &Stats) -> fmt::Result {
        let traffic = &stats.traffic;
        let bytes = Some(&Unit::Bytes);
        for (name, help, unit, received, sent) in [
            ("tabmq_packets", "Control packets.", None, traffic.packets_received, traffic.packets_sent),
            ("tabmq_messages", "PUBLISH packets.", None, traffic.messages_received, traffic.messages_sent),
            (
                "tabmq_payload",
                "Payloads of PUBLISH packets.",
                bytes,
                traffic.payload_bytes_received,
                traffic.payload_bytes_sent,
            ),
            ("tabmq_traffic", "All packets.", bytes, traffic.bytes_received, traffic.bytes_sent),
        ] {
            let zero = ConstCounter::new(0_u64);
            let mut descriptor = self.0.encode_descriptor(name, help, unit, zero.metric_type())?;
            for (direction, count) in [("in", received), ("out", sent)] {
                let family = [("direction", direction)];
                ConstCounter::new(count).encode(descriptor.encode_family(&family)?)?;
            }
        }
        let kept = &stats.kept;
        self.gauge("tabmq_retained_messages", "Retained messages.", None, kept.retained_messages)?;
        self.gauge("tabmq_retained", "Their weight.", bytes, kept.retained_bytes)?;
        self.gauge("tabmq_queued_messages", "Messages in queues.", None, kept.queued_messages)?;
        self.gauge("tabmq_queued", "Their weight.", bytes, kept.queued_bytes)?;
        self.gauge("tabmq_in_flight", "Sent and not acknowledged.", bytes, kept.in_flight_bytes)?;
        self.gauge("tabmq_outboxes", "What waits to be written.", bytes, kept.outbox_bytes)
    }

    fn refusals(&mut self, stats: &Stats) -> fmt::Result {
        self.counters("tabmq_messages_dropped", "Messages not delivered.", "reason", &stats.dropped)?;
        self.counters("tabmq_denied", "Refusals by access rules.", "action", &stats.denied)?;
        self.counters("tabmq_limits_met", "How often limits were met.", "limit", &stats.limits)?;
        let logins = &stats.logins;
        let failed = [
            ("wrong".to_owned(), logins.failures),
            ("throttled".to_owned(), logins.throttled),
            ("overrun".to_owned(), logins.overrun),
        ];
        self.counters("tabmq_logins_failed", "Attempts to log in.", "reason", &BTreeMap::from(failed))?;
        let tls = &stats.tls;
        let ends = [
            ("done".to_owned(), tls.done),
            ("refused".to_owned(), tls.refused),
            ("out_of_time".to_owned(), tls.out_of_time),
            ("pushed_out".to_owned(), tls.pushed_out),
        ];
        self.counters("tabmq_tls_handshakes", "TLS handshakes.", "end", &BTreeMap::from(ends))?;
        self.gauge("tabmq_tls_handshakes_pending", "Handshakes that go on.", None, tls.pending)
    }

    fn bridges(&mut self, bridges: &[Bridge]) -> fmt::Result {
        if bridges.is_empty() {
            return Ok(());
        }
        let by_name = |value: fn(&Bridge) -> u64| -> BTreeMap<String, u64> {
            bridges.iter().map(|bridge| (bridge.name.clone(), value(bridge))).collect()
        };
        let connected = by_name(|bridge| u64::from(bridge.state == BridgeState::Connected));
        self.gauges("tabmq_bridge_connected", "Whether the bridge is connected.", "bridge", &connected)?;
        let sent = by_name(|bridge| bridge.sent);
        self.counters("tabmq_bridge_sent", "Messages that the other broker has.", "bridge", &sent)?;
        let received = by_name(|bridge| bridge.received);
        self.counters("tabmq_bridge_received", "Messages from there.", "bridge", &received)?;
        let zero = ConstCounter::new(0_u64);
        let help = "Messages that did not pass.";
        let mut descriptor = self.0.encode_descriptor("tabmq_bridge_lost", help, None, zero.metric_type())?;
        for bridge in bridges {
            let lost = &bridge.lost;
            for (reason, count) in [
                ("refused", lost.refused),
                ("too_large", lost.too_large),
                ("expired", lost.expired),
                ("queue_full", lost.queue_full),
                ("impossible", lost.impossible),
                ("no_such_topic", lost.no_such_topic),
            ] {
                let family = [("bridge", bridge.name.as_str()), ("reason", reason)];
                ConstCounter::new(count).encode(descriptor.encode_family(&family)?)?;
            }
        }
        Ok(())
    }

    fn gauge(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let gauge = ConstGauge::new(value);
        gauge.encode(self.0.encode_descriptor(name, help, unit, gauge.metric_type())?)
    }

    fn counter(&mut self, name: &str, help: &str, unit: Option<&Unit>, value: u64) -> fmt::Result {
        let counter = ConstCounter::new(value);
        counter.encode(self.0.encode_descriptor(name, help, unit, counter.metric_type())?)
    }

    /// One number for each value of a label.
    fn gauges(&mut self, name: &str, help: &str, label: &str, values: &BTreeMap<String, u64>) -> fmt::Result {
        let kind = ConstGauge::new(0_u64).metric_type();
        let mut descriptor = self.0.encode_descriptor(name, help, None, kind)?;
        for (value, number) in values {
            ConstGauge::new(*number).encode(descriptor.encode_family(&[(label, value.as_str())])?)?;
        }
        Ok(())
    }

    fn counters(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: &BTreeMap<String, u64>,
    ) -> fmt::Result {
        let kind = ConstCounter::new(0_u64).metric_type();
        let mut descriptor = self.0.encode_descriptor(name, help, None, kind)?;
        for (value, number) in values {
            ConstCounter::new(*number).encode(descriptor.encode_family(&[(label, value.as_str())])?)?;
        }
        Ok(())
    }
}
