//! `tabmq`: parse, validate, run.

use anyhow::Result;
use clap::Parser;
use std::process::ExitCode;
use tabmq::auth;
use tabmq::cli::{Cli, Command};
use tabmq::client;
use tabmq::config::{Loaded, Settings, command};
use tabmq::gateway::GatewaySettings;
use tokio::runtime::Builder;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match cli.command {
        None => serve(cli.settings),
        Some(Command::Serve(settings)) => serve(*settings),
        Some(Command::Gateway(settings)) => gateway(*settings),
        Some(Command::Pub(args)) => client(client::publish(*args)),
        Some(Command::Sub(args)) => client(client::subscribe(*args)),
        Some(Command::Config(args)) => command::run(&args).map_err(Into::into),
        Some(Command::Cert(args)) => tabmq::cert::cert(&args).map_err(Into::into),
        Some(Command::Bench(args)) => client::bench(&args).map_err(Into::into),
        Some(Command::Passwd(args)) => auth::passwd(*args),
        Some(Command::Token(args)) => auth::token(*args),
        Some(Command::Acl(args)) => auth::acl(*args),
    };
    result.unwrap_or_else(|error| {
        eprintln!("tabmq: {error:#}");
        ExitCode::FAILURE
    })
}

fn serve(settings: Settings) -> Result<ExitCode> {
    let loaded = Loaded::load(settings.clone())?;
    // For the page, the API and the clock; connections have threads of their own.
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(tabmq::serve(loaded, &settings))?)
}

fn gateway(settings: GatewaySettings) -> Result<ExitCode> {
    let config = settings.load()?;
    let runtime = Builder::new_multi_thread().enable_all().build()?;
    Ok(runtime.block_on(tabmq::serve_gateway(&config))?)
}

/// One connection needs one thread.
fn client(command: impl Future<Output = Result<ExitCode, client::Failure>>) -> Result<ExitCode> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(command)?)
}
