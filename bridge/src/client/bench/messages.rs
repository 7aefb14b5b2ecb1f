//! The usual measurement: publishers, subscribers, and what becomes of the messages.

use super::super::Failure;
use super::args::MessagesArgs;
use super::clock::{Clock, nanos};
use super::connect::{Client, Connector};
use super::progress::Progress;
use super::publisher::{Plan, Publisher, Template, templates};
use super::report::{MessagesReport, Percentiles, grouped};
use super::stamp::{MAX_PUBLISHERS, NUMBERED_BYTES, TIMED_BYTES};
use super::subscriber::{Subscriber, Watch};
use super::tally::{Flow, Latencies, PublisherTally, SubscriberTally};
use super::topics::Audience;
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tabmq_shared::packet::{QoS, Version};
use tabmq_shared::topic::{TopicFilter, TopicName};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// How long to publish if nothing is said.
const DEFAULT_DURATION: Duration = Duration::from_secs(10);

/// The longest that `--count` may take if no duration is said.
const LONGEST_COUNT: Duration = Duration::from_secs(600);

/// How often it is looked at how things go.
const TICK: Duration = Duration::from_millis(10);

/// When nothing has arrived for so long, publishers with `--lead` take what they wait for as lost.
const FORGIVEN_AFTER: Duration = Duration::from_millis(500);

/// From when all are connected to the first message.
const START_DELAY: Duration = Duration::from_millis(20);

/// Runs the measurement.
pub(super) async fn run(args: &MessagesArgs) -> Result<MessagesReport, Failure> {
    check(args)?;
    let mut progress = Progress::new(args.common.quiet);
    let prepared = Prepared::new(args, &mut progress).await?;
    let mut run = Run::start(args, prepared).map_err(Failure::new)?;
    run.watch(args, &mut progress).await;
    progress.clear();
    Ok(run.finish(args).await)
}

/// What clap cannot see.
fn check(args: &MessagesArgs) -> Result<(), Failure> {
    let failure = |text: &str| Err(Failure::new(text));
    if args.publishers >= MAX_PUBLISHERS as usize || args.subscribers >= MAX_PUBLISHERS as usize {
        return failure("more than a million clients are more than this machine can have");
    }
    if args.publishers == 0 && args.subscribers == 0 {
        return failure(
            "there is nothing to do without publishers and subscribers: leave out one of the two zeros",
        );
    }
    if args.lead.is_some() && (args.publishers == 0 || args.subscribers == 0) {
        return failure("--lead needs publishers and subscribers in the same command");
    }
    if args.stalled > args.subscribers {
        return failure("--stalled is more than --subscribers");
    }
    Ok(())
}

/// One publisher's messages.
type Templates = Arc<[Template]>;

/// Clients that are connected, and what they are to send.
struct Prepared {
    publishers: Vec<Client>,
    subscribers: Vec<Client>,
    templates: Vec<Templates>,
    /// Whether it is known what must arrive.
    audience_known: bool,
}

impl Prepared {
    async fn new(args: &MessagesArgs, progress: &mut Progress) -> Result<Self, Failure> {
        let target = args.common.target()?;
        let to_subscribe =
            Connector::new(&args.common, args.subscriber_url.clone().unwrap_or_else(|| target.clone()))?;
        let to_publish = Connector::new(&args.common, target)?;
        let filters = |i: usize| subscriptions(args, i);
        let (templates, audience_known) = plan_templates(args, filters).map_err(Failure::new)?;

        let (connected, total) = (Cell::new(0), args.publishers + args.subscribers);
        let progress = std::cell::RefCell::new(progress);
        let done = || {
            connected.set(connected.get() + 1);
            progress.borrow_mut().show(|| format!("connected {} of {total}", connected.get()));
        };
        let subscribers = to_subscribe.connect_all("s", args.subscribers, filters, args.qos, done).await;
        let subscribers = subscribers.map_err(|error| explain(&to_subscribe, &error))?;
        let publishers =
            to_publish.connect_all("p", args.publishers, |_| Ok(Vec::new()), args.qos, done).await;
        let publishers = publishers.map_err(|error| explain(&to_publish, &error))?;
        Ok(Prepared { publishers, subscribers, templates, audience_known })
    }
}

/// Whom an error is about.
pub(super) fn explain(connector: &Connector, error: &str) -> Failure {
    match error.contains(&connector.route.target.host) {
        true => Failure::new(error),
        false => Failure::new(format!("{}: {error}", connector.route.target)),
    }
}

/// What subscriber number `i` subscribes to.
fn subscriptions(args: &MessagesArgs, i: usize) -> Result<Vec<TopicFilter>, String> {
    let patterns = if args.filter.is_empty() { std::slice::from_ref(&args.topic) } else { &args.filter };
    let count = args.filters.unwrap_or(args.topics);
    let filters: Result<Vec<_>, String> = patterns.iter().map(|pattern| pattern.filters(i, count)).collect();
    Ok(filters?.concat())
}

/// The messages of each publisher, and whether it is known how many subscribers each is for.
fn plan_templates(
    args: &MessagesArgs,
    filters: impl Fn(usize) -> Result<Vec<TopicFilter>, String>,
) -> Result<(Vec<Templates>, bool), String> {
    let mut audience = Audience::default();
    for i in 0..args.subscribers - args.stalled {
        audience.add(u32::try_from(i).unwrap_or(u32::MAX), &filters(i)?);
    }
    let mut known = args.publishers > 0 && args.subscribers > 0;
    let mut plan: Vec<(Vec<TopicName>, Templates)> = Vec::with_capacity(args.publishers);
    for i in 0..args.publishers {
        let topics = args.topic.topics(i, args.topics)?;
        // Publishers with the same topics share the templates.
        if let Some((_, same)) = plan.last().filter(|(before, _)| *before == topics) {
            let same = same.clone();
            plan.push((topics, same));
            continue;
        }
        let copies: Vec<u32> = topics
            .iter()
            .map(|topic| {
                audience.copies(topic).unwrap_or_else(|| {
                    known = false;
                    0
                })
            })
            .collect();
        let version = args.common.protocol_version;
        let templates = templates(&topics, &copies, &args.size, args.qos, args.retain, version)?;
        plan.push((topics, templates.into()));
    }
    Ok((plan.into_iter().map(|(_, templates)| templates).collect(), known))
}

/// A measurement that goes on.
struct Run {
    clock: Clock,
    start_ns: u64,
    measure_from_ns: u64,
    end_ns: u64,
    audience_known: bool,
    publishers: JoinSet<Result<Client, String>>,
    subscribers: JoinSet<Result<Client, String>>,
    stalled: Vec<Client>,
    published: Vec<Client>,
    sent: Vec<Arc<PublisherTally>>,
    received: Vec<Arc<SubscriberTally>>,
    latencies: Arc<Latencies>,
    acknowledged: Arc<Latencies>,
    flow: Arc<Flow>,
    stop: CancellationToken,
    /// The counters at the end of the warm-up.
    warm: Totals,
    errors: Vec<String>,
}

/// Sums over all clients.
#[derive(Clone, Copy, Debug, Default)]
struct Totals {
    sent: u64,
    sent_bytes: u64,
    expected: u64,
    acknowledged: u64,
    refused: u64,
    last_sent_ns: u64,
    received: u64,
    received_bytes: u64,
    duplicates: u64,
    late: u64,
    foreign: u64,
    last_received_ns: u64,
}

impl Totals {
    /// What has arrived of what must arrive.
    fn arrived(&self) -> u64 {
        self.received.saturating_sub(self.duplicates).saturating_sub(self.foreign)
    }
}

impl Run {
    fn start(args: &MessagesArgs, prepared: Prepared) -> Result<Self, String> {
        let clock = Clock::new();
        let start_ns = clock.now() + nanos(START_DELAY);
        let measure_from_ns = start_ns + nanos(args.warm_up);
        let duration =
            args.duration.unwrap_or(if args.count.is_some() { LONGEST_COUNT } else { DEFAULT_DURATION });
        let mut run = Run {
            clock,
            start_ns,
            measure_from_ns,
            end_ns: measure_from_ns + nanos(duration),
            audience_known: prepared.audience_known,
            publishers: JoinSet::new(),
            subscribers: JoinSet::new(),
            stalled: Vec::new(),
            published: Vec::new(),
            sent: Vec::new(),
            received: Vec::new(),
            latencies: Arc::new(Latencies::new()?),
            acknowledged: Arc::new(Latencies::new()?),
            flow: Arc::new(Flow::new(args.lead.is_some())),
            stop: CancellationToken::new(),
            warm: Totals::default(),
            errors: Vec::new(),
        };
        run.start_subscribers(args, prepared.subscribers);
        run.start_publishers(args, prepared.publishers, prepared.templates)?;
        Ok(run)
    }

    fn start_subscribers(&mut self, args: &MessagesArgs, clients: Vec<Client>) {
        let watch = Arc::new(Watch {
            clock: self.clock,
            start_ns: self.start_ns,
            measure_from_ns: self.measure_from_ns,
            publishers: u32::try_from(args.publishers).ok().filter(|count| *count > 0),
            flow: self.flow.clone(),
        });
        for (number, client) in (0..).zip(clients) {
            if number as usize >= args.subscribers - args.stalled {
                self.stalled.push(client);
                continue;
            }
            let tally = Arc::new(SubscriberTally::default());
            self.received.push(tally.clone());
            let mut subscriber =
                Subscriber::new(client, number, watch.clone(), tally, self.latencies.clone());
            let stop = self.stop.clone();
            self.subscribers.spawn(async move {
                tokio::select! {
                    error = subscriber.run() => Err(error),
                    () = stop.cancelled() => Ok(subscriber.into_client()),
                }
            });
        }
    }

    fn start_publishers(
        &mut self,
        args: &MessagesArgs,
        clients: Vec<Client>,
        templates: Vec<Templates>,
    ) -> Result<(), String> {
        let interval_ns = args.rate.map(|rate| 1e9 / rate);
        let plan = Arc::new(Plan {
            clock: self.clock,
            qos: args.qos,
            in_flight: args.in_flight,
            interval_ns,
            count: args.count,
            end_ns: self.end_ns,
            measure_from_ns: self.measure_from_ns,
            flow: self.flow.clone(),
            lead: args.lead,
        });
        for (number, (client, templates)) in (0..).zip(clients.into_iter().zip(templates)) {
            let tally = Arc::new(PublisherTally::default());
            self.sent.push(tally.clone());
            // Not all at the same moment: the load is even, as it is of many devices.
            let offset = interval_ns.unwrap_or(0.0) * f64::from(number) / args.publishers.max(1) as f64;
            let start_ns = self.start_ns + offset as u64;
            let (plan, acknowledged) = (plan.clone(), self.acknowledged.clone());
            let publisher = Publisher::new(client, number, plan, templates, start_ns, tally, acknowledged)?;
            self.publishers.spawn(publisher.run());
        }
        Ok(())
    }

    /// Waits until everything has been published and has arrived, or will not arrive any more.
    async fn watch(&mut self, args: &MessagesArgs, progress: &mut Progress) {
        let mut ticks = tokio::time::interval(TICK);
        let interrupted = tokio::signal::ctrl_c();
        tokio::pin!(interrupted);
        let mut warm = args.warm_up.is_zero();
        let mut shown = (self.start_ns, Totals::default());
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                _ = &mut interrupted => {
                    self.errors.push("interrupted".to_owned());
                    return;
                }
            }
            let now = self.clock.now();
            self.collect();
            let totals = self.totals();
            if !warm && now >= self.measure_from_ns {
                warm = true;
                self.warm = totals;
            }
            self.forgive(&totals, now);
            progress.show(|| {
                let line = progress_line(&shown, &(now, totals));
                shown = (now, totals);
                line
            });
            if self.is_over(args, &totals, now) {
                return;
            }
        }
    }

    /// Takes what has ended.
    fn collect(&mut self) {
        while let Some(result) = self.publishers.try_join_next() {
            match result {
                Ok(Ok(client)) => self.published.push(client),
                Ok(Err(error)) => self.errors.push(format!("a publisher: {error}")),
                Err(panicked) => self.errors.push(panicked.to_string()),
            }
        }
        while let Some(result) = self.subscribers.try_join_next() {
            match result {
                Ok(Ok(_)) => {}
                Ok(Err(error)) => self.errors.push(format!("a subscriber: {error}")),
                Err(panicked) => self.errors.push(panicked.to_string()),
            }
        }
    }

    /// What does not arrive must not stop publishers that wait for it for ever.
    fn forgive(&mut self, totals: &Totals, now: u64) {
        if now.saturating_sub(totals.last_received_ns.max(self.start_ns)) > nanos(FORGIVEN_AFTER) {
            self.flow.forget();
        }
    }

    fn is_over(&self, args: &MessagesArgs, totals: &Totals, now: u64) -> bool {
        let patience = nanos(args.patience);
        let quiet_since = totals.last_received_ns.max(totals.last_sent_ns);
        if args.publishers == 0 {
            return now >= self.end_ns || self.subscribers.is_empty();
        }
        if !self.publishers.is_empty() {
            // Acknowledgements that do not come are not waited for for ever.
            return now >= self.end_ns.max(quiet_since).saturating_add(patience.max(1_000_000_000));
        }
        let all_arrived = self.audience_known && totals.arrived() >= totals.expected;
        all_arrived || self.subscribers.is_empty() || now >= quiet_since.saturating_add(patience)
    }

    fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        for tally in &self.sent {
            totals.sent += get(&tally.sent);
            totals.sent_bytes += get(&tally.bytes);
            totals.expected += get(&tally.expected);
            totals.acknowledged += get(&tally.acknowledged);
            totals.refused += get(&tally.refused);
            totals.last_sent_ns = totals.last_sent_ns.max(get(&tally.last_ns));
        }
        for tally in &self.received {
            totals.received += get(&tally.received);
            totals.received_bytes += get(&tally.bytes);
            totals.duplicates += get(&tally.duplicates);
            totals.late += get(&tally.late);
            totals.foreign += get(&tally.foreign);
            totals.last_received_ns = totals.last_received_ns.max(get(&tally.last_ns));
        }
        totals
    }

    /// Ends all connections, and says what was found.
    async fn finish(mut self, args: &MessagesArgs) -> MessagesReport {
        let unfinished = self.publishers.len();
        let missing = self.totals().sent.saturating_sub(self.totals().acknowledged);
        if unfinished > 0 && args.qos != QoS::AtMostOnce {
            let missing = grouped(missing);
            self.errors
                .push(format!("{missing} messages of {unfinished} publishers were not acknowledged in time"));
        }
        self.publishers.abort_all();
        self.stop.cancel();
        while let Some(result) = self.subscribers.join_next().await {
            match result {
                Ok(Ok(client)) => self.published.push(client),
                Ok(Err(error)) => self.errors.push(format!("a subscriber: {error}")),
                Err(panicked) => self.errors.push(panicked.to_string()),
            }
        }
        let report = self.report(args);
        let clients = self.published.into_iter().chain(self.stalled);
        let _ = tokio::time::timeout(Duration::from_secs(2), close_all(clients)).await;
        report
    }

    fn report(&self, args: &MessagesArgs) -> MessagesReport {
        let totals = self.totals();
        let seconds_to = |end_ns: u64| end_ns.saturating_sub(self.measure_from_ns) as f64 / 1e9;
        let per_s = |count: u64, seconds: f64| if seconds > 0.0 { count as f64 / seconds } else { 0.0 };
        let sent_s = seconds_to(totals.last_sent_ns);
        let received_s = seconds_to(totals.last_received_ns);
        let expected = self.audience_known.then_some(totals.expected);
        MessagesReport {
            scenario: scenario(args),
            seconds: sent_s.max(received_s),
            sent: totals.sent,
            received: totals.received,
            expected,
            lost: expected.map(|expected| expected.saturating_sub(totals.arrived())),
            duplicates: totals.duplicates,
            out_of_order: totals.late,
            foreign: totals.foreign,
            acknowledged: totals.acknowledged,
            refused: totals.refused,
            sent_per_s: per_s(totals.sent.saturating_sub(self.warm.sent), sent_s),
            received_per_s: per_s(totals.received.saturating_sub(self.warm.received), received_s),
            sent_bytes_per_s: per_s(totals.sent_bytes.saturating_sub(self.warm.sent_bytes), sent_s),
            received_bytes_per_s: per_s(
                totals.received_bytes.saturating_sub(self.warm.received_bytes),
                received_s,
            ),
            latency_us: Percentiles::of(&self.latencies),
            acknowledged_us: Percentiles::of(&self.acknowledged),
            notes: notes(args),
            errors: self.errors.clone(),
        }
    }
}

/// Says goodbye for all of them.
pub(super) async fn close_all(clients: impl IntoIterator<Item = Client>) {
    let mut closing: JoinSet<()> = clients.into_iter().map(|client| client.link.close()).collect();
    while closing.join_next().await.is_some() {}
}

fn progress_line(before: &(u64, Totals), now: &(u64, Totals)) -> String {
    let seconds = now.0.saturating_sub(before.0) as f64 / 1e9;
    let rate =
        |after: u64, before: u64| grouped((after.saturating_sub(before) as f64 / seconds.max(1e-9)) as u64);
    format!(
        "sent {}/s   received {}/s   on the way {}",
        rate(now.1.sent, before.1.sent),
        rate(now.1.received, before.1.received),
        grouped(now.1.expected.saturating_sub(now.1.arrived())),
    )
}

fn scenario(args: &MessagesArgs) -> String {
    let sizes: Vec<String> = args.size.iter().map(|size| grouped(*size as u64)).collect();
    let rate = args.rate.map_or(String::new(), |rate| format!(", {rate}/s each"));
    format!(
        "{} to {}, topic {}, QoS {}, {} bytes, {}{rate}",
        grouped(args.publishers as u64),
        grouped(args.subscribers as u64),
        args.topic.as_str(),
        args.qos.as_u8(),
        sizes.join(" and "),
        version_text(args.common.protocol_version),
    )
}

/// The version as people write it.
pub(super) fn version_text(version: Version) -> String {
    format!("MQTT {version}")
}

fn notes(args: &MessagesArgs) -> Vec<&'static str> {
    match args.size.iter().min() {
        Some(&size) if size < NUMBERED_BYTES => {
            vec!["payloads below 8 bytes are only counted: no latency, order and duplicates"]
        }
        Some(&size) if size < TIMED_BYTES => {
            vec!["payloads below 16 bytes have no room for a time: no latency"]
        }
        _ => Vec::new(),
    }
}
