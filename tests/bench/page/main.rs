//! `cargo xtask bench page`: how much the page takes, in Chromium, and whether it stays alive meanwhile.
//!
//! Three things take turns in the same run: the bare WebSocket, which is the limit; MQTT.js and our client, in one page;
//! and the whole page, with its state and its picture. What they are sent is prepared beforehand. Progress goes to standard
//! error, the tables to standard output.
//!
//! In reading order: [`server`] (what is sent), [`clients`] (messages a second), [`whole`] (the page: frames, memory,
//! charts), [`report`] (the tables).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a program for developers: it may fail, and it prints"
)]

mod clients;
mod report;
mod server;
mod whole;

use anyhow::{Context, Result, bail};
use harness::browser_test;
use report::Figures;
use server::Server;

/// Packets in each WebSocket frame.
pub(crate) const PER_FRAME: [usize; 4] = [1, 10, 50, 500];

/// How much is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// So many measurements of rates and charts; the tables have the medians.
    pub(crate) rounds: usize,
    /// How long one of messages a second takes.
    pub(crate) seconds: f64,
    /// How long frames are watched.
    pub(crate) frame_seconds: f64,
    /// Messages after which memory is read.
    pub(crate) messages: u64,
    pub(crate) parts: Parts,
}

/// Which of the tables.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parts {
    rates: bool,
    frames: bool,
    memory: bool,
    charts: bool,
    tree: bool,
}

fn main() -> Result<()> {
    let options = options(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let figures = runtime.block_on(measure(options))?;
    println!("{}", report::markdown(&figures, options));
    Ok(())
}

fn options(args: impl Iterator<Item = String>) -> Result<Options> {
    let all = Parts { rates: true, frames: true, memory: true, charts: true, tree: true };
    let mut options =
        Options { rounds: 3, seconds: 2.0, frame_seconds: 30.0, messages: 1_000_000, parts: all };
    let mut args = args;
    while let Some(arg) = args.next() {
        let mut number = || args.next().context("a number is missing")?.parse::<f64>().context(arg.clone());
        match arg.as_str() {
            "--rounds" => options.rounds = number()? as usize,
            "--seconds" => options.seconds = number()?,
            "--frame-seconds" => options.frame_seconds = number()?,
            "--only" => {
                let part = args.next().context("--only needs rates, frames, memory, charts or tree")?;
                let is = |name| part == name;
                options.parts = Parts {
                    rates: is("rates"),
                    frames: is("frames"),
                    memory: is("memory"),
                    charts: is("charts"),
                    tree: is("tree"),
                };
            }
            "--bench" => {} // cargo's own
            other => bail!("the benchmark knows no argument '{other}'"),
        }
    }
    Ok(options)
}

/// Everything, in rounds, so that whatever else the machine does meets all of them.
async fn measure(options: Options) -> Result<Figures> {
    let mut figures = Figures::default();
    let server = Server::start().await?;
    let files = clients::files().await?;
    browser_test("bench_page", async |broker, browser| {
        figures.browser = whole::browser_version(browser, broker).await?;
        for round in 1..=options.rounds {
            if options.parts.rates {
                for (index, per_frame) in PER_FRAME.into_iter().enumerate() {
                    let mut rates = clients::measure(browser, &files, &server, per_frame, options).await?;
                    rates.push(whole::rate(browser, broker, &server, per_frame, options).await?);
                    eprintln!("round {round}  {per_frame:>3} packets a frame  {rates:?}");
                    figures.rates[index].push(rates);
                }
            }
            // Once: they are watched for so long that nothing is left to chance.
            if options.parts.frames && round == 1 {
                for (index, rate) in whole::RATES.into_iter().enumerate() {
                    let frames = whole::frames(browser, broker, &server, rate, options).await?;
                    eprintln!("round {round}  {rate} messages/s  {frames:?}");
                    figures.frames[index].push(frames);
                }
            }
            if options.parts.charts {
                let frames = whole::charts(browser, broker, &server, options).await?;
                eprintln!("round {round}  charts  {frames:?}");
                figures.charts.push(frames);
            }
        }
        if options.parts.tree {
            let frames = whole::tree(browser, broker, &server, options).await?;
            eprintln!("tree  {frames:?}");
            figures.tree.push(frames);
        }
        if options.parts.memory {
            let memory = whole::memory(browser, broker, &server, options).await?;
            eprintln!("memory  {memory:?}");
            figures.memory = Some(memory);
        }
        Ok(())
    })
    .await?;
    Ok(figures)
}
