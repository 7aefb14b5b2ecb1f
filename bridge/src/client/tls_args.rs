//! The flags of TLS, which all commands have.

use super::Failure;
use super::target::{Target, Way};
use super::transport::Route;
use crate::tls::{ClientOptions, TlsVersion};
use clap::Args;
use std::path::PathBuf;

/// Flags of TLS. Each of them, but for the last two, says that there is TLS.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "TLS (also by mqtts://, wss:// and port 8883)")]
pub(crate) struct TlsArgs {
    /// Trust servers whose certificate an authority in this file has signed, and no others [default: the authorities
    /// that the system trusts]
    #[arg(long, value_name = "FILE")]
    cafile: Option<PathBuf>,

    /// And those in the files of this directory
    #[arg(long, value_name = "DIR")]
    capath: Option<PathBuf>,

    /// Trust the authorities that the system trusts: the default, where there is TLS
    #[arg(long, conflicts_with_all = ["cafile", "capath"])]
    tls_use_os_certs: bool,

    /// This client's certificate, if the server asks for one
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,

    /// Its private key
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,

    /// With --cafile: do not check whether the certificate is for this host. Without: do not check it at all, so that
    /// anybody on the way can read and change everything
    #[arg(long)]
    insecure: bool,

    /// Speak this version of TLS only [default: the better one that the server speaks]
    #[arg(long, value_name = "VERSION")]
    tls_version: Option<TlsVersion>,

    /// Name the protocol inside (ALPN), as some services want it
    #[arg(long, value_name = "NAME")]
    tls_alpn: Option<String>,
}

impl TlsArgs {
    /// Whether a flag says that there is TLS.
    pub(crate) fn are_given(&self) -> bool {
        self.tls_use_os_certs
            || self.insecure
            || [&self.cafile, &self.capath, &self.cert].iter().any(|file| file.is_some())
    }

    /// How to get to `target`. Reads the files that are named.
    pub(crate) fn route(&self, target: Target) -> Result<Route, Failure> {
        if !target.secure {
            return match self.are_given() {
                false => Ok(Route::new(target, None)),
                true => Err(Failure::new(format!(
                    "the flags say TLS and the URL does not: write {}://",
                    if target.way == Way::Tcp { "mqtts" } else { "wss" }
                ))),
            };
        }
        let tls = self.options().load().map_err(|error| Failure::new(error.to_string()))?;
        Ok(Route::new(target, Some(tls)))
    }

    fn options(&self) -> ClientOptions {
        ClientOptions {
            ca_file: self.cafile.clone(),
            ca_directory: self.capath.clone(),
            certificate: self.cert.clone(),
            key: self.key.clone(),
            insecure: self.insecure,
            version: self.tls_version,
            alpn: self.tls_alpn.iter().cloned().collect(),
        }
    }
}
