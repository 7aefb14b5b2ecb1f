use super::*;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
};
use std::fs;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A directory that is gone with the value.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        let path =
            std::env::temp_dir().join(format!("tabmq-tls-{}-{:x}", std::process::id(), fastrand::u64(..)));
        fs::create_dir(&path).unwrap();
        Directory(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A certificate with its key, in files.
struct Pair {
    certificate: PathBuf,
    key: PathBuf,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate for `names` that `authority` has signed.
fn signed(
    directory: &Directory,
    file: &str,
    names: &[&str],
    authority: &Authority,
    change: impl FnOnce(&mut CertificateParams),
) -> Pair {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).unwrap();
    change(&mut params);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    Pair {
        certificate: directory.write(&format!("{file}.pem"), &certificate.pem()),
        key: directory.write(&format!("{file}-key.pem"), &key.serialize_pem()),
    }
}

/// The handshake with a server that shows `server`, over a pipe; then one byte each way.
async fn meet(options: &ClientOptions, host: &str, server: &Pair) -> Result<(), String> {
    let client = options.load().map_err(|error| error.to_string())?;
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(
            pem::certificates(&server.certificate, "--cert").unwrap(),
            pem::private_key(&server.key, "--key").unwrap(),
        )
        .unwrap();
    let (near, far) = tokio::io::duplex(1 << 16);
    let serve = async {
        if let Ok(mut stream) = TlsAcceptor::from(Arc::new(config)).accept(far).await {
            let byte = stream.read_u8().await.unwrap();
            stream.write_u8(byte + 1).await.unwrap();
            stream.flush().await.unwrap();
        }
    };
    let connect = async {
        let mut stream = client.connect(near, host).await?;
        stream.write_u8(1).await.unwrap();
        assert_eq!(stream.read_u8().await.unwrap(), 2);
        Ok(())
    };
    tokio::join!(serve, connect).1
}

fn trusting(file: &Path) -> ClientOptions {
    ClientOptions { ca_file: Some(file.to_owned()), ..ClientOptions::default() }
}

fn insecure(options: ClientOptions) -> ClientOptions {
    ClientOptions { insecure: true, ..options }
}

#[tokio::test]
async fn whom_a_client_trusts() {
    let directory = Directory::new();
    let (ours, theirs) = (authority("ours"), authority("theirs"));
    let ca = trusting(&directory.write("ca.pem", &ours.pem()));
    let good = signed(&directory, "good", &["broker.local", "192.168.1.10", "::1"], &ours, |_| {});
    let foreign = signed(&directory, "foreign", &["broker.local"], &theirs, |_| {});
    let namesake = signed(&directory, "namesake", &["broker.local"], &authority("ours"), |_| {});
    let expired = signed(&directory, "expired", &["broker.local"], &ours, |params| {
        params.not_after = rcgen::date_time_ymd(2020, 1, 1);
    });
    let early = signed(&directory, "early", &["broker.local"], &ours, |params| {
        params.not_before = rcgen::date_time_ymd(2500, 1, 1);
    });
    let nameless = signed(&directory, "nameless", &[], &ours, |_| {});
    let for_clients = signed(&directory, "client", &["broker.local"], &ours, |params| {
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    });
    // Its own authority, as `openssl req -x509` makes them.
    let itself = signed(&directory, "self", &["broker.local"], &theirs, |params| {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    });
    let only_itself = trusting(&itself.certificate);
    let expired_itself = trusting(&expired.certificate);
    let by_directory = ClientOptions { ca_directory: Some(directory.0.clone()), ..ClientOptions::default() };
    let version = |version| ClientOptions { version: Some(version), ..ca.clone() };
    let cases = [
        (&ca, "broker.local", &good, Ok(())),
        (&ca, "192.168.1.10", &good, Ok(())),
        (&ca, "::1", &good, Ok(())),
        (&version(TlsVersion::V1_2), "broker.local", &good, Ok(())),
        (&version(TlsVersion::V1_3), "broker.local", &good, Ok(())),
        (&by_directory, "broker.local", &good, Ok(())),
        (&ca, "other", &good, Err("is not for other, but for broker.local, 192.168.1.10, ::1")),
        (&ca, "broker.local", &nameless, Err("names no host")),
        (&ca, "broker.local", &foreign, Err("is not signed by an authority in")),
        (&ca, "broker.local", &namesake, Err("is not signed by an authority in")),
        (&ca, "broker.local", &expired, Err("has expired")),
        (&ca, "broker.local", &early, Err("not valid yet")),
        (&ca, "broker.local", &for_clients, Err("not one for servers")),
        (&ca, "a b", &good, Err("not a name")),
        (&ClientOptions::default(), "broker.local", &good, Err("--cafile FILE")),
        // What the user has named is trusted as it is, but not for another host, and not for ever.
        (&only_itself, "broker.local", &itself, Ok(())),
        (&only_itself, "other", &itself, Err("is not for other")),
        (&only_itself, "broker.local", &good, Err("is not signed by")),
        (&expired_itself, "broker.local", &expired, Err("has expired")),
        // --insecure
        (&insecure(ca.clone()), "other", &good, Ok(())),
        (&insecure(ca.clone()), "other", &nameless, Ok(())),
        (&insecure(only_itself.clone()), "other", &itself, Ok(())),
        (&insecure(ca.clone()), "broker.local", &foreign, Err("is not signed by")),
        (&insecure(ca.clone()), "other", &expired, Err("has expired")),
        (&insecure(ClientOptions::default()), "other", &foreign, Ok(())),
        (&insecure(ClientOptions::default()), "other", &expired, Ok(())),
    ];
    for (number, (options, host, server, expected)) in cases.into_iter().enumerate() {
        let result = meet(options, host, server).await;
        match (&result, expected) {
            (Ok(()), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.contains(part), "case {number}: {error}"),
            _ => panic!("case {number}: {result:?}, expected {expected:?}"),
        }
    }
}

#[test]
fn files_that_cannot_be_used() {
    let directory = Directory::new();
    let ca = authority("ours");
    let one = signed(&directory, "one", &["a"], &ca, |_| {});
    let two = signed(&directory, "two", &["a"], &ca, |_| {});
    let text = directory.write("text", "hello");
    let torn = directory.write("torn.pem", "-----BEGIN CERTIFICATE-----\nAAAA");
    let nothing =
        directory.write("nothing.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let encrypted = directory.write("encrypted.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n");
    let with = |ca_file: Option<&Path>, certificate: Option<&Path>, key: Option<&Path>| ClientOptions {
        ca_file: ca_file.map(Path::to_owned),
        certificate: certificate.map(Path::to_owned),
        key: key.map(Path::to_owned),
        insecure: ca_file.is_none(), // so that the system's list is not read
        ..ClientOptions::default()
    };
    let (certificate, key) = (Some(&*one.certificate), Some(&*one.key));
    let missing = directory.0.join("missing");
    let cases = [
        (with(Some(&missing), None, None), "missing: cannot be read"),
        (with(Some(&directory.0), None, None), "cannot be read"),
        (with(Some(&text), None, None), "there is no certificate in it"),
        (with(Some(&one.key), None, None), "there is no certificate in it"),
        (with(Some(&torn), None, None), "torn.pem: not a certificate in PEM form"),
        (with(Some(&nothing), None, None), "none of the authorities"),
        (with(None, certificate, None), "--key FILE"),
        (with(None, None, key), "--cert FILE"),
        (with(None, certificate, Some(&text)), "there is no private key in it"),
        (with(None, certificate, certificate), "a certificate in it, and no private key"),
        (with(None, certificate, Some(&encrypted)), "openssl pkey"),
        (with(None, certificate, Some(&two.key)), "does not belong to the certificate"),
        (ClientOptions { ca_directory: Some(missing.clone()), ..ClientOptions::default() }, "--capath"),
    ];
    for (options, part) in cases {
        let error = options.load().unwrap_err().to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    with(None, certificate, key).load().unwrap();
}

#[tokio::test]
async fn a_server_that_speaks_no_tls() {
    let directory = Directory::new();
    let ca = trusting(&directory.write("ca.pem", &authority("ours").pem())).load().unwrap();
    for (answer, part) in
        [(&b"\x20\x02\x00\x05"[..], "mqtt://"), (b"HTTP/1.1 400\r\n\r\n", "mqtt://"), (b"", "TLS port?")]
    {
        let (near, mut far) = tokio::io::duplex(1 << 16);
        far.write_all(answer).await.unwrap();
        far.shutdown().await.unwrap();
        let error = ca.connect(near, "h").await.unwrap_err();
        assert!(error.contains(part), "{answer:?}: {error}");
    }
}
