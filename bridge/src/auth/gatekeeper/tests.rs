//! At the door.

use super::*;
use crate::auth::UserTable;
use crate::broker::{Access, ClientCertificate, TransportKind};
use tabmq_shared::packet::{ConnectProperties, Version};

fn users(text: &str) -> SecuritySettings {
    #[derive(serde::Deserialize)]
    struct Tables {
        user: Vec<UserTable>,
    }
    let tables: Tables = toml::from_str(text).unwrap();
    SecuritySettings { users: tables.user, ..SecuritySettings::default() }
}

const ADMIN: &str =
    "[[user]]\nname = 'admin'\npassword = '123456'\ngroups = ['ops', 'night']\nrole = 'admin'\n";

fn gatekeeper(settings: &SecuritySettings) -> Arc<Gatekeeper> {
    Gatekeeper::new(Security::load(settings).unwrap()).unwrap()
}

fn peer(last: u8) -> Peer {
    Peer::new(([192, 0, 2, last], 1).into(), TransportKind::Tcp)
}

fn connect(username: Option<&str>, password: Option<&str>) -> Connect {
    Connect {
        version: Version::V5,
        is_bridge: false,
        clean_start: true,
        keep_alive_s: 0,
        client_id: "c".into(),
        will: None,
        username: username.map(Into::into),
        password: password.map(|password| Bytes::copy_from_slice(password.as_bytes())),
        properties: ConnectProperties::default(),
    }
}

async fn refusal(gatekeeper: &Gatekeeper, name: Option<&str>, password: Option<&str>) -> Option<Refusal> {
    gatekeeper.authenticate(&connect(name, password), &peer(1)).await.err()
}

#[tokio::test]
async fn users_and_passwords() {
    let settings = users(ADMIN);
    let gatekeeper = gatekeeper(&settings);
    let identity = gatekeeper.authenticate(&connect(Some("admin"), Some("123456")), &peer(1)).await.unwrap();
    assert_eq!(identity.user.as_deref(), Some("admin"));
    assert_eq!(identity.groups.len(), 2);
    let cases = [
        (
            Some("admin"),
            Some("1234567"),
            ReasonCode::BadUserNameOrPassword,
            "wrong password for user \"admin\"",
        ),
        (Some("admim"), Some("123456"), ReasonCode::BadUserNameOrPassword, "no user \"admim\""),
        (Some("admin"), None, ReasonCode::BadUserNameOrPassword, "without password"),
        (None, Some("123456"), ReasonCode::BadUserNameOrPassword, "without user name"),
        (None, None, ReasonCode::NotAuthorized, "no user name and no password"),
    ];
    for (name, password, reason, why) in cases {
        let refusal = refusal(&gatekeeper, name, password).await.unwrap();
        assert_eq!(refusal.reason, reason, "{name:?} {password:?}");
        assert!(refusal.why.contains(why), "{refusal:?}");
    }
    assert_eq!(gatekeeper.counters().failures, 2);
}

#[tokio::test]
async fn strangers_come_in_only_where_that_was_said() {
    let nobody = gatekeeper(&SecuritySettings::default());
    assert_eq!(refusal(&nobody, None, None).await, None);
    // A name that nobody checks does not count.
    let identity = nobody.authenticate(&connect(Some("admin"), Some("x")), &peer(1)).await.unwrap();
    assert_eq!(identity, Identity::default());
    let open = gatekeeper(&SecuritySettings { allow_anonymous: true, ..users(ADMIN) });
    assert_eq!(refusal(&open, None, None).await, None);
    // Who says a name has to prove it.
    assert!(refusal(&open, Some("admin"), Some("1")).await.is_some());
}

#[tokio::test]
async fn brute_force_is_slowed() {
    let gatekeeper = gatekeeper(&users(ADMIN));
    let mut looked_at = 0;
    for attempt in 0..100 {
        match refusal(&gatekeeper, Some("admin"), Some(&format!("guess {attempt}"))).await.unwrap().reason {
            ReasonCode::BadUserNameOrPassword => looked_at += 1,
            ReasonCode::ConnectionRateExceeded => {}
            other => panic!("{other}"),
        }
    }
    assert!((5..20).contains(&looked_at), "{looked_at} of 100");
    let counters = gatekeeper.counters();
    assert_eq!((counters.failures, counters.throttled), (looked_at, 100 - looked_at));
    // The right password does not help either, until the time is over; unless he is known there.
    assert!(refusal(&gatekeeper, Some("admin"), Some("123456")).await.is_some());
}

#[tokio::test]
async fn a_device_with_a_wrong_password_does_not_lock_its_neighbours_out() {
    let gatekeeper = gatekeeper(&users(ADMIN));
    for _ in 0..1000 {
        let refusal = refusal(&gatekeeper, Some("device"), Some("old password")).await.unwrap();
        assert_eq!(refusal.reason, ReasonCode::BadUserNameOrPassword);
    }
    assert_eq!(refusal(&gatekeeper, Some("admin"), Some("123456")).await, None);
}

#[tokio::test]
async fn a_reload_takes_effect_at_once_and_a_bad_one_not_at_all() {
    let gatekeeper = gatekeeper(&users(ADMIN));
    let identity = gatekeeper.authenticate(&connect(Some("admin"), Some("123456")), &peer(1)).await.unwrap();
    assert!(refusal(&gatekeeper, Some("admin"), Some("new")).await.is_some());
    let before = gatekeeper.security();
    assert_eq!(before.recognise(&identity), Ok(identity.clone()));
    let missing = SecuritySettings { acl_file: Some("there is no such file".into()), ..users(ADMIN) };
    let error = reload(&gatekeeper, &missing).unwrap_err().to_string();
    assert!(error.contains("there is no such file"), "{error}");
    assert!(Arc::ptr_eq(&before, &gatekeeper.security()));
    // The same again: whoever is there may stay, with the groups that he has now.
    let same = reload(&gatekeeper, &users(&ADMIN.replace("'ops', 'night'", "'ops'"))).unwrap();
    assert_eq!(same.recognise(&identity).unwrap().groups.len(), 1);
    // Another password, and no user at all.
    let other = reload(&gatekeeper, &users(&ADMIN.replace("123456", "new"))).unwrap();
    assert!(other.recognise(&identity).is_err());
    assert!(refusal(&gatekeeper, Some("admin"), Some("123456")).await.is_some());
    assert_eq!(refusal(&gatekeeper, Some("admin"), Some("new")).await, None);
    let gone = reload(&gatekeeper, &users(&ADMIN.replace("name = 'admin'", "name = 'other'"))).unwrap();
    assert!(gone.recognise(&identity).is_err() && gone.recognise(&Identity::default()).is_err());
}

#[tokio::test]
async fn a_certificate_with_a_name_is_enough() {
    let gatekeeper = gatekeeper(&users(ADMIN));
    let certificate = |user: Option<&str>| {
        let user = user.map(Into::into);
        let (subject, issuer, serial) = ("CN=x".to_owned(), "CN=ca".to_owned(), "1".to_owned());
        Some(Arc::new(ClientCertificate { user, subject, issuer, serial }))
    };
    let ask = async |user: Option<&str>| {
        let peer = Peer { certificate: certificate(user), ..peer(1) };
        gatekeeper.authenticate(&connect(None, None), &peer).await
    };
    let identity = ask(Some("admin")).await.unwrap();
    assert_eq!((identity.user.as_deref(), identity.groups.len()), (Some("admin"), 2));
    // A name that no table has is a user without groups.
    assert_eq!(ask(Some("robot")).await.unwrap().groups.len(), 0);
    // Without a name in it, it opens the line and no more.
    assert!(ask(None).await.is_err());
    let fewer = reload(&gatekeeper, &users(&ADMIN.replace("'ops', 'night'", "'ops'"))).unwrap();
    assert_eq!(fewer.recognise(&identity).unwrap().groups.len(), 1);
}

#[tokio::test]
async fn scram() {
    use crate::auth::scram::{Keys, client};
    use tabmq_shared::client::Authentication;
    let stored = |user: &str| format!("{user}::scram={}\n", Keys::of_password(b"123456").unwrap().stored());
    let random = u64::from_le_bytes(crate::auth::crypto::random().unwrap());
    let path = std::env::temp_dir().join(format!("tabmq-scram-{random:x}"));
    std::fs::write(&path, stored("admin")).unwrap();
    let settings = SecuritySettings { password_file: Some(path.clone()), ..SecuritySettings::default() };
    let gatekeeper = gatekeeper(&settings);
    std::fs::remove_file(path).unwrap();
    let exchange = |name: &str, password: &str| -> Result<Identity, String> {
        let mut exchange = gatekeeper.methods().begin("SCRAM-SHA-256", &peer(1)).unwrap();
        let mut client = client(name, password.as_bytes());
        let first = client.begin()?;
        let Step::Continue(challenge) = exchange.step(first.as_ref())? else { panic!("no challenge") };
        let Step::Done(admitted) = exchange.step(Some(&client.answer(&challenge)?))? else { panic!("more") };
        client.finish(admitted.last_data.as_ref())?;
        Ok(admitted.identity)
    };
    assert_eq!(exchange("admin", "123456").unwrap().user.as_deref(), Some("admin"));
    for (name, password) in [("admin", "1234567"), ("nobody", "123456")] {
        assert!(exchange(name, password).unwrap_err().contains("wrong password"), "{name}");
    }
    assert!(gatekeeper.methods().begin("PLAIN", &peer(1)).is_none());
    for guess in 0..20 {
        assert!(exchange("admin", &format!("guess {guess}")).is_err());
    }
    assert!(gatekeeper.counters().throttled > 5, "{:?}", gatekeeper.counters());
}

/// Reads other settings; what is in force then.
fn reload(gatekeeper: &Gatekeeper, settings: &SecuritySettings) -> Result<Arc<Security>, SecurityError> {
    gatekeeper.reload(settings, |_| ())?;
    Ok(gatekeeper.security())
}

#[tokio::test]
async fn files_are_read_again_when_they_change() {
    let path = std::env::temp_dir().join(format!("tabmq-users-{:x}", fastrand::u64(..)));
    let write = |text: &str| std::fs::write(&path, text).unwrap();
    // mosquitto's form of "123456".
    let line = "::$6$fyWOSBdPVPGquH1C$7hUhVn2tPltFTiztvYXxAl2Lu4deYue06gDEXwCDNjg6jxS83IIT4/iFvV0pZvTuqabpXZ9anPG9ztsvNlSCJw==\n";
    let line = line.trim_start_matches(':');
    write(&format!("ann:{line}"));
    let settings = SecuritySettings { password_file: Some(path.clone()), ..SecuritySettings::default() };
    let gatekeeper = gatekeeper(&settings);
    let (told, mut seen) = (std::cell::Cell::new(0), None);
    let mut look = || match gatekeeper.look(seen.take().as_ref(), |_| told.set(told.get() + 1)) {
        Look::AsBefore => "as before".to_owned(),
        Look::Changing(stamp) => {
            seen = Some(stamp);
            "changing".to_owned()
        }
        Look::Changed(Ok(())) => "read".to_owned(),
        Look::Changed(Err(error)) => error.to_string(),
    };
    assert_eq!(look(), "as before");
    write(&format!("ann:{line}bob:{line}"));
    assert_eq!([look(), look(), look()], ["changing", "read", "as before"]);
    assert_eq!((told.get(), refusal(&gatekeeper, Some("bob"), Some("123456")).await), (1, None));
    // What is not right is said once, and changes nothing.
    write("bob: this is no hash");
    assert_eq!(look(), "changing");
    let said = look();
    assert!(said.contains("line 1"), "{said}");
    assert_eq!((look(), told.get()), ("as before".to_owned(), 1));
    assert_eq!(refusal(&gatekeeper, Some("bob"), Some("123456")).await, None);
    write(&format!("bob:{line}"));
    assert_eq!([look(), look()], ["changing", "read"]);
    assert!(refusal(&gatekeeper, Some("ann"), Some("123456")).await.is_some());
    std::fs::remove_file(&path).unwrap();
}
