//! `tabmq acl check`: what would happen, and which rule decides.

use crate::auth::Security;
use crate::auth::rules::Decision;
use crate::broker::{Action, Client, Identity};
use crate::config::settings::Layer;
use crate::config::{Loaded, Settings};
use clap::{Args, Subcommand, ValueEnum};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use tabmq_shared::topic::{TopicFilter, TopicName};

/// `tabmq acl`
#[derive(Args, Debug)]
pub struct AclArgs {
    #[command(subcommand)]
    command: AclCommand,
}

#[derive(Debug, Subcommand)]
enum AclCommand {
    /// Say whether a client may do something, and which rule decides: exit status 0 if it may, 1 if not, 2 for mistakes
    Check(CheckArgs),
}

#[derive(Args, Debug)]
struct CheckArgs {
    /// The user that the client is logged in as; without it, none
    #[arg(short, long, value_name = "NAME")]
    user: Option<String>,
    /// A group of the user, besides those that it has; may be repeated
    #[arg(long, value_name = "GROUP", value_delimiter = ',')]
    group: Vec<String>,
    /// Its client id
    #[arg(short = 'i', long, value_name = "ID", default_value = "")]
    client_id: String,
    /// Where it comes from
    #[arg(long, value_name = "IP", default_value_t = IpAddr::V4(Ipv4Addr::LOCALHOST))]
    address: IpAddr,
    /// What it wants to do
    #[arg(short, long, value_name = "ACTION")]
    action: ActionArg,
    /// Where: a topic, or a filter to subscribe with
    #[arg(short, long, value_name = "TOPIC")]
    topic: String,
    /// The configuration file
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The password file, for the user's groups
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Rules in mosquitto's format
    #[arg(long, value_name = "FILE")]
    acl_file: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum ActionArg {
    Publish,
    Retain,
    Subscribe,
    Receive,
}

impl From<ActionArg> for Action {
    fn from(action: ActionArg) -> Self {
        match action {
            ActionArg::Publish => Action::Publish,
            ActionArg::Retain => Action::Retain,
            ActionArg::Subscribe => Action::Subscribe,
            ActionArg::Receive => Action::Receive,
        }
    }
}

/// Runs `tabmq acl`.
///
/// # Errors
/// Standard output is closed.
pub fn acl(args: AclArgs) -> anyhow::Result<ExitCode> {
    let AclCommand::Check(args) = args.command;
    let (decisions, warnings) = match decide(&args) {
        Ok(decided) => decided,
        Err(error) => {
            writeln!(io::stderr(), "tabmq: {error:#}")?;
            return Ok(ExitCode::from(2));
        }
    };
    for warning in warnings {
        writeln!(io::stderr(), "tabmq: {warning}")?;
    }
    let denied = decisions.iter().find(|(_, decision)| !decision.allowed);
    let (action, decision) = match (denied, decisions.last()) {
        (Some(denied), _) => denied,
        (None, Some(last)) => last,
        (None, None) => return Ok(ExitCode::from(2)),
    };
    let (word, status) = match decision.allowed {
        true => ("allowed", ExitCode::SUCCESS),
        false => ("denied", ExitCode::FAILURE),
    };
    writeln!(io::stdout(), "{word}: {action} {}: {}", args.topic, decision.because)?;
    Ok(status)
}

type Decided = (Vec<(Action, Decision)>, Vec<String>);

/// All that is asked, in order: to retain a message, it must be allowed to be published.
fn decide(args: &CheckArgs) -> anyhow::Result<Decided> {
    let layer = Layer {
        password_file: args.password_file.clone(),
        acl_file: args.acl_file.clone(),
        ..Layer::default()
    };
    let config = Loaded::load(Settings { config: args.config.clone(), layer })?.config;
    let security = Security::load(&config.security)?;
    let topic = check_topic(args)?;
    let mut warnings = Vec::new();
    let identity = identity(args, &security, &mut warnings);
    let client =
        Client { identity: &identity, client_id: &args.client_id, address: args.address.to_canonical() };
    let asked = match args.action {
        ActionArg::Retain => vec![Action::Publish, Action::Retain],
        action => vec![action.into()],
    };
    let rules = security.policy.permits(client);
    let decide = |action| match &rules {
        Some(rules) => rules.decide(action, &topic),
        None => {
            Decision { allowed: true, because: "there are no rules, so everything is allowed".to_owned() }
        }
    };
    Ok((asked.into_iter().map(|action| (action, decide(action))).collect(), warnings))
}

fn check_topic(args: &CheckArgs) -> anyhow::Result<String> {
    let topic = args.topic.as_str();
    if let ActionArg::Subscribe = args.action {
        let filter =
            TopicFilter::new(topic).map_err(|error| anyhow::anyhow!("the filter {topic:?} {error}"))?;
        return Ok(filter.filter().to_owned());
    }
    let name = TopicName::new(topic).map_err(|error| anyhow::anyhow!("the topic {topic:?} {error}"))?;
    Ok(name.as_str().to_owned())
}

fn identity(args: &CheckArgs, security: &Security, warnings: &mut Vec<String>) -> Identity {
    let Some(name) = &args.user else { return Identity::default() };
    let known = security.user(name);
    if known.is_none() {
        warnings.push(format!("there is no user {name:?}; the answer is for one without groups of its own"));
    }
    let given = args.group.iter().map(|group| Arc::from(group.as_str()));
    let groups = known.into_iter().flat_map(|user| user.groups.iter().cloned()).chain(given).collect();
    Identity { user: Some(Arc::from(name.as_str())), groups, ..Identity::default() }
}
