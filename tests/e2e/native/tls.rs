//! TLS: `tabmq cert`, the listeners with it, who is let in by certificate, and what a broker must bear.

use anyhow::{Context, Result, ensure};
use harness::command::Client;
use harness::{Broker, Certificates, Device, Message, Program, Version, eventually, in_time, unique};
use rcgen::SanType;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BOTH: [Client; 2] = [Client::Mosquitto, Client::Tabmq];

/// The beginning of a TLS handshake: a record that says it is long, and not much of it.
const HALF_A_HELLO: [u8; 9] = [22, 3, 1, 2, 0, 1, 0, 1, 252];

async fn broker(certificates: &Certificates, more: &[&str]) -> Result<Broker> {
    let mut args = certificates.of_broker();
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    Broker::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>()).await
}

/// Publishes over TLS; the error is what the client says.
async fn publish(client: Client, at: SocketAddr, topic: &str, args: &[String]) -> Result<(), String> {
    let port = at.port().to_string();
    let place = ["-h", "localhost", "-p", &port, "-q", "1", "-t", topic, "-m", "hello"];
    let mut command = match client {
        Client::Mosquitto => tokio::process::Command::new("mosquitto_pub"),
        Client::Tabmq => Broker::command(["pub"]).map_err(|error| error.to_string())?,
    };
    let mut program = Program::spawn(command.args(place).args(args)).map_err(|error| error.to_string())?;
    program.success().await.map_err(|error| error.to_string())
}

fn trusting(certificates: &Certificates, more: &[&str]) -> Vec<String> {
    let mut args = vec!["--cafile".to_owned(), certificates.ca()];
    args.extend(more.iter().map(|arg| (*arg).to_owned()));
    args
}

#[tokio::test]
async fn both_clients_over_both_versions_and_secure_websocket() -> Result<()> {
    let certificates = Certificates::make(&[]).await?;
    let broker = broker(&certificates, &[]).await?;
    let mut device = Device::connect(&broker, "receiver", Version::V5).await?;
    device.subscribe("#", 1).await?;
    for client in BOTH {
        for version in ["tlsv1.2", "tlsv1.3"] {
            let topic = unique("over-tls");
            let args = trusting(&certificates, &["--tls-version", version]);
            publish(client, broker.mqtts()?, &topic, &args).await.map_err(anyhow::Error::msg)?;
            ensure!(device.message().await? == Message::new(&topic, "hello", 1), "{client:?} {version}");
        }
    }
    let url = format!("wss://localhost:{}/mqtt", broker.https()?.port());
    let args =
        ["pub", "-L", &url, "--cafile", &certificates.ca(), "-t", "over-wss", "-m", "hello", "-q", "1"];
    Program::spawn(&mut Broker::command(args)?)?.success().await?;
    ensure!(device.message().await? == Message::new("over-wss", "hello", 1));
    for transport in ["transport=tls", "transport=wss"] {
        ensure!(broker.log().contains(transport), "no {transport} in {}", broker.log());
    }
    Ok(())
}

#[tokio::test]
async fn servers_that_are_not_trusted() -> Result<()> {
    let (certificates, others) = (Certificates::make(&[]).await?, Certificates::make(&[]).await?);
    let mut broker = broker(&certificates, &["--tls-min-version", "1.3"]).await?;
    let wrong_ca = publish(Client::Tabmq, broker.mqtts()?, "t", &trusting(&others, &[])).await.unwrap_err();
    ensure!(wrong_ca.contains("is not signed by an authority in"), "{wrong_ca}");
    publish(Client::Mosquitto, broker.mqtts()?, "t", &trusting(&others, &[])).await.unwrap_err();
    broker
        .log_line("the client's distrust", |line| line.contains("does not trust the broker's certificate"))
        .await?;
    // mosquitto's flag means "at least", so its client would get in.
    let old = trusting(&certificates, &["--tls-version", "1.2"]);
    let error = publish(Client::Tabmq, broker.mqtts()?, "t", &old).await.unwrap_err();
    ensure!(error.contains("does not speak this version"), "{error}");
    broker
        .log_line("the old version", |line| line.contains("no version or algorithm of TLS that is allowed"))
        .await?;
    publish(Client::Tabmq, broker.mqtts()?, "t", &["--insecure".to_owned()]).await.map_err(anyhow::Error::msg)
}

#[tokio::test]
async fn who_is_let_in_by_certificate() -> Result<()> {
    let certificates = Certificates::make(&["--client", "alice", "--client", "mallory"]).await?;
    let others = Certificates::make(&["--client", "eve"]).await?;
    certificates.more(&["--revoke", "mallory"]).await?;
    certificates.add_client("late", (2019, 2020), &[])?;
    certificates.add_client("early", (2090, 2099), &[])?;
    let (ca, crl) = (certificates.ca(), certificates.path("revoked.pem"));
    let mut broker = broker(&certificates, &["--client-ca", &ca, "--crl", &crl]).await?;
    // What the client shows, what the broker's console says, and what our client says.
    let refused = [
        (vec![], "has shown no certificate", "--cert FILE"),
        (
            others.of_client("eve"),
            "is not signed by an authority in --client-ca",
            "does not know the authority",
        ),
        (certificates.of_client("mallory"), "has been revoked", "has been revoked"),
        (certificates.of_client("late"), "certificate has expired", "has expired"),
        (certificates.of_client("early"), "certificate is not valid yet", "is not valid yet"),
    ];
    for (shown, at_the_broker, at_the_client) in refused {
        let args = [trusting(&certificates, &[]), shown].concat();
        for version in ["1.2", "1.3"] {
            let args = [args.clone(), vec!["--tls-version".to_owned(), version.to_owned()]].concat();
            let error = publish(Client::Tabmq, broker.mqtts()?, "t", &args).await.unwrap_err();
            ensure!(error.contains(at_the_client), "{version}, {at_the_client}: {error}");
        }
        let count = broker.count_log_lines(|line| line.contains(at_the_broker));
        publish(Client::Mosquitto, broker.mqtts()?, "t", &args).await.unwrap_err();
        eventually(at_the_broker, async || {
            Ok((broker.count_log_lines(|line| line.contains(at_the_broker)) > count).then_some(()))
        })
        .await?;
    }
    for client in BOTH {
        let args = [trusting(&certificates, &[]), certificates.of_client("alice")].concat();
        publish(client, broker.mqtts()?, "t", &args).await.map_err(anyhow::Error::msg)?;
    }
    broker.log_line("alice", |line| line.contains("client connected") && line.contains("alice")).await?;
    Ok(())
}

#[tokio::test]
async fn the_user_is_the_name_that_the_operator_wants() -> Result<()> {
    let certificates = Certificates::make(&[]).await?;
    let names = [
        SanType::DnsName("pump-7.plant.example".try_into()?),
        SanType::Rfc822Name("ann@plant.example".try_into()?),
        SanType::URI("urn:dev:ops:pump-7".try_into()?),
    ];
    certificates.add_client("ann", (2020, 2099), &names)?;
    let ca = certificates.ca();
    let cases = [
        ("cn", "ann"),
        ("dns", "pump-7.plant.example"),
        ("email", "ann@plant.example"),
        ("uri", "urn:dev:ops:pump-7"),
    ];
    for (from, user) in cases {
        let mut broker = broker(&certificates, &["--client-ca", &ca, "--certificate-user", from]).await?;
        let args = [trusting(&certificates, &["-i", from]), certificates.of_client("ann")].concat();
        publish(Client::Mosquitto, broker.mqtts()?, "t", &args).await.map_err(anyhow::Error::msg)?;
        let line =
            broker.log_line(user, |line| line.contains("client connected") && line.contains(user)).await?;
        ensure!(line.contains(&format!("user=\"{user}\"")), "{line}");
    }
    Ok(())
}

#[tokio::test]
async fn half_open_handshakes_stop_nobody() -> Result<()> {
    let certificates = Certificates::make(&[]).await?;
    let mut broker = broker(&certificates, &["--tls-handshakes", "20", "--tls-handshake-time", "1h"]).await?;
    let mut open = Vec::new();
    for number in 0..100 {
        let mut stream = TcpStream::connect(broker.mqtts()?).await?;
        if number % 2 == 0 {
            stream.write_all(&HALF_A_HELLO).await?;
        }
        open.push(stream);
    }
    for client in BOTH {
        publish(client, broker.mqtts()?, "t", &trusting(&certificates, &[]))
            .await
            .map_err(anyhow::Error::msg)?;
    }
    broker.log_line("those pushed out", |line| line.contains("when 20 newer ones had begun")).await?;
    let mut oldest = open.remove(0);
    ensure!(in_time("end of the oldest", oldest.read(&mut [0; 64])).await?.unwrap_or(0) == 0);
    Ok(())
}

#[tokio::test]
async fn a_handshake_that_takes_too_long_ends() -> Result<()> {
    let certificates = Certificates::make(&[]).await?;
    let mut broker = broker(&certificates, &["--tls-handshake-time", "1s"]).await?;
    let mut stream = TcpStream::connect(broker.mqtts()?).await?;
    stream.write_all(&HALF_A_HELLO).await?;
    ensure!(in_time("end", stream.read(&mut [0; 64])).await?.unwrap_or(0) == 0);
    broker.log_line("the reason", |line| line.contains("no TLS handshake within 1 s")).await?;
    Ok(())
}

#[tokio::test]
async fn what_comes_to_the_wrong_port_is_told_by_name() -> Result<()> {
    let certificates = Certificates::make(&[]).await?;
    let mut broker = broker(&certificates, &[]).await?;
    let connect = b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x0a\x00\x00";
    let get = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n";
    let hello = [&HALF_A_HELLO[..], &[7; 600]].concat();
    let (mqtt, mqtts, https) = (broker.mqtt(), broker.mqtts()?, broker.https()?);
    let cases: [(SocketAddr, &[u8], &str, &str); 5] = [
        (mqtts, connect, "", "plain MQTT on a TLS port"),
        (mqtts, b"\x00\x00\x00\x00", "", "something else on a TLS port"),
        (https, get, "write https://", "plain HTTP on a TLS port"),
        (mqtt, &hello, "", "TLS on a port without it"),
        (mqtt, get, "", "HTTP on the MQTT port"),
    ];
    for (at, bytes, answer, words) in cases {
        let mut stream = TcpStream::connect(at).await?;
        stream.write_all(bytes).await?;
        let mut received = Vec::new();
        in_time("end", stream.read_to_end(&mut received)).await?.context(words)?; // clean: no reset
        let received = String::from_utf8_lossy(&received);
        ensure!(
            received.contains(answer) && (!answer.is_empty() || received.is_empty()),
            "{words}: {received}"
        );
        broker.log_line(words, |line| line.contains(words)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn certificates_change_under_load() -> Result<()> {
    let (certificates, others) = (Certificates::make(&[]).await?, Certificates::make(&[]).await?);
    let old_ca = certificates.ca();
    let mut broker = broker(&certificates, &[]).await?;
    let url = format!("mqtts://localhost:{}", broker.mqtts()?.port());
    let load = [
        "bench", "-L", &url, "--cafile", &old_ca, "-q", "1", "--rate", "500", "-d", "12", "--json", "--quiet",
    ];
    let mut load = Program::spawn(&mut Broker::command(load)?)?;
    let connected = |broker: &Broker| broker.count_log_lines(|line| line.contains("client connected"));
    eventually("load", async || Ok((connected(&broker) >= 2).then_some(()))).await?;

    // The broker sees by itself that the files are others, and new clients get the new certificate.
    certificates.take_server_of(&others)?;
    broker.log_line("the change", |line| line.contains("certificates read again")).await?;
    publish(Client::Tabmq, broker.mqtts()?, "t", &trusting(&others, &[]))
        .await
        .map_err(anyhow::Error::msg)?;
    publish(Client::Mosquitto, broker.mqtts()?, "t", &trusting(&others, &[]))
        .await
        .map_err(anyhow::Error::msg)?;
    publish(Client::Tabmq, broker.mqtts()?, "t", &trusting(&certificates, &[])).await.unwrap_err();

    // What cannot be used is not used.
    std::fs::write(certificates.path("server.pem"), "this is no certificate\n")?;
    broker
        .log_line("the refusal", |line| line.contains("the old ones stay") && line.contains("server.pem"))
        .await?;
    publish(Client::Tabmq, broker.mqtts()?, "t", &trusting(&others, &[]))
        .await
        .map_err(anyhow::Error::msg)?;

    // At SIGHUP at once.
    certificates.more(&["--force"]).await?;
    broker.signal("HUP").await?;
    eventually("new certificate after SIGHUP", async || {
        let published = publish(Client::Tabmq, broker.mqtts()?, "t", &trusting(&certificates, &[])).await;
        Ok(published.is_ok().then_some(()))
    })
    .await?;

    // And who was there before has lost nothing: at QoS 1 that would be an error.
    load.success().await
}

#[tokio::test]
async fn files_that_cannot_be_used_keep_it_from_starting() -> Result<()> {
    let (certificates, others) = (Certificates::make(&[]).await?, Certificates::make(&[]).await?);
    let (cert, key, other_key) =
        (certificates.path("server.pem"), certificates.path("server-key.pem"), others.path("server-key.pem"));
    let cases: [(&[&str], &str); 5] = [
        (&["--mqtts", "127.0.0.1:0"], "`tabmq cert` makes them"),
        (
            &["--mqtts", "127.0.0.1:0", "--cert", &cert, "--key", &other_key],
            "does not belong to the certificate",
        ),
        (&["--https", "127.0.0.1:0", "--cert", &key, "--key", &key], "there is no certificate in it"),
        (&["--https", "127.0.0.1:0", "--cert", &cert, "--key", &key, "--crl", &cert], "add --client-ca FILE"),
        (&["--mqtts", "0.0.0.0:0", "--cert", &cert, "--key", &key], "--allow-anonymous"),
    ];
    for (args, words) in cases {
        let place = ["--mqtt", "127.0.0.1:0", "--http", "127.0.0.1:0"];
        let mut program = Program::spawn(&mut Broker::command([&place[..], args].concat())?)?;
        ensure!(!program.wait().await?.success(), "{args:?}");
        ensure!(program.stderr.text().contains(words), "{args:?}: {}", program.stderr.text());
    }
    Ok(())
}
