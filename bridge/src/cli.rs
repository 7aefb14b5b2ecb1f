//! The command line: one binary, several commands.

use crate::auth::{AclArgs, PasswdArgs, TokenArgs};
use crate::cert::CertArgs;
use crate::client::{BenchArgs, PubArgs, SubArgs};
use crate::config::Settings;
use crate::config::command::ConfigArgs;
use crate::gateway::GatewaySettings;
use clap::{Parser, Subcommand};

/// An MQTT broker that serves its own client page. Without a command it is `tabmq serve`
#[derive(Debug, Parser)]
#[command(name = "tabmq", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
pub struct Cli {
    /// What to do; without it, [`Command::Serve`].
    #[command(subcommand)]
    pub command: Option<Command>,

    /// The flags of `serve`, when the word is left out.
    #[command(flatten)]
    pub settings: Settings,
}

/// What the binary can do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the broker
    Serve(Box<Settings>),
    /// Serve the page and MQTT over WebSocket in front of another broker
    Gateway(Box<GatewaySettings>),
    /// Write, check and translate configuration files
    Config(ConfigArgs),
    /// Publish a message, a file, or every line of standard input
    Pub(Box<PubArgs>),
    /// Print the messages of topics
    Sub(Box<SubArgs>),
    /// Make an authority and certificates for TLS at home or for a first try
    Cert(Box<CertArgs>),
    /// Measure a broker, this or another one: throughput, latency, loss
    Bench(Box<BenchArgs>),
    /// Add, delete and verify users in a password file
    Passwd(Box<PasswdArgs>),
    /// Make tokens for the HTTP API
    Token(Box<TokenArgs>),
    /// Say what the access rules allow
    Acl(Box<AclArgs>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }
}
