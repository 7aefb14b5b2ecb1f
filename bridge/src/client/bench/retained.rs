//! How fast a new subscriber gets many retained messages.

use super::super::Failure;
use super::args::RetainedArgs;
use super::clock::{Clock, nanos};
use super::connect::{Client, Connector};
use super::messages::{explain, version_text};
use super::order::{Seen, Sequence};
use super::packets::Received;
use super::publisher::{Plan, Publisher, templates};
use super::report::{RetainedReport, grouped};
use super::stamp::Stamp;
use super::tally::{Flow, Latencies, PublisherTally};
use std::num::NonZeroU16;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tabmq_shared::packet::QoS;
use tabmq_shared::topic::TopicFilter;
use tokio::time::timeout;

/// How many messages are in flight while they are published.
const IN_FLIGHT: NonZeroU16 = match NonZeroU16::new(200) {
    Some(n) => n,
    None => NonZeroU16::MIN,
};

/// How long the subscriber waits when nothing more arrives.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest that publishing may take.
const LONGEST: Duration = Duration::from_secs(600);

/// Runs the measurement.
pub(super) async fn run(args: &RetainedArgs) -> Result<RetainedReport, Failure> {
    let connector = Connector::new(&args.common, args.common.target()?)?;
    let filter = TopicFilter::new(args.filter.as_str())
        .map_err(|error| Failure::new(format!("the filter '{}' {error}", args.filter.escape_debug())))?;
    let clock = Clock::new();
    let (start_ns, started) = (clock.now(), Instant::now());
    publish(args, &connector, clock, args.size).await.map_err(|error| explain(&connector, &error))?;
    let mut report = RetainedReport {
        scenario: format!(
            "{} retained messages of {} bytes, replayed to '{}' at QoS {}, {}",
            grouped(args.count as u64),
            grouped(args.size as u64),
            args.filter,
            args.qos.as_u8(),
            version_text(connector.version),
        ),
        retained: args.count,
        publish_seconds: started.elapsed().as_secs_f64(),
        received: args.count,
        ..RetainedReport::default()
    };
    for round in 0..args.rounds {
        let (received, time) = replay(args, &connector, &filter, round, start_ns)
            .await
            .map_err(|error| explain(&connector, &error))?;
        report.received = report.received.min(received);
        report.replay_ms.push(time.as_secs_f64() * 1000.0);
    }
    if report.received < args.count {
        report
            .errors
            .push(format!("{} messages did not arrive", grouped((args.count - report.received) as u64)));
    }
    let mut sorted = report.replay_ms.clone();
    sorted.sort_by(f64::total_cmp);
    report.replay_median_ms = sorted.get(sorted.len() / 2).copied().unwrap_or_default();
    if !args.keep {
        // An empty payload removes the message [MQTT-3.3.1-6].
        publish(args, &connector, clock, 0).await.map_err(|error| explain(&connector, &error))?;
    }
    Ok(report)
}

/// Publishes one retained message for each topic.
async fn publish(
    args: &RetainedArgs,
    connector: &Connector,
    clock: Clock,
    size: usize,
) -> Result<(), String> {
    let client = connector.connect("p").await?;
    let topics = args.topic.topics(0, args.count)?;
    let copies = vec![0; topics.len()];
    let qos = QoS::AtLeastOnce;
    let templates = templates(&topics, &copies, &[size], qos, true, connector.version)?;
    let now = clock.now();
    let plan = Plan {
        clock,
        qos,
        in_flight: IN_FLIGHT,
        interval_ns: None,
        count: Some(topics.len() as u64),
        end_ns: now + nanos(LONGEST),
        measure_from_ns: now,
        flow: Arc::new(Flow::new(false)),
        lead: None,
    };
    let latencies = Arc::new(Latencies::new()?);
    let tally = Arc::new(PublisherTally::default());
    let publisher = Publisher::new(client, 0, Arc::new(plan), templates.into(), now, tally, latencies)?;
    let client =
        timeout(LONGEST, publisher.run()).await.unwrap_or_else(|_| Err("it takes too long".to_owned()))?;
    client.link.close().await;
    Ok(())
}

/// Subscribes, and counts what arrives and how long it takes.
async fn replay(
    args: &RetainedArgs,
    connector: &Connector,
    filter: &TopicFilter,
    round: u32,
    start_ns: u64,
) -> Result<(usize, Duration), String> {
    let mut client = connector.connect(&format!("s{round}")).await?;
    let started = Instant::now();
    client.send_subscribe(std::slice::from_ref(filter), args.qos).await?;
    let (mut sequence, mut received, mut time) = (Sequence::default(), 0, Duration::ZERO);
    while received < args.count {
        match timeout(PATIENCE, read_once(&mut client, &mut sequence, start_ns)).await {
            Ok(Ok(0)) => {}
            Ok(Ok(more)) => {
                received += more;
                time = started.elapsed();
            }
            Ok(Err(error)) => return Err(error),
            Err(_nothing_more_comes) => break,
        }
    }
    client.link.close().await;
    Ok((received, time))
}

/// How many messages of this run one read brings.
async fn read_once(client: &mut Client, sequence: &mut Sequence, start_ns: u64) -> Result<usize, String> {
    let lost = |error| format!("the connection was lost: {error}");
    if !std::future::poll_fn(|cx| client.link.poll_read(cx)).await.map_err(lost)? {
        return Err("the server closed the connection".to_owned());
    }
    let mut count = 0;
    while let Some(received) = client.link.input.next()? {
        match received {
            Received::Publish(publication) => {
                let stamp = Stamp::read(publication.payload);
                let is_new = stamp.is_none_or(|stamp| {
                    stamp.due_ns.is_none_or(|due| due >= start_ns)
                        && sequence.note(stamp.sequence) != Seen::Duplicate
                });
                count += usize::from(is_new && publication.retain);
                client.link.output.acknowledge(&publication);
            }
            Received::Ack(ack) => client.link.output.answer(ack),
            Received::Other(_) => {}
        }
    }
    client.link.flush().await.map_err(lost)?;
    Ok(count)
}
