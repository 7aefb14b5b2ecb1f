//! `tabmq serve` and `tabmq gateway`: a [`Server`] or a [`Gateway`] with a console and signals.

use crate::config::{Loaded, Settings};
use crate::gateway::{Gateway, GatewayConfig};
use crate::reload::reload;
use crate::server::{Server, StartError};
use crate::{descriptors, events};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;

/// Runs a broker until a signal ends it: SIGINT or SIGTERM stops it gracefully, a second one at once. At SIGHUP the
/// configuration is read again, from `settings` and what they point to.
pub async fn serve(mut loaded: Loaded, settings: &Settings) -> Result<ExitCode, StartError> {
    let config = &loaded.config;
    events::init(config.log.into(), config.log_format);
    let _ = descriptors::raise();
    let (mut signals, mut hangups) = (Signals::new(), Hangups::new());
    let server = Server::start(config)?;
    // Nobody may be listening there, and a broker can do without.
    let _ = announce(&server, &mut io::stdout().lock());
    let ended = loop {
        tokio::select! {
            signal = signals.next() => break signal,
            () = hangups.next() => reload(&server, &mut loaded, settings),
        }
    };
    events::stopping(ended.name);
    tokio::select! {
        () = server.stop() => Ok(ExitCode::SUCCESS),
        signal = signals.next() => Ok(ExitCode::from(signal.exit_code)),
    }
}

/// Runs a gateway until a signal ends it, as [`serve`].
pub async fn gateway(config: &GatewayConfig) -> Result<ExitCode, StartError> {
    events::init(config.log.into(), config.log_format);
    let _ = descriptors::raise();
    let mut signals = Signals::new();
    let gateway = Gateway::start(config).await?;
    // Nobody may be listening there, and a gateway can do without.
    let _ = announce_gateway(&gateway, &mut io::stdout().lock());
    let ended = tokio::select! {
        signal = signals.next() => signal,
        error = gateway.broker_failed() => {
            gateway.stop().await;
            return Err(error);
        }
    };
    events::stopping(ended.name);
    tokio::select! {
        () = gateway.stop() => Ok(ExitCode::SUCCESS),
        signal = signals.next() => Ok(ExitCode::from(signal.exit_code)),
    }
}

/// As [`announce`].
fn announce_gateway(gateway: &Gateway, out: &mut impl Write) -> io::Result<()> {
    let address = gateway.http_address();
    writeln!(out, "http listening on {address} (page at http://{}/)", reachable(address))?;
    for listener in gateway.listeners().iter().filter(|listener| listener.kind != "http") {
        writeln!(out, "{} listening on {}", listener.kind, listener.address)?;
    }
    writeln!(out, "upstream {}", gateway.upstream())?;
    writeln!(out, "ready")?;
    out.flush()
}

/// One line for each listener, then `ready`. Scripts read these lines: see the table of names in the README.
fn announce(server: &Server, out: &mut impl Write) -> io::Result<()> {
    for (kind, address) in server.listeners() {
        match kind {
            "http" | "https" => {
                writeln!(out, "{kind} listening on {address} (page at {kind}://{}/)", reachable(address))?;
            }
            _ => writeln!(out, "{kind} listening on {address}")?,
        }
    }
    writeln!(out, "sessions and retained messages are kept in memory only: a restart forgets them")?;
    writeln!(out, "ready")?;
    out.flush()
}

/// An address that a browser on this machine can open.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// What ended the broker.
struct Signal {
    name: &'static str,
    /// What a shell expects of a program that a signal ended.
    exit_code: u8,
}

const INTERRUPT: Signal = Signal { name: "SIGINT", exit_code: 130 };

#[cfg(unix)]
const TERMINATE: Signal = Signal { name: "SIGTERM", exit_code: 143 };

/// The signals that end the broker. They are listened to from the moment that this is made.
struct Signals {
    #[cfg(unix)]
    streams: Option<(tokio::signal::unix::Signal, tokio::signal::unix::Signal)>,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        // Without handlers the system ends the process at a signal, which is not graceful, but an end.
        let streams = signal(SignalKind::interrupt()).ok().zip(signal(SignalKind::terminate()).ok());
        Signals { streams }
    }

    #[cfg(unix)]
    async fn next(&mut self) -> Signal {
        match &mut self.streams {
            Some((interrupt, terminate)) => tokio::select! {
                _ = interrupt.recv() => INTERRUPT,
                _ = terminate.recv() => TERMINATE,
            },
            None => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Signals {}
    }

    #[cfg(not(unix))]
    async fn next(&mut self) -> Signal {
        match tokio::signal::ctrl_c().await {
            Ok(()) => INTERRUPT,
            Err(_) => std::future::pending().await,
        }
    }
}

/// SIGHUP, which asks a server to read its configuration again.
struct Hangups {
    #[cfg(unix)]
    stream: Option<tokio::signal::unix::Signal>,
}

impl Hangups {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Hangups { stream: signal(SignalKind::hangup()).ok() }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        match &mut self.stream {
            Some(stream) => drop(stream.recv().await),
            None => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Hangups {}
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending().await
    }
}
