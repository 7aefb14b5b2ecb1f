//! Users, rules and certificates change many times while messages flow: who may loses nothing, who may not gets nothing.

use crate::directory::{Directory, add_user, tabmq};
use anyhow::{Result, ensure};
use harness::{Broker, Certificates, Program, eventually};
use std::fs;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How often everything changes.
const ROUNDS: usize = 12;

/// The time between two messages of a publisher that nobody asks for anything.
const PACE: Duration = Duration::from_millis(2);

/// `tabmq pub -l` that publishes numbers for as long as it lives, and words in between when it is told to.
struct Load {
    words: mpsc::UnboundedSender<String>,
    task: JoinHandle<Result<Vec<String>>>,
}

impl Load {
    fn start(mut publisher: Program) -> Load {
        let (words, mut told) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            let mut lines = Vec::new();
            let mut pace = tokio::time::interval(PACE);
            loop {
                let line = tokio::select! {
                    word = told.recv() => word,
                    _ = pace.tick() => Some(lines.len().to_string()),
                };
                let Some(line) = line else { break };
                publisher.type_line(&line).await?;
                lines.push(line);
            }
            publisher.close_stdin();
            publisher.success().await?; // at QoS 1: all of them were acknowledged
            Ok(lines)
        });
        Load { words, task }
    }

    fn say(&self, word: String) -> Result<()> {
        Ok(self.words.send(word)?)
    }

    /// All that was published, in order.
    async fn stop(self) -> Result<Vec<String>> {
        drop(self.words);
        self.task.await?
    }
}

fn rules(bobs: &str) -> String {
    format!(
        "user ann\ntopic readwrite plant/#\n\nuser bob\ntopic read open/#\n{bobs}\nuser carol\ntopic read open/#\n{bobs}"
    )
}

const MAY: &str = "topic read plant/#\n";

fn client(verb: &str, place: &[&str], args: &[&str]) -> Result<Program> {
    Program::spawn(&mut Broker::command([&[verb, "-q", "1"], place, args].concat())?)
}

/// Waits until a line of a subscriber's says this.
async fn received(subscriber: &mut Program, word: &str) -> Result<()> {
    subscriber.stdout.find(word, |line| line == word).await.map(drop)
}

#[tokio::test]
async fn everything_changes_under_load() -> Result<()> {
    let directory = Directory::new()?;
    let (users, acl) = (directory.file("users"), directory.write("acl", &rules(MAY))?);
    for name in ["ann", "bob", "carol"] {
        add_user(&users, name, name, &[]).await?;
    }
    let (certificates, others) = (Certificates::make(&[]).await?, Certificates::make(&[]).await?);
    let ca = certificates.directory().join("old-ca.pem").to_string_lossy().into_owned();
    fs::copy(certificates.ca(), &ca)?;
    let config =
        directory.write("tabmq.toml", &format!("password-file = '{users}'\nacl-file = '{acl}'\n"))?;
    let args = [&["--config", &config].map(str::to_owned)[..], &certificates.of_broker()].concat();
    let broker = Broker::start_with(&args.iter().map(String::as_str).collect::<Vec<_>>()).await?;

    let (mqtt, mqtts) = (broker.mqtt().port().to_string(), broker.mqtts()?.port().to_string());
    let plain = ["-h", "127.0.0.1", "-p", &mqtt];
    let secure = ["-h", "localhost", "-p", &mqtts, "--cafile", &ca];
    let ann = ["-u", "ann", "-P", "ann", "-t", "plant/load"];
    let mut anns = client("sub", &secure, &[&ann[..], &["-i", "anns"]].concat())?;
    let mut bobs = client("sub", &plain, &["-u", "bob", "-P", "bob", "-t", "plant/#", "-i", "bobs"])?;
    let subscribed = |broker: &Broker| broker.count_log_lines(|line| line.contains("subscribed"));
    eventually("two subscriptions", async || Ok((subscribed(&broker) == 2).then_some(()))).await?;
    let by_tls = Load::start(client("pub", &secure, &[&ann[..], &["-l"]].concat())?);
    let by_tcp = Load::start(client("pub", &plain, &[&ann[..], &["-l"]].concat())?);

    for round in 1..=ROUNDS {
        let may = round % 2 == 0;
        fs::write(&acl, rules(if may { MAY } else { "" }))?;
        // Somebody comes, somebody goes; and another certificate each time.
        let (ok, said) = match may {
            true => tabmq(&["passwd", "delete", &users, "guest"], "").await?,
            false => tabmq(&["passwd", "add", &users, "guest"], "secret").await?,
        };
        ensure!(ok, "{said}");
        certificates.take_server_of(&others)?;
        let read = |broker: &Broker| broker.count_log_lines(|line| line.contains("configuration read again"));
        broker.signal("HUP").await?;
        eventually("reload", async || Ok((read(&broker) == round).then_some(()))).await?;
        let word = format!("{} {round}", if may { "for all" } else { "for ann" });
        by_tls.say(word.clone())?;
        by_tcp.say(word.clone())?;
        if may {
            received(&mut bobs, &word).await?;
        }
    }
    ensure!(subscribed(&broker) == 2, "somebody had to come back:\n{}", broker.log());

    let published = [by_tls.stop().await?, by_tcp.stop().await?];
    // Each publisher's messages in its order, and all of them; the last word of each tells that all have come.
    let all: usize = published.iter().map(Vec::len).sum();
    eventually("all messages", async || Ok((anns.stdout.lines().len() >= all).then_some(()))).await?;
    let lines = anns.stdout.lines();
    ensure!(lines.len() == all, "{} of {all}", lines.len());
    ensure!(interleaves(&lines, &published), "a message is lost, twice there, or out of order");
    ensure!(published.iter().all(|lines| lines.len() > ROUNDS), "a publisher had nothing to say");
    let secrets: Vec<String> =
        bobs.stdout.lines().into_iter().filter(|line| line.starts_with("for ann")).collect();
    ensure!(secrets.is_empty(), "bob has got {secrets:?}");
    anns.kill().await
}

/// Whether `lines` are both sequences, each in its order. What both have in common is the same word, so that it makes no
/// difference from which one it is taken as long as the numbers agree.
fn interleaves(lines: &[String], sequences: &[Vec<String>; 2]) -> bool {
    // The positions in the first sequence at which it can be after the lines so far; the second one has the rest.
    let mut possible = std::collections::BTreeSet::from([0_usize]);
    for (seen, line) in lines.iter().enumerate() {
        let next = possible.iter().flat_map(|&first| {
            let second = seen - first;
            let by_first = (sequences[0].get(first) == Some(line)).then_some(first + 1);
            let by_second = (sequences[1].get(second) == Some(line)).then_some(first);
            [by_first, by_second].into_iter().flatten()
        });
        possible = next.collect();
    }
    possible.contains(&sequences[0].len()) && lines.len() == sequences[0].len() + sequences[1].len()
}

#[tokio::test]
async fn what_waits_for_somebody_is_looked_at_again() -> Result<()> {
    let directory = Directory::new()?;
    let (users, acl) = (directory.file("users"), directory.write("acl", &rules(MAY))?);
    for name in ["ann", "carol"] {
        add_user(&users, name, name, &[]).await?;
    }
    let broker =
        Broker::start_with(&["--password-file", &users, "--acl-file", &acl, "--allow-anonymous"]).await?;
    let port = broker.mqtt().port().to_string();
    let place = ["-h", "127.0.0.1", "-p", &port];
    let session = ["-u", "carol", "-P", "carol", "-i", "carols", "-c", "-t", "plant/#", "-t", "open/#"];
    let publish = async |topic: &str, text: &str| {
        let args = ["-u", "ann", "-P", "ann", "-t", topic, "-m", text];
        client("pub", &place, &args)?.success().await
    };
    client("sub", &place, &[&session[..], &["-E"]].concat())?.success().await?;
    publish("plant/a", "before").await?;
    // No signal: the broker sees by itself that the file is another one.
    let read = |broker: &Broker| broker.count_log_lines(|line| line.contains("users and rules read again"));
    let open_to_ann = "\nuser ann\ntopic readwrite open/#\n";
    fs::write(&acl, rules("") + open_to_ann)?;
    eventually("first change", async || Ok((read(&broker) == 1).then_some(()))).await?;
    publish("plant/a", "meanwhile").await?;
    publish("open/a", "open").await?;
    let mut carol = client("sub", &place, &[&session[..], &["-C", "1"]].concat())?;
    carol.success().await?;
    ensure!(carol.stdout.text() == "open", "{}", carol.stdout.text());
    // What cannot be read is not used; then she may again.
    fs::write(&acl, "topic of nobody knows what\nuser")?;
    eventually("refusal", async || {
        Ok((broker.count_log_lines(|line| line.contains("the old ones stay")) == 1).then_some(()))
    })
    .await?;
    fs::write(&acl, rules(MAY) + open_to_ann)?;
    eventually("second change", async || Ok((read(&broker) == 2).then_some(()))).await?;
    publish("plant/a", "after").await?;
    let mut carol = client("sub", &place, &[&session[..], &["-C", "1"]].concat())?;
    carol.success().await?;
    ensure!(carol.stdout.text() == "after", "{}", carol.stdout.text());
    // Another password: she has to log in again, and does not get in as she was.
    let there = ["-u", "carol", "-P", "carol", "-i", "another", "-t", "open/#"];
    let mut there = client("sub", &place, &there)?;
    eventually("carol", async || {
        let connected = |line: &str| line.contains("client connected") && line.contains("another");
        Ok((broker.count_log_lines(connected) == 1).then_some(()))
    })
    .await?;
    add_user(&users, "carol", "another one", &[]).await?;
    ensure!(!there.wait().await?.success());
    ensure!(there.stderr.text().contains("not authorised"), "{}", there.stderr.text());
    Ok(())
}
