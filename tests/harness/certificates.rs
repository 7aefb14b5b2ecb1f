//! Certificates for a test, made by `tabmq cert`.

use crate::{Broker, Program, target_directory, unique};
use anyhow::{Context, Result};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair, SanType};
use std::path::{Path, PathBuf};

/// A directory with an authority and what it has signed; gone with the value.
pub struct Certificates(PathBuf);

impl Certificates {
    /// `tabmq cert` with these arguments, in a directory of its own.
    pub async fn make(args: &[&str]) -> Result<Certificates> {
        let name = format!("{}-{}", unique("certificates"), std::process::id());
        let certificates = Certificates(target_directory()?.join(name));
        certificates.more(args).await?;
        Ok(certificates)
    }

    /// `tabmq cert` once more; what it says.
    pub async fn more(&self, args: &[&str]) -> Result<String> {
        let out = self.0.to_string_lossy();
        let mut program = Program::spawn(&mut Broker::command([&["cert", "--out", &out], args].concat())?)?;
        program.success().await?;
        Ok(program.stdout.text())
    }

    /// A file in it, as an argument.
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).to_string_lossy().into_owned()
    }

    pub fn ca(&self) -> String {
        self.path("ca.pem")
    }

    /// The broker's arguments for listeners with TLS.
    pub fn of_broker(&self) -> Vec<String> {
        let (certificate, key) = (self.path("server.pem"), self.path("server-key.pem"));
        let words =
            ["--mqtts", "127.0.0.1:0", "--https", "127.0.0.1:0", "--cert", &certificate, "--key", &key];
        words.map(str::to_owned).to_vec()
    }

    /// The arguments with which clients show the certificate of `client`.
    pub fn of_client(&self, client: &str) -> Vec<String> {
        let (certificate, key) =
            (self.path(&format!("client-{client}.pem")), self.path(&format!("client-{client}-key.pem")));
        ["--cert", &certificate, "--key", &key].map(str::to_owned).to_vec()
    }

    /// Makes a certificate for a client that is valid from the beginning of one year to that of another, with these names
    /// besides.
    pub fn add_client(&self, client: &str, years: (i32, i32), names: &[SanType]) -> Result<()> {
        let read = |name: &str| std::fs::read_to_string(self.0.join(name)).context("no authority");
        let issuer = Issuer::from_ca_cert_pem(&read("ca.pem")?, KeyPair::from_pem(&read("ca-key.pem")?)?)?;
        let mut params = CertificateParams::new(Vec::new())?;
        params.distinguished_name.push(DnType::CommonName, client);
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        params.subject_alt_names = names.to_vec();
        params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
        let key = KeyPair::generate()?;
        std::fs::write(self.path(&format!("client-{client}.pem")), params.signed_by(&key, &issuer)?.pem())?;
        std::fs::write(self.path(&format!("client-{client}-key.pem")), key.serialize_pem())?;
        Ok(())
    }

    /// Puts the broker's certificate and key of `other` in the place of these.
    pub fn take_server_of(&self, other: &Certificates) -> Result<()> {
        for name in ["server-key.pem", "server.pem"] {
            std::fs::copy(other.path(name), self.path(name))?;
        }
        Ok(())
    }

    /// Where all this is.
    pub fn directory(&self) -> &Path {
        &self.0
    }
}

impl Drop for Certificates {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
