//! The brokers that are measured.

use crate::command::{self, Context, Result};
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};

/// How long a broker may take to accept connections.
const START_TIME: Duration = Duration::from_secs(10);

/// Where mosquitto is, besides PATH: Debian puts it where only administrators look.
const MOSQUITTO_PATHS: [&str; 2] = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"];

/// A broker that can be started.
#[derive(Clone)]
pub(super) struct Peer {
    /// As in the table.
    pub(super) name: String,
    program: PathBuf,
    kind: Kind,
    /// What runs the program, with its arguments: empty if nobody does. It must become the program, so that the process is
    /// the broker's.
    under: Vec<String>,
}

#[derive(Clone, Copy)]
enum Kind {
    TabMq,
    Mosquitto,
    Rumqttd,
    /// `tabmq gateway`, which needs a broker.
    Gateway,
}

/// A broker that runs; it ends when this is dropped.
pub(super) struct Running {
    child: Child,
    pub(super) mqtt: SocketAddr,
    websocket: SocketAddr,
    websocket_path: &'static str,
    directory: PathBuf,
}

impl Peer {
    pub(super) fn tabmq(name: String, program: &Path) -> Self {
        Peer { name, program: program.to_path_buf(), kind: Kind::TabMq, under: vec![] }
    }

    pub(super) fn mosquitto() -> Result<Self> {
        let elsewhere = MOSQUITTO_PATHS.into_iter().find(|path| Path::new(path).is_file());
        let program = match command::on_path("mosquitto") {
            true => "mosquitto",
            false => elsewhere
                .ok_or("mosquitto is not installed: `apt-get install mosquitto`, or --brokers without it")?,
        };
        // It has no flag for its version, but its help begins with it.
        let help = Command::new(program).arg("-h").output().context("run mosquitto")?;
        let help = String::from_utf8_lossy(&help.stdout).into_owned();
        let version = help.lines().next().and_then(|line| line.strip_prefix("mosquitto version "));
        let name = format!("mosquitto {}", version.unwrap_or_default());
        Ok(Peer {
            name: name.trim().to_owned(),
            program: program.into(),
            kind: Kind::Mosquitto,
            under: vec![],
        })
    }

    pub(super) fn rumqttd(program: &Path) -> Self {
        Peer {
            name: "rumqttd 0.20".to_owned(),
            program: program.to_path_buf(),
            kind: Kind::Rumqttd,
            under: vec![],
        }
    }

    /// The gateway of this program; see [`start_before`](Self::start_before).
    pub(super) fn gateway(program: &Path) -> Self {
        Peer {
            name: "gateway".to_owned(),
            program: program.to_path_buf(),
            kind: Kind::Gateway,
            under: vec![],
        }
    }

    /// The same broker, bound to these cores.
    pub(super) fn on_cores(&self, cores: &'static str) -> Self {
        let count = cores.split(',').count();
        let name = format!("{}, {count} core{}", self.name, if count == 1 { "" } else { "s" });
        let taskset = ["taskset", "--cpu-list", cores].map(str::to_owned);
        Peer { name, ..self.under(taskset.into()) }
    }

    /// The same broker, run by another program.
    pub(super) fn under(&self, program: Vec<String>) -> Self {
        Peer { under: program, ..self.clone() }
    }

    /// Starts it, and waits until it accepts connections.
    pub(super) fn start(&self) -> Result<Running> {
        let ports @ [mqtt, ..] = free_ports()?;
        self.start_at(ports, SocketAddr::from((Ipv4Addr::LOCALHOST, mqtt)))
    }

    /// Starts a gateway in front of the broker at this address.
    pub(super) fn start_before(&self, upstream: SocketAddr) -> Result<Running> {
        let [_, websocket, other] = free_ports()?;
        self.start_at([upstream.port(), websocket, other], upstream)
    }

    fn start_at(&self, ports: [u16; 3], mqtt: SocketAddr) -> Result<Running> {
        let [_, websocket, _] = ports.map(|port| SocketAddr::from((Ipv4Addr::LOCALHOST, port)));
        let name = format!("tabmq-bench-{}-{}", std::process::id(), websocket.port());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).context(format!("make {}", directory.display()))?;
        let log = directory.join("log");
        let mut command = self.command(ports, &directory)?;
        let output = File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (stdout, stderr) = output.context(format!("write {}", log.display()))?;
        command.stdin(Stdio::null()).stdout(stdout).stderr(stderr);
        let child = command.spawn().context(format!("run {}", self.program.display()))?;
        let websocket_path = if matches!(self.kind, Kind::Mosquitto) { "/" } else { "/mqtt" };
        let mut running = Running { child, mqtt, websocket, websocket_path, directory };
        match running.wait_until_ready() {
            Ok(()) => Ok(running),
            Err(error) => {
                let log = fs::read_to_string(&log).unwrap_or_default();
                Err(format!("{} does not start: {error}\n{log}", self.name).into())
            }
        }
    }

    fn command(&self, [mqtt, websocket, other]: [u16; 3], directory: &Path) -> Result<Command> {
        let mut command = match self.under.split_first() {
            None => Command::new(&self.program),
            Some((first, args)) => {
                let mut under = Command::new(first);
                under.args(args).arg(&self.program);
                under
            }
        };
        match self.kind {
            Kind::TabMq => {
                let (mqtt, http) = (format!("127.0.0.1:{mqtt}"), format!("127.0.0.1:{websocket}"));
                command.args(["serve", "--log", "warn", "--mqtt", &mqtt, "--http", &http]);
            }
            Kind::Mosquitto => {
                let path = directory.join("mosquitto.conf");
                fs::write(&path, mosquitto_config(mqtt, websocket))
                    .context(format!("write {}", path.display()))?;
                command.arg("-c").arg(path);
            }
            Kind::Gateway => {
                let (upstream, http) = (format!("mqtt://127.0.0.1:{mqtt}"), format!("127.0.0.1:{websocket}"));
                command.args(["gateway", "--log", "warn", "--upstream", &upstream, "--http", &http]);
            }
            Kind::Rumqttd => {
                command.args([mqtt, other, websocket].map(|port| port.to_string()));
            }
        }
        Ok(command)
    }
}

/// Generous limits: what is measured is speed, not when it begins to drop.
fn mosquitto_config(mqtt: u16, websocket: u16) -> String {
    format!(
        "allow_anonymous true\npersistence false\nlog_type error\nmax_queued_messages 0\nmax_queued_bytes 0\n\
         max_inflight_messages 0\nset_tcp_nodelay true\nlistener {mqtt} 127.0.0.1\n\
         listener {websocket} 127.0.0.1\nprotocol websockets\n"
    )
}

impl Running {
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn websocket_url(&self) -> String {
        format!("ws://{}{}", self.websocket, self.websocket_path)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let deadline = Instant::now() + START_TIME;
        for address in [self.mqtt, self.websocket] {
            while TcpStream::connect(address).is_err() {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Err(format!("it ended with {status}").into());
                }
                if Instant::now() > deadline {
                    return Err(format!("nobody listens on {address}").into());
                }
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It is measured, not asked to be polite; and it may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.directory);
    }
}

/// Ports that are free now; never the same ones again. None of those that systems give to outgoing connections (Linux: from
/// 32768, IANA: from 49152): of these a connection that has ended holds one for a minute, and mosquitto does not bind it then.
fn free_ports() -> Result<[u16; 3]> {
    const FIRST: u16 = 10_000;
    const COUNT: u32 = 20_000;
    static TRIED: AtomicU32 = AtomicU32::new(0);
    // Not where another run looks at the same time.
    let start = std::process::id().wrapping_mul(97);
    let mut candidates = (0..COUNT).filter_map(|_| {
        let offset = start.wrapping_add(TRIED.fetch_add(1, Relaxed)) % COUNT;
        let port = FIRST + u16::try_from(offset).ok()?;
        TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)).is_ok().then_some(port)
    });
    let mut next = || candidates.next().ok_or("there is no free port");
    Ok([next()?, next()?, next()?])
}
