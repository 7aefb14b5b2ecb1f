//! What the flags mean.

use super::*;
use clap::Parser;

#[derive(Debug, Parser)]
struct Pub {
    #[command(flatten)]
    args: PubArgs,
}

#[derive(Debug, Parser)]
struct Sub {
    #[command(flatten)]
    args: SubArgs,
}

fn words(line: &str) -> impl Iterator<Item = String> {
    format!("tabmq {line}").split_whitespace().map(str::to_owned).collect::<Vec<_>>().into_iter()
}

fn publish(line: &str) -> Result<(Session, Message), String> {
    let args = Pub::try_parse_from(words(line)).map_err(|error| error.to_string())?.args;
    args.session().map_err(|failure| failure.to_string())
}

fn subscribe(line: &str) -> Result<(Session, Vec<Subscription>), String> {
    let args = Sub::try_parse_from(words(line)).map_err(|error| error.to_string())?.args;
    args.session().map_err(|failure| failure.to_string())
}

#[test]
fn flags_of_mosquitto_mean_the_same() {
    let line = "-h ::1 -p 7 -t a/b -m x -q 2 -r -i me -u user -P pw -V mqttv311 -k 5 -c -M 3 --will-topic w \
                --will-payload gone --will-qos 1 --will-retain";
    let (session, message) = publish(line).unwrap();
    assert_eq!(session.route.target, Target::tcp("::1", 7));
    assert_eq!((message.topic.as_str(), message.qos, message.retain), ("a/b", QoS::ExactlyOnce, true));
    let options = session.options;
    assert_eq!((&*options.client_id, options.version, options.keep_alive_s), ("me", Version::V311, 5));
    assert_eq!((options.clean_start, options.max_in_flight), (false, 3));
    assert_eq!(options.username.as_deref(), Some("user"));
    assert_eq!(options.password.as_deref(), Some(&b"pw"[..]));
    assert_eq!(options.properties.session_expiry_s, Some(u32::MAX));
    let will = options.will.unwrap();
    assert_eq!(
        (&*will.topic, &*will.payload, will.qos, will.retain),
        ("w", &b"gone"[..], QoS::AtLeastOnce, true)
    );

    let (session, subscriptions) = subscribe("-t a/# -t b/+ -q 1 -v -C 3 -W 2.5 -x 60 -T c").unwrap();
    assert_eq!(session.route.target, Target::tcp("localhost", 1883));
    let filters: Vec<_> = subscriptions.iter().map(|subscription| subscription.filter.as_str()).collect();
    assert_eq!(filters, ["a/#", "b/+"]);
    assert!(session.options.clean_start && session.options.client_id.starts_with("tabmq-sub-"));
    assert!(session.options.client_id.len() <= 23);
    assert_eq!(session.options.properties.session_expiry_s, Some(60));
}

#[test]
fn urls_give_address_user_and_topic() {
    let (session, message) = publish("-L mqtt://u:p@h:7/a/b -n").unwrap();
    assert_eq!((session.route.target.to_string(), message.topic.as_str()), ("h:7".into(), "a/b"));
    assert_eq!(session.options.username.as_deref(), Some("u"));
    let (session, message) = publish("-L ws://h:8083/x -t t -m 1 -u other").unwrap();
    assert_eq!((session.route.target.to_string(), message.topic.as_str()), ("h:8083".into(), "t"));
    assert_eq!(session.options.username.as_deref(), Some("other"));
    assert_eq!(subscribe("-L mqtt://h/a/# -t b").unwrap().1.len(), 2);
}

#[test]
fn a_password_that_is_spoken_of_is_not_sent() {
    let line = "-t a -n -L mqtt://u:secret@h --auth-method scram-sha-256";
    let (session, _) = publish(line).unwrap();
    assert_eq!((session.options.username.as_deref(), session.options.password), (None, None));
    assert!(session.authentication.is_some_and(|method| !format!("{method:?}").contains("secret")));
}

#[test]
fn values_may_look_like_flags() {
    assert_eq!(Pub::try_parse_from(words("-t a -m -5")).unwrap().args.message.as_deref(), Some("-5"));
    assert_eq!(publish("-t a -n -x -1").unwrap().0.options.properties.session_expiry_s, Some(u32::MAX));
    let line = "-D publish user-property k v -D publish content-type c -t a -n";
    let properties = publish(line).unwrap().1.properties.unwrap();
    assert_eq!(properties.user, [("k".into(), "v".into())]);
    assert_eq!(properties.content_type.as_deref(), Some("c"));
}

fn replay(line: &str) -> Result<replay::Options, String> {
    let args = Pub::try_parse_from(words(line)).map_err(|error| error.to_string())?.args;
    assert!(args.replays(), "{line}");
    args.replay().map(|(_, options)| options).map_err(|failure| failure.to_string())
}

#[test]
fn a_file_of_messages_is_replayed() {
    let as_it_was = replay::Options { speed: 100, from: String::new(), to: String::new(), retain: false };
    for line in ["-f day.jsonl", "-f day.csv", "-f day --format jsonl", "-s --format csv", "-f x --speed 1"] {
        assert_eq!(replay(line), Ok(as_it_was.clone()), "{line}");
    }
    let other = replay("-f day --speed 0.5 --prefix copy/ -r").unwrap();
    assert_eq!((other.speed, other.to.as_str(), other.retain), (50, "copy/", true));
    assert_eq!(replay("-f day --speed 0").unwrap().speed, 0);
    // With a topic, it is a payload like any other.
    let args = Pub::try_parse_from(words("-t a -f day.jsonl")).unwrap().args;
    assert!(!args.replays() && args.session().is_ok());
    let cases = [
        (replay("-f day.jsonl -q 1"), "leave -q out"),
        (replay("-f day --format jsonl -t a"), "--prefix PREFIX"),
        (replay("-m x --format jsonl"), "-f FILE"),
        (replay("-f day.jsonl --repeat 2"), "--repeat"),
        (replay("-f day.jsonl -D publish content-type c"), "-D publish"),
        (replay("-f day --speed=-1"), "--speed"),
        (replay("-f day --speed fast"), "0 for as fast as possible"),
    ];
    for (result, part) in cases {
        let error = result.unwrap_err();
        assert!(error.contains(part), "{part}: {error}");
    }
    assert!(subscribe("-t a --format jsonl -v").err().unwrap().contains("cannot be used with"));
    assert!(subscribe("-t a --format jsonl").is_ok());
}

#[test]
fn errors_say_what_to_do() {
    let cases = [
        (publish("-m x").err(), "-t TOPIC"),
        (publish("-t a").err(), "required"),
        (publish("-t a -m x -n").err(), "cannot be used with"),
        (publish("-t a/# -n").err(), "wildcards are for subscribing only"),
        (publish("-t a -n -q 3").err(), "only 0, 1 and 2"),
        (publish("-t a -n -c").err(), "-i ID"),
        (publish("-t a -n --will-topic #").err(), "the will's topic '#'"),
        (publish("-t a -n -L mqtt://h --insecure").err(), "write mqtts://"),
        (publish("-t a -n -L ws://h --cert x --key y").err(), "write wss://"),
        (publish("-t a -n --cert x").err(), "--key"),
        (publish("-t a -n --tls-version 1.1").err(), "possible values: 1.2, 1.3"),
        (publish("-t a -n --cafile /nowhere").err(), "--cafile /nowhere: cannot be read"),
        (publish("-t a -n -L mqtt://h -h x").err(), "cannot be used with"),
        (publish("-t a -n -D publish colour red").err(), "colour"),
        (publish("-t a -n --auth-method PLAIN -u a -P b").err(), "possible values: SCRAM-SHA-256"),
        (publish("-t a -n --auth-method SCRAM-SHA-256 -u a").err(), "-P PASSWORD"),
        (publish("-t a -n --auth-method SCRAM-SHA-256 -u a -P b -V 311").err(), "leave -V out"),
        (subscribe("").err(), "-t FILTER"),
        (subscribe("-t a#").err(), "the filter 'a#' has a '#'"),
        (subscribe("-t a -F %z").err(), "%z"),
    ];
    for (error, part) in cases {
        let error = error.unwrap();
        assert!(error.contains(part), "{part}: {error}");
    }
}
