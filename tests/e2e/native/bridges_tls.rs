//! Bridges and the gateway over TLS, to mosquitto and to our own broker, with certificates of `tabmq cert` on both sides.

use crate::bridges::{File, Side, bridge, until_bridge_is};
use anyhow::{Context, Result, ensure};
use harness::{Broker, Certificates, ForeignBroker, Gateway, Program, unique};

/// The other broker: where it speaks TLS and asks for a certificate, and where it speaks without.
struct Other {
    _broker: Kind,
    secure: u16,
    plain: u16,
}

/// Kept alive.
enum Kind {
    Ours { _broker: Broker },
    Mosquitto { _broker: ForeignBroker },
}

impl Other {
    async fn ours(certificates: &Certificates) -> Result<Other> {
        let args = [certificates.of_broker(), vec!["--client-ca".to_owned(), certificates.ca()]].concat();
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let broker = Broker::start_with(&args).await?;
        let (secure, plain) = (broker.mqtts()?.port(), broker.mqtt().port());
        Ok(Other { _broker: Kind::Ours { _broker: broker }, secure, plain })
    }

    async fn mosquitto(certificates: &Certificates) -> Result<Other> {
        let [ca, certificate, key] =
            ["ca.pem", "server.pem", "server-key.pem"].map(|name| certificates.path(name));
        let listener = [
            &format!("cafile {ca}") as &str,
            &format!("certfile {certificate}"),
            &format!("keyfile {key}"),
            "require_certificate true",
        ];
        // As the user of the tests, who alone may read the key.
        let [plain] = harness::free_ports()?;
        let more = format!("user root\nlistener {plain} 127.0.0.1");
        let broker = ForeignBroker::mosquitto_with(&listener, &more).await?;
        let secure = broker.tcp;
        Ok(Other { _broker: Kind::Mosquitto { _broker: broker }, secure, plain })
    }
}

async fn others(certificates: &Certificates) -> Result<[(&'static str, Other); 2]> {
    let (ours, mosquitto) = (Other::ours(certificates).await?, Other::mosquitto(certificates).await?);
    Ok([("TabMQ", ours), ("mosquitto", mosquitto)])
}

#[tokio::test]
async fn a_bridge_over_tls() -> Result<()> {
    let certificates = Certificates::make(&["--client", "site"]).await?;
    for (name, other) in others(&certificates).await? {
        for version in ["5", "3.1.1"] {
            both_ways(&certificates, &other, version).await.with_context(|| format!("{name}, {version}"))?;
        }
    }
    Ok(())
}

async fn both_ways(certificates: &Certificates, other: &Other, version: &str) -> Result<()> {
    let address = format!("mqtts://127.0.0.1:{}", other.secure);
    let [ca, certificate, key] =
        ["ca.pem", "client-site.pem", "client-site-key.pem"].map(|name| certificates.path(name));
    let topics = "topics = [{ pattern = 't/#', direction = 'both', qos = 2 }]";
    let tls = format!("cafile = '{ca}'\ncert = '{certificate}'\nkey = '{key}'");
    let id = format!("client-id = '{}'", unique("bridge"));
    let lines = format!("version = '{version}'\n{id}\n{tls}\n{topics}");
    let broker = File::with(&bridge("other", &address, &lines))?.broker().await?;
    let shown = until_bridge_is(&broker, "connected").await.with_context(|| broker.log())?;
    ensure!(shown["address"] == address, "{shown}");
    let (here, there) = (Side::of(broker.mqtt().port(), "5"), Side::of(other.plain, "5"));
    let (mut seen_here, mut seen_there) = (here.subscribe("t/#").await?, there.subscribe("t/#").await?);
    here.publish("t/here", "from here", "2").await?;
    there.publish("t/there", "from there", "2").await?;
    seen_there.stdout.find("what goes out", |line| line == "t/here from here").await?;
    seen_here.stdout.find("what comes in", |line| line == "t/there from there").await?;
    Ok(())
}

#[tokio::test]
async fn a_bridge_that_trusts_another_authority_says_so() -> Result<()> {
    let (certificates, strange) = (Certificates::make(&[]).await?, Certificates::make(&[]).await?);
    let other = Other::ours(&certificates).await?;
    let lines = format!("cafile = '{}'\ntopics = [{{ pattern = 't/#' }}]", strange.ca());
    let table = bridge("other", &format!("mqtts://127.0.0.1:{}", other.secure), &lines);
    let broker = File::with(&table)?.broker().await?;
    let shown = until_bridge_is(&broker, "disconnected").await?;
    let why = shown["why"].as_str().unwrap_or_default();
    ensure!(why.contains("is not signed by an authority in"), "{shown}");
    Ok(())
}

#[tokio::test]
async fn the_gateway_over_tls() -> Result<()> {
    let certificates = Certificates::make(&["--client", "gate"]).await?;
    let strange = Certificates::make(&[]).await?;
    for (name, other) in others(&certificates).await? {
        let upstream = format!("mqtts://127.0.0.1:{}", other.secure);
        let (ca, of_client) = (certificates.ca(), certificates.of_client("gate"));
        let trusting = ["--upstream", &upstream, "--cafile", &ca];
        let of_client: Vec<&str> = of_client.iter().map(String::as_str).collect();
        let gateway = Gateway::start_with(&[&trusting[..], &of_client].concat()).await?;
        let there = Side::of(other.plain, "5");
        let mut seen = there.subscribe("t").await?;
        for version in ["5", "311"] {
            let url = gateway.websocket_url();
            let mut command =
                Broker::command(["pub", "-L", &url, "-V", version, "-t", "t", "-m", version, "-q", "1"])?;
            Program::spawn(&mut command)?.success().await.with_context(|| name.to_owned())?;
            seen.stdout.find("what the tab said", |line| line == format!("t {version}")).await?;
        }

        let strange_ca = strange.ca();
        let lost = Gateway::start_with(&["--upstream", &upstream, "--cafile", &strange_ca]).await?;
        let mut command = Broker::command(["pub", "-L", &lost.websocket_url(), "-t", "t", "-m", "x"])?;
        let mut program = Program::spawn(&mut command)?;
        ensure!(!program.wait().await?.success(), "{name}: it trusts anybody");
        let words = program.stderr.text();
        ensure!(words.contains("is not signed by an authority in"), "{name}: {words}");
    }
    Ok(())
}
