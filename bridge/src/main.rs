//! `tabmq`: parse, validate, run.

use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;
use tabmq::cli::{Cli, Command};
use tabmq::config::{Config, Settings};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => serve(cli.settings),
        Some(Command::Serve(settings)) => serve(settings),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tabmq: {error:#}");
        ExitCode::FAILURE
    })
}

fn serve(settings: Settings) -> Result<ExitCode> {
    let config = Config::load(settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(tabmq::serve(&config))?)
}
