use super::*;
use clap::{Args as _, FromArgMatches as _};

/// Flags, variables, the file, and a part of the error.
type Mistake<'a> = (&'a [&'a str], &'a [(&'a str, &'a str)], Option<&'a str>, &'a str);

/// What flags, environment and file make together; the error as it is shown.
fn load(flags: &[&str], variables: &[(&str, &str)], file: Option<&str>) -> Result<Config, String> {
    let command = Settings::augment_args(clap::Command::new("tabmq").no_binary_name(true));
    let matches = command.try_get_matches_from(flags).map_err(|error| error.to_string())?;
    let mut flags = Settings::from_arg_matches(&matches).unwrap();
    let path = std::env::temp_dir().join(format!(
        "tabmq-config-{}-{:x}.toml",
        std::process::id(),
        fastrand::u64(..)
    ));
    if let Some(file) = file {
        std::fs::write(&path, file).unwrap();
        flags.config = Some(path.clone());
    }
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let loaded = Loaded::from_sources(flags, variables).map_err(|error| error.to_string());
    let config = loaded.map(|loaded| loaded.config);
    if file.is_some() {
        std::fs::remove_file(path).unwrap();
    }
    config
}

#[test]
fn nothing_set_is_the_default() {
    assert_eq!(load(&[], &[], None).unwrap(), Config::default());
    assert_eq!(load(&["--data", "none"], &[], None).unwrap(), Config::default());
    assert_eq!(
        load(&[], &[("TABMQ_LOG", ""), ("TABMQ_PAGE_DIR", "x"), ("LOG", "x")], None).unwrap(),
        Config::default()
    );
}

#[test]
fn flag_beats_environment_beats_file() {
    let check = |flags: &[&str], variables: &[(&str, &str)], file: &str, expected: u16| {
        let config = load(flags, variables, Some(file)).unwrap();
        assert_eq!(
            config.http.map(|address| address.port()),
            Some(expected),
            "{flags:?} {variables:?} {file}"
        );
    };
    let (flag, variable, file) =
        (["--http", "127.0.0.1:1"], [("TABMQ_HTTP", "127.0.0.1:2")], "http = '127.0.0.1:3'");
    check(&flag, &variable, file, 1);
    check(&[], &variable, file, 2);
    check(&[], &[], file, 3);
    check(&[], &[], "", HTTP_PORT);
}

#[test]
fn values_arrive() {
    let flags = [
        "--mqtt=127.0.0.1:1",
        "--mqtt",
        "[::1]:2",
        "--http=none",
        "--log=debug",
        "--log-format=json",
        "--max-packet-size=1MiB",
        "--max-session-expiry=1h",
        "--server-keep-alive=30",
        "--allow-origin=HTTPS://A.b/",
    ];
    let config = load(&flags, &[("TABMQ_OUTBOX_BYTES", "1k")], Some("queue-messages = 7")).unwrap();
    assert_eq!(config.mqtt, ["127.0.0.1:1".parse().unwrap(), "[::1]:2".parse().unwrap()]);
    assert_eq!(config.http, None);
    assert_eq!((config.log, config.log_format), (LogLevel::Debug, LogFormat::Json));
    assert_eq!(config.allow_origins, ["https://a.b"]);
    let broker = BrokerConfig {
        max_packet_size: 1 << 20,
        max_session_expiry_s: 3600,
        server_keep_alive_s: Some(30),
        outbox_bytes: 1024,
        queue_messages: 7,
        message_events: true,
        ..BrokerConfig::default()
    };
    assert_eq!(config.broker, broker);
    let config = load(&[], &[("TABMQ_MQTT", "127.0.0.1:5,127.0.0.1:6")], None).unwrap();
    assert_eq!(config.mqtt.len(), 2);
}

#[test]
fn strangers_need_permission() {
    for address in ["127.0.0.1:0", "127.9.9.9:0", "[::1]:0", "[::ffff:127.0.0.1]:0"] {
        assert!(load(&["--mqtt", address], &[], None).is_ok(), "{address}");
    }
    for address in ["0.0.0.0:1", "[::]:1", "192.168.1.1:1", "[::ffff:10.0.0.1]:1"] {
        for flag in ["--mqtt", "--http"] {
            let error = load(&[flag, address], &[], None).unwrap_err();
            assert!(error.contains("--allow-anonymous") && error.contains(address), "{error}");
            assert!(load(&[flag, address, "--allow-anonymous"], &[], None).is_ok());
            assert!(load(&[flag, address], &[("TABMQ_ALLOW_ANONYMOUS", "true")], None).is_ok());
            assert!(
                load(&[flag, address, "--allow-anonymous=false"], &[], Some("allow-anonymous = true"))
                    .is_err()
            );
        }
    }
}

#[test]
fn errors_say_what_to_do() {
    let cases: [Mistake<'_>; 11] = [
        (&["--mqtt", "1883"], &[], None, "write IP:PORT"),
        (&[], &[("TABMQ_HTTP", "x")], None, "the environment variable TABMQ_HTTP: invalid value 'x'"),
        (&[], &[("TABMQ_LOG", "loud")], None, "[possible values: error, warn, info, debug, trace]"),
        (&[], &[], Some("htttp = 1"), ".toml:1:1: there is no setting 'htttp'; did you mean 'http'?"),
        (
            &["--config", "/nonexistent.toml"],
            &[],
            None,
            "cannot read the configuration file /nonexistent.toml",
        ),
        (&["--data", "dir"], &[], None, "say --data none"),
        (&["--mqtt=none", "--http=none"], &[], None, "nothing to listen on"),
        (&["--max-packet-size=1"], &[], None, "between 1024 and 268435460"),
        (&["--max-packet-size=1GiB"], &[], None, "between 1024 and 268435460"),
        (&["--receive-maximum=0"], &[], None, "at least 1"),
        (&["--allow-origin=example.org"], &[], None, "https://example.org"),
    ];
    for (flags, variables, file, part) in cases {
        let error = load(flags, variables, file).unwrap_err();
        assert!(error.contains(part), "{error}");
    }
}

#[test]
fn help_tells_the_true_defaults() {
    let defaults = Layer::defaults();
    assert_ne!(defaults, Layer::default(), "the help has none");
    assert_eq!(Config::validate(defaults, Tables::default()).unwrap(), Config::default());
}
