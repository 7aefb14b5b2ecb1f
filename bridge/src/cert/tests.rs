use super::*;
use crate::tls::{ClientOptions, Inside, ServerOptions, ServerTls, TlsVersion};
use clap::Parser;
use std::fs;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;

#[derive(Debug, Parser)]
struct Command {
    #[command(flatten)]
    args: CertArgs,
}

/// A directory that is gone with the value.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        Directory(std::env::temp_dir().join(format!(
            "tabmq-cert-{}-{:x}",
            std::process::id(),
            fastrand::u64(..)
        )))
    }

    /// `tabmq cert` there; what it says.
    fn cert(&self, line: &str) -> Result<String, String> {
        let out = self.0.to_string_lossy();
        let words = ["cert", "--out", &out].into_iter().chain(line.split_whitespace());
        let args = Command::try_parse_from(words).map_err(|error| error.to_string())?.args;
        make(&args).map(|report| report.to_string()).map_err(|error| error.to_string())
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// Whether `client` gets in at a broker with these certificates that asks for one.
    async fn gets_in(&self, client: &str, host: &str, crl: bool) -> Result<(), String> {
        let server = ServerTls::load(ServerOptions {
            certificate: self.0.join("server.pem"),
            key: self.0.join("server-key.pem"),
            client_ca: Some(self.0.join("ca.pem")),
            client_certificate_is_optional: false,
            revocation_list: crl.then(|| self.0.join("revoked.pem")),
            min_version: TlsVersion::V1_2,
        });
        let client = ClientOptions {
            ca_file: Some(self.0.join("ca.pem")),
            certificate: Some(self.0.join(format!("client-{client}.pem"))),
            key: Some(self.0.join(format!("client-{client}-key.pem"))),
            ..ClientOptions::default()
        };
        let acceptor = TlsAcceptor::from(server.map_err(|error| error.to_string())?.config(Inside::Mqtt));
        let connector = client.load().map_err(|error| error.to_string())?;
        let (near, far) = tokio::io::duplex(1 << 16);
        let serve = async {
            let mut stream =
                acceptor.accept(far).await.map_err(|error| crate::tls::refused_client(&error))?;
            stream.write_u8(7).await.unwrap();
            stream.flush().await.unwrap();
            Ok(())
        };
        let connect = async {
            let mut stream = connector.connect(near, host).await?;
            stream.read_u8().await.map_err(|error| error.to_string())
        };
        let (served, _) = tokio::join!(serve, connect);
        served
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[tokio::test]
async fn what_is_made_works() {
    let directory = Directory::new();
    let said = directory.cert("--host broker.local --host 192.168.1.10 --client alice").unwrap();
    for part in
        ["ca.pem", "tabmq --mqtts", "-h broker.local", "https://broker.local:8084/", "client-alice.pem"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    for host in ["broker.local", "192.168.1.10", "localhost", "127.0.0.1", "::1"] {
        assert_eq!(directory.gets_in("alice", host, false).await, Ok(()), "{host}");
    }
    assert!(directory.gets_in("alice", "other", false).await.is_err());
    let certificate = directory.read("client-alice.pem");
    let der = x509_parser::pem::parse_x509_pem(certificate.as_bytes()).unwrap().1.contents;
    let identity = crate::tls::identity(&der, crate::tls::UserFrom::Cn).unwrap();
    assert_eq!((identity.user.as_deref(), identity.subject.as_str()), (Some("alice"), "CN=alice"));
}

#[tokio::test]
async fn the_authority_stays_and_more_clients_come_and_go() {
    let directory = Directory::new();
    directory.cert("--client alice").unwrap();
    let (authority, server) = (directory.read("ca.pem"), directory.read("server.pem"));
    directory.cert("--client bob --client carol").unwrap();
    assert_eq!((directory.read("ca.pem"), directory.read("server.pem")), (authority, server));
    let said = directory.cert("--revoke alice").unwrap();
    assert!(said.contains("--crl"), "{said}");
    directory.cert("--revoke bob --revoke alice").unwrap();
    for (name, expected) in
        [("alice", Some("has been revoked")), ("bob", Some("has been revoked")), ("carol", None)]
    {
        assert_eq!(directory.gets_in(name, "localhost", false).await, Ok(()), "{name}");
        let result = directory.gets_in(name, "localhost", true).await;
        assert_eq!(result.as_ref().err().is_some(), expected.is_some(), "{name}: {result:?}");
        assert!(expected.is_none_or(|part| result.is_err_and(|error| error.contains(part))), "{name}");
    }
}

#[test]
fn nothing_is_overwritten_without_being_told() {
    let directory = Directory::new();
    directory.cert("").unwrap();
    let (authority, server) = (directory.read("ca.pem"), directory.read("server.pem"));
    let error = directory.cert("").unwrap_err();
    assert!(error.contains("server-key.pem") || error.contains("server.pem"), "{error}");
    assert!(error.contains("--force"), "{error}");
    assert_eq!(directory.read("server.pem"), server);
    directory.cert("--force").unwrap();
    assert_ne!(directory.read("server.pem"), server);
    assert_eq!(directory.read("ca.pem"), authority);
    // Half an authority is worse than none.
    fs::remove_file(directory.0.join("ca-key.pem")).unwrap();
    assert!(directory.cert("--force").unwrap_err().contains("bring it back"));
    assert_eq!(directory.read("ca.pem"), authority);
}

#[cfg(unix)]
#[test]
fn keys_are_for_their_owner() {
    use std::os::unix::fs::PermissionsExt;
    let directory = Directory::new();
    directory.cert("--client alice").unwrap();
    directory.cert("--client alice --host a --force").unwrap();
    let mode = |name: &str| fs::metadata(directory.0.join(name)).unwrap().permissions().mode() & 0o777;
    for name in ["ca-key.pem", "server-key.pem", "client-alice-key.pem"] {
        assert_eq!(mode(name), 0o600, "{name}");
    }
    assert_eq!(mode("ca.pem") & 0o222, 0o200);
    assert_eq!(fs::read_dir(&directory.0).unwrap().count(), 6); // nothing is left beside
}

#[test]
fn errors_say_what_to_do() {
    let directory = Directory::new();
    for (line, part) in [
        ("--host http://a", "without scheme and port"),
        ("--host a:1883", "without scheme and port"),
        ("--host ../x", "without scheme and port"),
        ("--client ../x", "letters, digits"),
        ("--client a/b", "letters, digits"),
        ("--client .a", "letters, digits"),
        ("--days 0", "1..=3650"),
        ("--revoke nobody", "client-nobody.pem is missing"),
    ] {
        let error = directory.cert(line).unwrap_err();
        assert!(error.contains(part), "{line}: {error}");
    }
}
