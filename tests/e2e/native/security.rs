//! The README's section on users and rules, command by command.

use crate::directory::{Directory, add_user, tabmq};
use anyhow::{Context, Result, ensure};
use harness::command::Client;
use harness::{Broker, Program, http, in_time, unique};
use serde_json::json;
use std::fs;

const BOTH: [Client; 2] = [Client::Mosquitto, Client::Tabmq];

/// What a client says that is not let in.
async fn refused(client: Client, broker: &Broker, args: &[&str]) -> Result<String> {
    let mut program = client.publisher(broker, &[args, &["-t", "a", "-m", "1"]].concat())?;
    let status = program.wait().await?;
    ensure!(!status.success(), "{client:?} {args:?} was let in");
    Ok(format!("{}{}", program.stdout.text(), program.stderr.text()).to_lowercase())
}

#[tokio::test]
async fn the_tutorials_case() -> Result<()> {
    let directory = Directory::new()?;
    let users = directory.file("users");
    add_user(&users, "admin", "123456", &["--role", "admin"]).await?;
    let mut broker = Broker::start_with(&["--password-file", &users]).await?;
    for client in BOTH {
        for version in ["mqttv311", "mqttv5"] {
            let id = unique("device");
            let right = ["-V", version, "-u", "admin", "-P", "123456", "-t", "a", "-m", "1"];
            client.publish(&broker, &right).await?;
            let wrong = ["-V", version, "-i", &id, "-u", "admin", "-P", "1234567"];
            let said = refused(client, &broker, &wrong).await?;
            ensure!(said.contains("bad user name or password"), "{client:?} {version}: {said}");
            // The console says who, from where, and why.
            let line = broker.log_line(&format!("refusal of {id}"), |line| line.contains(&id)).await?;
            for part in ["client refused", "user=\"admin\"", "127.0.0.1:", "0x86", "wrong password"] {
                ensure!(line.contains(part), "no {part} in {line}");
            }
        }
        let said = refused(client, &broker, &["-V", "mqttv311"]).await?;
        ensure!(said.contains("not authori"), "{client:?}: {said}");
    }
    let cases = [("admin", "123456", true), ("admin", "1234567", false), ("nobody", "123456", false)];
    for (name, password, expected) in cases {
        let (ok, said) = tabmq(&["passwd", "verify", &users, name], password).await?;
        ensure!(ok == expected, "{name} {password}: {said}");
    }
    let (_, said) = tabmq(&["passwd", "list", &users], "").await?;
    ensure!(said == "admin argon2 scram role=admin", "{said}");
    Ok(())
}

#[tokio::test]
async fn mosquittos_files_are_read_as_they_are() -> Result<()> {
    let directory = Directory::new()?;
    // `mosquitto_passwd -b users seven 123456`, and with `-H sha512`.
    let users = directory.write(
        "users",
        "seven:$7$101$tu1CTi853ZcolkTn$Ine/KWrFQmJ3qcCQm1o26QzTTRGOF3tefhZpY5Vjl/HuhyIImJJk8mcGcXglgbGOGiXlZ9neVGGNdQu8GE8Yhw==\n\
         six:$6$fyWOSBdPVPGquH1C$7hUhVn2tPltFTiztvYXxAl2Lu4deYue06gDEXwCDNjg6jxS83IIT4/iFvV0pZvTuqabpXZ9anPG9ztsvNlSCJw==\n",
    )?;
    let acl = directory.write("acl", "user seven\ntopic readwrite home/#\n\npattern read inbox/%u/#\n")?;
    let broker = Broker::start_with(&["--password-file", &users, "--acl-file", &acl]).await?;
    for client in BOTH {
        let seven = ["-u", "seven", "-P", "123456"];
        let six = ["-u", "six", "-P", "123456"];
        for (who, topic, expected) in [
            (seven, "home/a", true),
            (seven, "inbox/seven/a", false),
            (six, "home/a", false),
            (six, "x", false),
        ] {
            let args = [&["-V", "mqttv5", "-q", "1"][..], &who, &["-t", topic, "-m", "1"]].concat();
            let mut program = client.publisher(&broker, &args)?;
            program.wait().await?;
            let said = format!("{}{}", program.stdout.text(), program.stderr.text()).to_lowercase();
            // mosquitto_pub says it and ends well.
            ensure!(said.contains("not authori") != expected, "{client:?} {who:?} {topic}: {said}");
        }
    }
    // And what it says of them.
    let check = async |user: &str, action: &str, topic: &str| {
        let files = ["--password-file", &users, "--acl-file", &acl];
        tabmq(
            &[&["acl", "check", "--user", user, "--action", action, "--topic", topic], &files[..]].concat(),
            "",
        )
        .await
    };
    let (ok, said) = check("seven", "publish", "home/a").await?;
    ensure!(ok && said.contains("allowed") && said.contains("line 2"), "{said}");
    let (ok, said) = check("six", "receive", "inbox/six/a").await?;
    ensure!(ok && said.contains("line 4"), "{said}");
    let (ok, said) = check("six", "subscribe", "home/#").await?;
    ensure!(!ok && said.contains("denied"), "{said}");
    Ok(())
}

const RULES: &str = "
[[rule]]
allow = ['publish', 'subscribe']
topic = 'plant/#'
group = 'staff'

[[rule]]
allow = 'publish'
topic = 'devices/%c/#'
client-id = 'sensor-*'
anonymous = true

[client-id]
max-length = 32
[[client-id.reserved]]
prefix = 'ops-'
group = 'staff'
";

#[tokio::test]
async fn rules_hold_and_are_read_again() -> Result<()> {
    let directory = Directory::new()?;
    let users = directory.file("users");
    add_user(&users, "ann", "secret of ann", &["--group", "staff", "--role", "publisher"]).await?;
    add_user(&users, "bob", "secret of bob", &[]).await?;
    let config = directory
        .write("tabmq.toml", &format!("password-file = '{users}'\nallow-anonymous = true\n{RULES}"))?;
    let mut broker = Broker::start_with(&["--config", &config]).await?;
    let ann = ["-u", "ann", "-P", "secret of ann"];
    let bob = ["-u", "bob", "-P", "secret of bob"];
    let mut watcher = Program::spawn(
        tokio::process::Command::new("mosquitto_sub")
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &broker.mqtt().port().to_string(),
                "-v",
                "-t",
                "plant/#",
                "-i",
                "ops-1",
            ])
            .args(ann),
    )?;
    broker.log_line("subscription", |line| line.contains("subscribed") && line.contains("ops-1")).await?;
    Client::Tabmq.publish(&broker, &[&ann[..], &["-t", "plant/a", "-m", "1", "-q", "1"]].concat()).await?;
    ensure!(watcher.stdout.next().await? == "plant/a 1");
    // A reserved client id, and one that is too long.
    for id in ["ops-2", "a-client-id-of-more-than-thirty-two-characters"] {
        let said = refused(Client::Mosquitto, &broker, &[&bob[..], &["-i", id]].concat()).await?;
        ensure!(said.contains("identifier"), "{id}: {said}");
    }
    let check = |user: &'static str, topic: &'static str| {
        let config = config.clone();
        async move {
            let args = [
                "acl", "check", "--config", &config, "--user", user, "--action", "publish", "--topic", topic,
            ];
            tabmq(&args, "").await
        }
    };
    let (ok, said) = check("ann", "plant/a").await?;
    ensure!(ok && said.contains("tabmq.toml, line 4"), "{said}");
    ensure!(!check("bob", "plant/a").await?.0);
    // Other rules, and a user less: at SIGHUP.
    fs::write(&config, fs::read_to_string(&config)?.replace("plant/#", "house/#"))?;
    tabmq(&["passwd", "delete", &users, "bob"], "").await?;
    broker.signal("HUP").await?;
    broker.log_line("users and rules", |line| line.contains("users=1")).await?;
    let said = refused(Client::Mosquitto, &broker, &bob).await?;
    ensure!(said.contains("authori") || said.contains("bad user"), "{said}");
    // The watcher is still there, and its subscription rests.
    Client::Tabmq
        .publish(&broker, &["-i", "sensor-1", "-t", "devices/sensor-1/t", "-m", "2", "-q", "1"])
        .await?;
    fs::write(&config, fs::read_to_string(&config)?.replace("house/#", "plant/#"))?;
    broker.signal("HUP").await?;
    let publish = [&ann[..], &["-t", "plant/b", "-m", "3", "-q", "1"]].concat();
    in_time("message after the rules came back", async {
        loop {
            Client::Tabmq.publish(&broker, &publish).await.ok();
            if watcher.stdout.lines().iter().any(|line| line == "plant/b 3") {
                return;
            }
        }
    })
    .await?;
    ensure!(watcher.stdout.lines().iter().all(|line| line != "devices/sensor-1/t 2"));
    Ok(())
}

#[tokio::test]
async fn the_api_asks_for_a_user() -> Result<()> {
    let directory = Directory::new()?;
    let users = directory.file("users");
    add_user(&users, "ann", "123456", &["--role", "publisher"]).await?;
    let broker = Broker::start_with(&["--password-file", &users]).await?;
    let body = json!({"topic": "a", "payload": "1"});
    let answer = http::post_json(broker.http(), "/api/v1/publish", &body).await?;
    ensure!(answer.status == 401, "{}", answer.status);
    ensure!(answer.header("www-authenticate").context("no challenge")?.contains("TabMQ"));
    let headers = [("Content-Type", "application/json"), ("Authorization", "Basic YW5uOjEyMzQ1Ng==")]; // ann:123456
    let answer =
        http::request(broker.http(), "POST", "/api/v1/publish", &headers, body.to_string().as_bytes())
            .await?;
    ensure!(answer.status == 200, "{} {}", answer.status, answer.text());
    Ok(())
}

#[tokio::test]
async fn a_password_that_does_not_travel() -> Result<()> {
    let directory = Directory::new()?;
    let users = directory.file("users");
    add_user(&users, "ann,=b", "123456", &[]).await?;
    let mut broker = Broker::start_with(&["--password-file", &users]).await?;
    let scram = ["--auth-method", "SCRAM-SHA-256", "-u", "ann,=b"];
    let right = [&scram[..], &["-P", "123456"]].concat();
    let port = broker.mqtt().port().to_string();
    let place = ["sub", "-h", "127.0.0.1", "-p", &port, "-t", "a", "-v", "-i", "watcher"];
    let mut watcher = Program::spawn(&mut Broker::command([&place[..], &right].concat())?)?;
    broker.log_line("subscription", |line| line.contains("subscribed") && line.contains("watcher")).await?;
    Client::Tabmq.publish(&broker, &[&right[..], &["-t", "a", "-m", "1", "-q", "1"]].concat()).await?;
    ensure!(watcher.stdout.next().await? == "a 1");
    let wrong = [&scram[..], &["-P", "1234567"]].concat();
    let nobody = ["--auth-method", "SCRAM-SHA-256", "-u", "nobody", "-P", "123456"];
    let (wrong, nobody) =
        (refused(Client::Tabmq, &broker, &wrong).await?, refused(Client::Tabmq, &broker, &nobody).await?);
    ensure!(wrong == nobody && wrong.contains("not authorised"), "{wrong}\n{nobody}");
    broker.log_line("wrong password", |line| line.contains("wrong password for user")).await?;
    broker.log_line("unknown user", |line| line.contains("there is no user")).await?;
    // A server that does not know the method says so.
    let without = Broker::start().await?;
    let said = refused(Client::Tabmq, &without, &right).await?;
    ensure!(said.contains("does not know this authentication method"), "{said}");
    Ok(())
}
