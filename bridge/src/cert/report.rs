//! What is said when the certificates are made: what they are, and what to do next.

use super::files::Output;
use std::fmt;

/// What was made.
#[derive(Debug)]
pub(super) struct Report {
    pub(super) output: Output,
    /// What the broker's certificate is for, the name for others first.
    pub(super) hosts: Vec<String>,
    pub(super) clients: Vec<String>,
    pub(super) revoked: Vec<String>,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for name in &self.output.written {
            writeln!(f, "wrote {}{}", self.output.path(name).display(), self.what(name))?;
        }
        let path = |name: &str| self.output.path(name).display().to_string();
        let host = self.hosts.first().map_or("localhost", String::as_str);
        let shown_host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        if self.output.written.iter().any(|name| name == "server.pem") {
            writeln!(f, "\nStart the broker with them:\n")?;
            writeln!(
                f,
                "  tabmq --mqtts 0.0.0.0:8883 --https 0.0.0.0:8084 --cert {} --key {} --allow-anonymous",
                path("server.pem"),
                path("server-key.pem")
            )?;
            writeln!(f, "\nClients trust it by the authority's certificate:\n")?;
            writeln!(f, "  tabmq pub -h {host} -p 8883 --cafile {} -t a/b -m 1", path("ca.pem"))?;
            writeln!(
                f,
                "\nBrowsers and phones: copy {} to the device and import it as a trusted authority, once. Then open\n\
                 https://{shown_host}:8084/",
                path("ca.pem")
            )?;
        }
        if let Some(client) = self.clients.first() {
            let name = format!("client-{client}");
            writeln!(
                f,
                "\nLet in clients with a certificate only, with these flags more for the broker and the client:\n"
            )?;
            writeln!(f, "  tabmq … --client-ca {}", path("ca.pem"))?;
            writeln!(
                f,
                "  tabmq pub … --cert {} --key {}",
                path(&format!("{name}.pem")),
                path(&format!("{name}-key.pem"))
            )?;
        }
        if !self.revoked.is_empty() {
            writeln!(f, "\nThe broker refuses {} with one flag more:\n", self.revoked.join(", "))?;
            writeln!(f, "  tabmq … --client-ca {} --crl {}", path("ca.pem"), path("revoked.pem"))?;
        }
        Ok(())
    }
}

impl Report {
    fn what(&self, name: &str) -> String {
        match name {
            "ca.pem" => "          the authority: what clients trust".to_owned(),
            "ca-key.pem" => "      its key: who has it can make certificates; keep it secret".to_owned(),
            "server.pem" => format!("      the broker's certificate, for {}", self.hosts.join(", ")),
            _ => String::new(),
        }
    }
}
