//! The table: rule set x client x action x topic.

use super::*;
use crate::auth::RuleTable;
use crate::broker::Identity;
use serde::Deserialize;
use std::net::IpAddr;

#[derive(Deserialize)]
struct Tables {
    rule: Vec<toml::Spanned<RuleTable>>,
}

fn toml_rules(text: &str) -> Policy {
    let file: Arc<str> = "tabmq.toml".into();
    let tables: Tables = toml::from_str(text).unwrap();
    let rules = tables.rule.into_iter().map(|mut rule| {
        let line = text[..rule.span().start].matches('\n').count() + 1;
        assert_eq!(rule.get_ref().mistake(), None);
        rule.get_mut().set_origin(&file, line);
        rule.get_ref().rule()
    });
    Policy::new(rules.collect())
}

fn mosquitto_rules(text: &str) -> Policy {
    Policy::new(mosquitto::parse(text, &"acl".into()).unwrap())
}

fn identity(user: Option<&str>, groups: &[&str]) -> Identity {
    Identity {
        user: user.map(Into::into),
        groups: groups.iter().map(|group| Arc::from(*group)).collect(),
        ..Identity::default()
    }
}

/// `user@group client-id address`; `-` for no user, no group.
fn decide(policy: &Policy, who: &str, action: Action, topic: &str) -> Decision {
    let parts: Vec<&str> = who.split(' ').collect();
    let (user, group) = parts[0].split_once('@').unwrap_or((parts[0], "-"));
    let identity = identity(
        (user != "-").then_some(user),
        if group == "-" { &[] } else { std::slice::from_ref(&group) },
    );
    let client_id = parts.get(1).copied().unwrap_or("c");
    let address = parts.get(2).map_or(IpAddr::from([127, 0, 0, 1]), |address| address.parse().unwrap());
    let client = Client { identity: &identity, client_id, address };
    match policy.permits(client) {
        Some(rules) => rules.decide(action, topic),
        None => Decision { allowed: true, because: "there are no rules".to_owned() },
    }
}

fn check(policy: &Policy, cases: &[(&str, &str, &str, &str)]) {
    for (who, action, topic, expected) in cases {
        let action = Action::ALL.into_iter().find(|known| known.name() == *action).unwrap();
        let Decision { allowed, because } = decide(policy, who, action, topic);
        let (yes, part) = expected.split_once(' ').unwrap();
        assert_eq!(allowed, yes == "yes", "{who} {action} {topic}: {because}");
        assert!(because.ends_with(part), "{who} {action} {topic}: {because}");
    }
}

#[test]
fn without_rules_everything_is_allowed() {
    check(&Policy::default(), &[("-", "publish", "a", "yes rules"), ("u", "subscribe", "#", "yes rules")]);
}

#[test]
fn the_first_rule_decides_and_the_rest_is_denied() {
    let policy = toml_rules(
        r##"[[rule]]
deny = "publish"
topic = "plant/stop"
anyone = true

[[rule]]
allow = ["publish", "subscribe"]
topics = ["plant/#", "$SYS/#"]
group = "staff"

[[rule]]
allow = "all"
topic = "home/%u/#"
anyone = true

[[rule]]
allow = "publish"
topic = "devices/%c/up"
client-id = "dev-*"
address = ["10.0.0.0/8", "2001:db8::/32", "::ffff:192.0.2.9"]

[[rule]]
allow = "receive"
topic = "devices/%c/down"
client-id = "dev-*"

[[rule]]
deny = "retain"
topic = "#"
user = ["eve", "mallory"]

[[rule]]
allow = "all"
topic = "#"
user = ["eve", "admin"]
"##,
    );
    check(
        &policy,
        &[
            // line 1 comes before all
            ("x@staff", "publish", "plant/stop", "no line 1"),
            ("admin", "publish", "plant/stop", "no line 1"),
            ("x@staff", "subscribe", "plant/stop", "yes line 6"),
            ("x@staff", "receive", "plant/stop", "yes line 6"),
            ("x@staff", "publish", "plant/a/b", "yes line 6"),
            ("x@staff", "retain", "plant/a/b", "yes line 6"),
            ("x@staff", "subscribe", "$SYS/#", "yes line 6"),
            ("x@staff", "subscribe", "#", "no denied"),
            ("x@other", "publish", "plant/a", "no denied"),
            ("-", "publish", "plant/a", "no denied"),
            // a user's own topics
            ("ann", "subscribe", "home/ann/+", "yes line 11"),
            ("ann", "publish", "home/bob/x", "no denied"),
            ("-", "publish", "home//x", "no denied"),
            ("+", "subscribe", "home/+/x", "no denied"),
            ("#", "subscribe", "home/#", "no denied"),
            // devices, by client id and address
            ("- dev-1 10.1.2.3", "publish", "devices/dev-1/up", "yes line 16"),
            ("- dev-1 2001:db8::7", "publish", "devices/dev-1/up", "yes line 16"),
            ("- dev-1 192.0.2.1", "publish", "devices/dev-1/up", "no denied"),
            ("- dev-1 10.1.2.3", "publish", "devices/dev-2/up", "no denied"),
            ("- cam-1 10.1.2.3", "publish", "devices/cam-1/up", "no denied"),
            ("- dev-+ 10.1.2.3", "publish", "devices/dev-+/up", "no denied"),
            // what may be received may not be subscribed to by that alone
            ("- dev-1", "receive", "devices/dev-1/down", "yes line 22"),
            ("- dev-1", "subscribe", "devices/dev-1/down", "no denied"),
            // a part that is denied
            ("eve", "publish", "a", "yes line 32"),
            ("eve", "retain", "a", "no line 27"),
            ("mallory", "publish", "a", "no denied"),
            ("admin", "retain", "a", "yes line 32"),
            // [MQTT-4.7.2-1]
            ("admin", "subscribe", "$SYS/#", "no denied"),
            ("admin", "subscribe", "#", "yes line 32"),
        ],
    );
}

#[test]
fn a_part_of_a_subscription_can_be_denied() {
    let policy = toml_rules(
        "[[rule]]\ndeny = 'subscribe'\ntopic = 'secret/#'\nanyone = true\n\
         [[rule]]\nallow = 'subscribe'\ntopic = '#'\nanyone = true\n",
    );
    check(
        &policy,
        &[
            ("-", "subscribe", "#", "yes line 5"),
            ("-", "subscribe", "secret/+/a", "no line 1"),
            ("-", "receive", "secret/x", "no line 1"),
            ("-", "receive", "secrets", "yes line 5"),
        ],
    );
}

#[test]
fn names_with_wildcards_never_widen() {
    let policy = toml_rules(
        "[[rule]]\ndeny = 'all'\ntopic = 'a/%c/private'\nanyone = true\n\
         [[rule]]\nallow = 'all'\ntopic = ['a/%c/#', 'b/#', 'a/+/private']\nanyone = true\n",
    );
    check(
        &policy,
        &[
            ("- x", "publish", "a/x/private", "no line 1"),
            ("- x", "publish", "a/x/y", "yes line 5"),
            ("- x", "publish", "a/z/y", "no denied"),
            ("- x", "publish", "a/z/private", "yes line 5"),
            // what is before the name is denied as a whole
            ("- #", "publish", "a/z/private", "no line 1"),
            ("- x/y", "publish", "a/x/y/private", "no line 1"),
            ("- +", "publish", "b/x", "yes line 5"),
        ],
    );
}

#[test]
fn mosquittos_file() {
    let policy = mosquitto_rules(
        "# for those without a name\n\
         topic read news/#\n\
         \n\
         user ann\n\
         topic readwrite home/#\n\
         topic deny home/safe\n\
         topic write alarm bell\n\
         topic lamp\n\
         user bob\n\
         topic read home/%u/x\n\
         \n\
         pattern write devices/%c/up\n\
         pattern deny devices/+/raw\n\
         pattern read devices/#\n",
    );
    check(
        &policy,
        &[
            ("-", "receive", "news/a", "yes line 2"),
            ("-", "publish", "news/a", "no denied"),
            ("ann", "receive", "news/a", "no denied"),
            ("ann", "publish", "home/a", "yes line 5"),
            ("ann", "retain", "home/a", "yes line 5"),
            // deny counts wherever it stands
            ("ann", "publish", "home/safe", "no line 6"),
            ("ann", "receive", "home/safe", "no line 6"),
            ("ann", "publish", "alarm bell", "yes line 7"),
            ("ann", "receive", "alarm bell", "no denied"),
            ("ann", "receive", "lamp", "yes line 8"),
            ("ann", "publish", "lamp", "yes line 8"),
            // no names in `topic` lines
            ("bob", "receive", "home/%u/x", "yes line 10"),
            ("bob", "receive", "home/bob/x", "no denied"),
            ("bob c", "publish", "devices/c/up", "yes line 12"),
            ("bob d", "publish", "devices/c/up", "no denied"),
            ("bob c", "receive", "devices/c/raw", "no line 13"),
            ("bob c", "receive", "devices/c/up", "yes line 14"),
            // subscriptions that can bring something
            ("ann", "subscribe", "#", "yes line 5"),
            ("ann", "subscribe", "+/safe", "yes line 5"),
            ("-", "subscribe", "news/+", "yes line 2"),
            ("-", "subscribe", "olds/+", "no denied"),
            ("-", "subscribe", "#", "yes line 2"),
        ],
    );
}

#[test]
fn permissions_in_a_token_come_behind_the_rules() {
    let policy = toml_rules("[[rule]]\ndeny = 'publish'\ntopic = 'a/stop'\nanyone = true\n");
    let grants = [("publish", "a/#"), ("subscribe", "b/%u/%c"), ("publish", "broken/#/x")]
        .map(|(word, topic)| Grant { actions: actions_of(word).unwrap(), pattern: topic.to_owned() });
    let identity = Identity { grants: Some(grants.into()), ..identity(Some("ann"), &[]) };
    for policy in [policy, Policy::default()] {
        let client = Client { identity: &identity, client_id: "c", address: [127, 0, 0, 1].into() };
        let rules = policy.permits(client).unwrap();
        let allowed = |action, topic| rules.allows(action, topic);
        assert_eq!(allowed(Action::Publish, "a/stop"), policy.is_empty());
        assert!(allowed(Action::Publish, "a/go") && allowed(Action::Subscribe, "b/ann/c"));
        assert!(!allowed(Action::Publish, "b/ann/c") && !allowed(Action::Receive, "a/go"));
        assert!(rules.because(Action::Publish, "a/go").contains("token"));
    }
}

#[test]
fn globs() {
    let cases = [
        ("a", "a", true),
        ("a", "ab", false),
        ("*", "", true),
        ("a*", "ab", true),
        ("*b", "ab", true),
        ("a*b", "ab", true),
        ("a*b", "a", false),
        ("a*a", "a", false),
        ("a*b*c", "axbxc", true),
        ("a*b*c", "axcxb", false),
        ("**", "x", true),
    ];
    for (glob, text, expected) in cases {
        assert_eq!(matches_glob(glob, text), expected, "{glob} on {text}");
    }
}

#[test]
fn tables_that_make_no_sense_are_refused() {
    let cases = [
        ("topic = 'a'\nanyone = true", "neither allows nor denies"),
        ("allow = 'all'\ndeny = 'all'\ntopic = 'a'\nanyone = true", "both allow and deny"),
        ("allow = 'all'\ntopic = 'a'", "for whom"),
        ("allow = 'all'\ntopic = 'a'\nanyone = true\nuser = 'x'", "leave one of them out"),
        ("allow = 'all'\ntopic = 'a'\nanonymous = true\ngroup = 'x'", "for nobody"),
        ("allow = 'fly'\ntopic = 'a'\nanyone = true", "publish, subscribe, receive, retain, all"),
        ("allow = []\ntopic = 'a'\nanyone = true", "for nobody"),
        ("allow = 'all'\ntopic = 'a/#/b'\nanyone = true", "'#'"),
        ("allow = 'all'\ntopic = 'a'\naddress = '10.0.0.0/99'", "no network"),
        ("allow = 'all'\nanyone = true", "missing field `topic`"),
    ];
    for (text, part) in cases {
        let told = match toml::from_str::<RuleTable>(text) {
            Ok(table) => table.mistake().unwrap(),
            Err(error) => error.message().to_owned(),
        };
        assert!(told.contains(part), "{text}: {told}");
    }
}

/// A connect with many rules in the file costs no more than those that speak of the client.
#[test]
fn rules_of_others_are_not_looked_at() {
    let rules = (0..10_000).map(|n| Rule {
        who: Who { users: Some(vec![format!("u{n}")]), ..Who::default() },
        allow: true,
        actions: Actions::ALL,
        reach: Reach::Covering,
        topics: vec![Pattern::new(&format!("t/{n}/#")).unwrap()],
        origin: Origin { file: "f".into(), line: n + 1 },
    });
    let policy = Policy::new(rules.collect());
    let identity = identity(Some("u77"), &[]);
    let client = Client { identity: &identity, client_id: "c", address: [127, 0, 0, 1].into() };
    assert_eq!(policy.permits(client).unwrap().lines.len(), 1);
    check(&policy, &[("u77", "publish", "t/77/x", "yes line 78"), ("u77", "publish", "t/78/x", "no denied")]);
}
