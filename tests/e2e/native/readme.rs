//! The README's section on security, followed by a newcomer: every command of it is run as it stands there, in its order.
//!
//! What differs is told here: ports are the system's choice, `broker.local` is this machine, and a password is typed.

use crate::directory::Directory;
use anyhow::{Context, Result, bail, ensure};
use harness::{Broker, Program, eventually};
use std::path::Path;
use tokio::process::Command;

/// What is to be seen of a command.
enum Becomes {
    /// It ends well, after this line was typed, and says these words.
    Ends { typed: &'static str, says: &'static [&'static str] },
    /// A broker, in place of the one before.
    Serves,
    /// A subscriber; it gets what is published with these flags, as this line.
    Receives { published: &'static [&'static str], line: &'static str },
    /// It does not end well, and says this.
    Refused { says: &'static str },
}

use Becomes::{Ends, Receives, Refused, Serves};

/// `tabmq pub` as somebody who may.
const BY_ADMIN: &[&str] = &["-u", "admin", "-P", "123456", "-t", "home/admin/lamp", "-m", "on"];

/// The commands, without their comments, and in one line each.
const COMMANDS: &[(&str, Becomes)] = &[
    ("tabmq passwd add users admin --role admin", Ends { typed: "123456", says: &[] }),
    ("tabmq --password-file users", Serves),
    ("tabmq sub -u admin -P 123456 -t '#' -v", Receives { published: BY_ADMIN, line: "home/admin/lamp on" }),
    ("tabmq pub -u admin -P 1234567 -t a -m 1", Refused { says: "bad user name or password" }),
    (
        "tabmq sub -u admin -P 123456 --auth-method SCRAM-SHA-256 -t '#' -v",
        Receives { published: BY_ADMIN, line: "home/admin/lamp on" },
    ),
    ("tabmq passwd add users ann --group staff", Ends { typed: "secret of ann", says: &[] }),
    ("tabmq --config tabmq.toml", Serves),
    (
        "tabmq acl check --config tabmq.toml --user ann --action subscribe --topic 'plant/#'",
        Ends { typed: "", says: &["allowed", "tabmq.toml, line 4"] },
    ),
    (
        "curl -u admin:123456 http://127.0.0.1:8083/api/v1/info",
        Ends { typed: "", says: &["\"version\"", "\"listeners\""] },
    ),
    ("tabmq cert --host 192.168.1.10 --host broker.local", Ends { typed: "", says: &["tabmq-certs"] }),
    (
        "tabmq --config tabmq.toml --mqtts 0.0.0.0:8883 --https 0.0.0.0:8084 \
         --cert tabmq-certs/server.pem --key tabmq-certs/server-key.pem",
        Serves,
    ),
    (
        "mosquitto_pub -h broker.local -p 8883 --cafile tabmq-certs/ca.pem -u admin -P 123456 -t home/admin/lamp -m on",
        Ends { typed: "", says: &[] },
    ),
    (
        "tabmq sub -h broker.local -p 8883 --cafile tabmq-certs/ca.pem -u admin -P 123456 -t 'home/admin/#' -v",
        Receives { published: BY_ADMIN, line: "home/admin/lamp on" },
    ),
    (
        "tabmq sub -L wss://broker.local:8084/mqtt --cafile tabmq-certs/ca.pem -u admin -P 123456 -t 'home/admin/#' -v",
        Receives { published: BY_ADMIN, line: "home/admin/lamp on" },
    ),
    ("tabmq cert --client alice", Ends { typed: "", says: &["alice"] }),
    (
        "tabmq --mqtts 0.0.0.0:8883 --cert tabmq-certs/server.pem --key tabmq-certs/server-key.pem \
         --client-ca tabmq-certs/ca.pem",
        Serves,
    ),
    (CERTIFIED, Ends { typed: "", says: &[] }),
    ("tabmq cert --revoke alice", Ends { typed: "", says: &["revoked.pem"] }),
    (
        "tabmq --mqtts 0.0.0.0:8883 --cert tabmq-certs/server.pem --key tabmq-certs/server-key.pem \
         --client-ca tabmq-certs/ca.pem --crl tabmq-certs/revoked.pem",
        Serves,
    ),
];

/// What a client with a certificate says, before it is revoked and after.
const CERTIFIED: &str = "mosquitto_pub -h broker.local -p 8883 --cafile tabmq-certs/ca.pem -t a/b -m 1 \
                         --cert tabmq-certs/client-alice.pem --key tabmq-certs/client-alice-key.pem";

#[tokio::test]
async fn the_section_on_security_can_be_followed() -> Result<()> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))?;
    let section = section(&readme, "## Security").context("README.md has no section on security")?;
    let commands: Vec<String> = blocks(section, "sh").iter().flat_map(|block| commands(block)).collect();
    let known: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    ensure!(commands == known, "README.md has other commands than this test:\n{commands:#?}\n{known:#?}");

    let directory = Directory::new()?;
    let [configuration] = &blocks(section, "toml")[..] else { bail!("not one configuration in README.md") };
    ensure!(configuration.starts_with("# tabmq.toml\n"), "{configuration}");
    directory.write("tabmq.toml", configuration)?;
    let mut place = Place { directory, broker: None };
    for (command, becomes) in COMMANDS {
        place.follow(command, becomes).await.with_context(|| format!("README.md: {command}"))?;
    }
    // Alice's certificate has been revoked by now.
    let refused = place.run(CERTIFIED, "").await;
    ensure!(refused.is_err(), "a revoked certificate was let in");
    Ok(())
}

/// Where the newcomer works.
struct Place {
    directory: Directory,
    broker: Option<Broker>,
}

impl Place {
    async fn follow(&mut self, command: &str, becomes: &Becomes) -> Result<()> {
        match becomes {
            Ends { typed, says } => {
                let said = self.run(command, typed).await?;
                ensure!(says.iter().all(|words| said.contains(words)), "no {says:?} in {said}");
            }
            Serves => {
                self.broker = None; // its ports are free now, as after Ctrl-C
                let line = command.replace(":8883", ":0").replace(":8084", ":0");
                self.broker = Some(Broker::start_as(&line, self.directory.path()).await?);
            }
            Receives { published, line } => {
                let broker = self.broker.as_ref().context("no broker")?;
                let subscribed = || broker.count_log_lines(|line| line.contains("subscribed"));
                let before = subscribed();
                let mut subscriber = Program::spawn(&mut self.shell(command)?)?;
                eventually("subscription", async || Ok((subscribed() > before).then_some(()))).await?;
                harness::command::Client::Tabmq.publish(broker, published).await?;
                ensure!(subscriber.stdout.next().await? == **line);
            }
            Refused { says } => {
                let error = self.run(command, "").await.err().context("it ended well")?.to_string();
                ensure!(error.contains(says), "{error}");
            }
        }
        Ok(())
    }

    /// Runs a command to its end; what it says, which is the error if it does not end well.
    async fn run(&self, command: &str, typed: &str) -> Result<String> {
        let mut program = Program::spawn(&mut self.shell(command)?)?;
        // It may end without reading it.
        let _ = program.type_line(typed).await;
        program.close_stdin();
        let status = program.wait().await?;
        let said = format!("{}{}", program.stdout.text(), program.stderr.text());
        ensure!(status.success(), "{status}: {said}");
        Ok(said)
    }

    /// The shell with a command, told where the broker is.
    fn shell(&self, command: &str) -> Result<Command> {
        let mut line = command.replace("broker.local", "localhost");
        if let Some(broker) = &self.broker {
            line = line.replace(":8083", &format!(":{}", broker.http().port()));
            if let Ok(address) = broker.mqtts() {
                line = line.replace("-p 8883", &format!("-p {}", address.port()));
            }
            if let Ok(address) = broker.https() {
                line = line.replace(":8084", &format!(":{}", address.port()));
            }
            let is_client = line.starts_with("tabmq pub ") || line.starts_with("tabmq sub ");
            if is_client && !line.contains(" -p ") && !line.contains(" -L ") {
                line.push_str(&format!(" -p {}", broker.mqtt().port()));
            }
        }
        Broker::shell(&line, self.directory.path())
    }
}

/// What is below a heading, up to the next one of its level.
fn section<'a>(text: &'a str, heading: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("\n{heading}\n"))?;
    Some(rest.split_once("\n## ").map_or(rest, |(section, _)| section))
}

/// The blocks of code in this language.
fn blocks(section: &str, language: &str) -> Vec<String> {
    let begin = format!("```{language}\n");
    section.split(&begin).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

/// The commands of a block: without comments, each in one line.
fn commands(block: &str) -> Vec<String> {
    let whole = block.replace("\\\n", " ");
    let lines = whole.lines().map(|line| line.split_once("  #").map_or(line, |(command, _)| command));
    lines
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect()
}
