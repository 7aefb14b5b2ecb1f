//! `tabmq cert`: an authority of one's own, and certificates that it has signed, for a home or a first try.
//!
//! - `authority`: the certificates. `files`: how they are written. `report`: what is said afterwards.

mod authority;
mod files;
mod report;
#[cfg(test)]
mod tests;

use authority::Authority;
use clap::Args;
use files::{Output, Secrecy};
use report::Report;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::process::ExitCode;

/// Flags of `tabmq cert`.
#[derive(Args, Clone, Debug)]
pub struct CertArgs {
    /// A name or an address by which clients call the broker; may be repeated. This machine's own (localhost) are always
    /// among them [default: the address of this machine in its network]
    #[arg(long, value_name = "NAME", value_parser = host)]
    host: Vec<String>,

    /// Make a certificate for a client as well: NAME is its user name; may be repeated
    #[arg(long, value_name = "NAME", value_parser = client_name)]
    client: Vec<String>,

    /// Revoke the certificate of this client: its number goes into revoked.pem, which is for --crl; may be repeated
    #[arg(long, value_name = "NAME", value_parser = client_name)]
    revoke: Vec<String>,

    /// Where to write the files. An authority that is there is used again
    #[arg(long, value_name = "DIR", default_value = "tabmq-certs")]
    out: PathBuf,

    /// How many days the certificates are valid; some systems take none that are longer
    #[arg(long, value_name = "N", default_value_t = 825, value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,

    /// Replace certificates that are there, but never the authority
    #[arg(long)]
    force: bool,
}

/// Why no certificate was made. `Display` is a sentence that says what to do.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct CertError(String);

/// Makes what `args` ask for, and says what to do with it.
pub fn cert(args: &CertArgs) -> Result<ExitCode, CertError> {
    let report = make(args)?;
    // Nobody may be reading; the files are there nevertheless.
    let _ = write!(io::stdout().lock(), "{report}");
    Ok(ExitCode::SUCCESS)
}

fn make(args: &CertArgs) -> Result<Report, CertError> {
    let mut output = Output::at(&args.out, args.force)?;
    let authority = match output.existing_authority()? {
        Some((certificate, key)) => Authority::load(&certificate, &key)?,
        None => {
            let authority = Authority::make()?;
            output.write("ca-key.pem", authority.key_pem(), Secrecy::Secret)?;
            output.write("ca.pem", authority.certificate_pem(), Secrecy::Public)?;
            authority
        }
    };
    let hosts = hosts(&args.host);
    // Who asks for a client's certificate only, has one for the broker already.
    let server_is_there = output.has("server.pem") && (!args.client.is_empty() || !args.revoke.is_empty());
    if !server_is_there || !args.host.is_empty() {
        let server = authority.server(&hosts, args.days)?;
        output.write_pair("server", &server)?;
    }
    for name in &args.client {
        output.write_pair(&format!("client-{name}"), &authority.client(name, args.days)?)?;
    }
    if !args.revoke.is_empty() {
        let list = revocation_list(&authority, &output, &args.revoke)?;
        output.replace("revoked.pem", &list)?;
    }
    Ok(Report { output, hosts, clients: args.client.clone(), revoked: args.revoke.clone() })
}

/// The old list with the clients in `names` added to it.
fn revocation_list(authority: &Authority, output: &Output, names: &[String]) -> Result<String, CertError> {
    let mut serials = match output.read_if_there("revoked.pem")? {
        Some(list) => authority::revoked_serials(&list)?,
        None => Vec::new(),
    };
    for name in names {
        let file = format!("client-{name}.pem");
        let certificate = output.read_if_there(&file)?.ok_or_else(|| {
            CertError(format!(
                "there is no certificate of '{name}' to revoke: {} is missing",
                output.path(&file).display()
            ))
        })?;
        let serial = authority::serial(&certificate)?;
        if !serials.contains(&serial) {
            serials.push(serial);
        }
    }
    authority.revocation_list(&serials)
}

/// The names that the broker's certificate is for; the first one is what others call it.
fn hosts(given: &[String]) -> Vec<String> {
    let mut hosts = given.to_vec();
    if hosts.is_empty() {
        hosts.extend(own_address().map(|address| address.to_string()));
    }
    let own = [IpAddr::from(Ipv4Addr::LOCALHOST).to_string(), IpAddr::from(Ipv6Addr::LOCALHOST).to_string()];
    for host in std::iter::once("localhost".to_owned()).chain(own) {
        if !hosts.contains(&host) {
            hosts.push(host);
        }
    }
    hosts
}

/// This machine's address in its network. Nothing is sent: a UDP socket only looks up by which way it would be.
fn own_address() -> Option<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((Ipv4Addr::new(192, 0, 2, 1), 9)).ok()?; // RFC 5737: an address for examples
    let ip = socket.local_addr().ok()?.ip();
    (!ip.is_loopback() && !ip.is_unspecified()).then_some(ip)
}

fn host(text: &str) -> Result<String, String> {
    let is_name = |text: &str| {
        let label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        };
        text.len() <= 253 && text.trim_start_matches("*.").split('.').all(label)
    };
    if text.parse::<IpAddr>().is_ok() || is_name(text) {
        return Ok(text.to_ascii_lowercase());
    }
    Err("write a host's name or its address, without scheme and port, such as broker.local or 192.168.1.10"
        .to_owned())
}

/// A client's name becomes part of a file's name.
fn client_name(text: &str) -> Result<String, String> {
    let is_harmless = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '@' | '+');
    match (1..=64).contains(&text.len()) && text.chars().all(is_harmless) && !text.starts_with('.') {
        true => Ok(text.to_owned()),
        false => Err("a client's name is up to 64 letters, digits and - _ . @ +".to_owned()),
    }
}
