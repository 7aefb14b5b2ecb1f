//! Guessing passwords: it gets slow, it does not tell who exists, and it keeps nobody out who has been here before.
//!
//! What is compared are numbers of attempts that were looked at, and bytes; times only bound how many there can have been.

use crate::directory::{Directory, add_user};
use anyhow::{Result, ensure};
use harness::{Broker, Raw};
use std::net::Ipv4Addr;
use std::time::Instant;

/// CONNACK's reasons: a wrong user name or password, and "not now".
const WRONG: u8 = 0x86;
const LATER: u8 = 0x9F;

/// How many different wrong passwords are looked at before the waits begin (docs/threat-model.md).
const FREE_BY_USER: usize = 5;
const FREE_BY_ADDRESS: usize = 20;

/// How many are looked at in a time if the waits are 1, 2, 4, … seconds from the first attempt after the free ones on.
fn most(free: usize, since: Instant) -> usize {
    let seconds = since.elapsed().as_secs() + 1;
    free + 1 + seconds.ilog2() as usize + 1
}

/// A machine that attacks, of those that loopback has.
fn machine(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x7F00_0100 + u32::try_from(number).unwrap_or_default())
}

/// The CONNACK for this user name and password, sent from this address.
async fn connack(broker: &Broker, from: Ipv4Addr, user: &str, password: &str) -> Result<Vec<u8>> {
    let mut raw = Raw::tcp_from(from, broker.mqtt()).await?;
    // 5.0, clean start, user name and password, keep-alive 0, no properties, no client id.
    let mut body = b"\x00\x04MQTT\x05\xC2\x00\x00\x00\x00\x00".to_vec();
    for text in [user, password] {
        body.extend(u16::try_from(text.len())?.to_be_bytes());
        body.extend(text.as_bytes());
    }
    raw.send(&[&[0x10, u8::try_from(body.len())?], &body[..]].concat()).await?;
    raw.packet().await
}

/// The reason in a CONNACK.
fn reason(connack: &[u8]) -> u8 {
    connack.get(3).copied().unwrap_or_default()
}

async fn broker(directory: &Directory) -> Result<Broker> {
    let users = directory.file("users");
    for name in ["ann", "bob"] {
        add_user(&users, name, &format!("secret of {name}"), &[]).await?;
    }
    Broker::start_with(&["--password-file", &users]).await
}

#[tokio::test]
async fn one_name_from_everywhere() -> Result<()> {
    let directory = Directory::new()?;
    let broker = broker(&directory).await?;
    let home = Ipv4Addr::LOCALHOST;
    ensure!(reason(&connack(&broker, home, "ann", "secret of ann").await?) == 0);
    // Somebody who exists, and somebody who does not; from another machine each time, with another password each time.
    let mut answers = Vec::new();
    for (block, name) in ["ann", "nobody"].into_iter().enumerate() {
        let (start, mut looked_at) = (Instant::now(), 0);
        for attempt in 0..40 {
            let from = machine(block * 100 + attempt);
            let answer = connack(&broker, from, name, &format!("guess {attempt}")).await?;
            ensure!([WRONG, LATER].contains(&reason(&answer)), "{name} {attempt}: {answer:02x?}");
            ensure!(attempt >= FREE_BY_USER || reason(&answer) == WRONG, "{name} {attempt}: {answer:02x?}");
            looked_at += usize::from(reason(&answer) == WRONG);
            answers.push(answer);
        }
        let most = most(FREE_BY_USER, start);
        ensure!(looked_at > FREE_BY_USER && looked_at <= most, "{name}: {looked_at}, and at most {most}");
    }
    // There are two answers, and no byte in either says whether there is such a user.
    for reason_code in [WRONG, LATER] {
        let mut same: Vec<_> = answers.iter().filter(|answer| reason(answer) == reason_code).collect();
        same.dedup();
        ensure!(same.len() == 1, "{same:02x?}");
    }
    // While her name is being guessed: from where she has been before she gets in, and so does everybody else.
    ensure!(reason(&connack(&broker, home, "ann", "secret of ann").await?) == 0);
    ensure!(reason(&connack(&broker, machine(250), "bob", "secret of bob").await?) == 0);
    // Not from where nobody knows her: that could be the one who guesses.
    let stranger = reason(&connack(&broker, machine(251), "ann", "guess 41").await?);
    ensure!([WRONG, LATER].contains(&stranger), "{stranger:02x}");
    Ok(())
}

#[tokio::test]
async fn many_names_from_one_place() -> Result<()> {
    let directory = Directory::new()?;
    let broker = broker(&directory).await?;
    let (start, mut looked_at) = (Instant::now(), 0);
    for attempt in 0..60 {
        let answer = connack(&broker, machine(1), &format!("name {attempt}"), "123456").await?;
        ensure!(attempt >= FREE_BY_ADDRESS || reason(&answer) == WRONG, "{attempt}: {answer:02x?}");
        looked_at += usize::from(reason(&answer) == WRONG);
    }
    let most = most(FREE_BY_ADDRESS, start);
    ensure!(looked_at > FREE_BY_ADDRESS && looked_at <= most, "{looked_at}, and at most {most}");
    ensure!(reason(&connack(&broker, machine(2), "ann", "secret of ann").await?) == 0);
    Ok(())
}

#[tokio::test]
async fn a_device_with_an_old_password_harms_nobody() -> Result<()> {
    let directory = Directory::new()?;
    let broker = broker(&directory).await?;
    // It never stops trying, and its neighbours come from the same address.
    for _ in 0..100 {
        ensure!(reason(&connack(&broker, machine(1), "ann", "the old one").await?) == WRONG);
    }
    ensure!(reason(&connack(&broker, machine(1), "bob", "secret of bob").await?) == 0);
    ensure!(reason(&connack(&broker, machine(1), "ann", "secret of ann").await?) == 0);
    Ok(())
}
