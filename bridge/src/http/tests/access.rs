//! Who may do what.

use super::*;

#[tokio::test]
async fn each_role_may_what_it_may() {
    let mut site = Site::with(&guarded());
    let mut ask = async |name: &str, topic: &str| {
        let authorization = basic(name, "pw");
        let auth = ("authorization", authorization.as_str());
        let info = site.ask("GET", INFO_PATH, &[auth], "").await.status;
        let body = json!({ "topic": topic, "payload": "1" }).to_string();
        let json = ("content-type", "application/json");
        (info, site.ask("POST", PUBLISH_PATH, &[auth, json], body).await.status)
    };
    assert_eq!(ask("none", "none/a").await, (403, 403));
    assert_eq!(ask("vera", "vera/a").await, (200, 403));
    assert_eq!(ask("paul", "paul/a").await, (200, 200));
    // The access rules hold here as well.
    assert_eq!(ask("paul", "anna/a").await, (200, 403));
    assert_eq!(ask("anna", "paul/a").await, (200, 200));
}

#[tokio::test]
async fn strangers_are_asked_who_they_are() {
    let mut site = Site::with(&guarded());
    let wrong = basic("anna", "wrong");
    let nobody = basic("nobody", "pw");
    let mut bodies = Vec::new();
    for authorization in
        ["", "Basic", "Basic !!!", "Bearer x.y.z", "Digest x", wrong.as_str(), nobody.as_str()]
    {
        let answer = site.ask("GET", INFO_PATH, &[("authorization", authorization)], "").await;
        assert_eq!(answer.status, 401, "{authorization}");
        let offered: Vec<_> = answer.headers.get_all("www-authenticate").iter().collect();
        assert_eq!(offered.len(), 2, "{authorization}");
        bodies.push(answer.body);
    }
    // Nobody is told whether a user exists.
    assert_eq!(bodies.pop(), bodies.pop());
    // A script of the page is not to make the browser ask.
    let answer = site.ask("GET", INFO_PATH, &[("sec-fetch-mode", "cors")], "").await;
    assert_eq!((answer.status, answer.header("www-authenticate")), (401, "Bearer realm=\"TabMQ\""));
    // The page itself and the health check are for everybody.
    for path in ["/", "/healthz"] {
        assert_eq!(site.ask("GET", path, &[], "").await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn guessing_is_slowed() {
    let mut site = Site::with(&guarded());
    let mut statuses = Vec::new();
    for guess in 0..20 {
        let guess = basic("anna", &guess.to_string());
        statuses.push(site.ask("GET", INFO_PATH, &[("authorization", &guess)], "").await.status);
    }
    assert_eq!((statuses[0], statuses[19]), (401, 429), "{statuses:?}");
}

#[tokio::test]
async fn a_strangers_domain_that_points_here_reads_nothing() {
    let cases = [
        ("127.0.0.1:8083", 200),
        ("localhost:8083", 200),
        ("[::1]:8083", 200),
        ("192.168.1.5:8083", 200), // an address is nobody's domain
        ("evil.example:8083", 403),
        ("127.0.0.1.evil.example", 403),
        ("evil.example", 403),
    ];
    let mut open = Site::new();
    let mut guarded = Site::with(&guarded());
    let authorization = basic("vera", "pw");
    for (host, status) in cases {
        let answer = open.ask("GET", "/api/v1/retained", &[("host", host)], "").await;
        assert_eq!(answer.status, status, "{host}");
        // Where one has to log in, a stranger's page has nothing to log in with.
        let headers = [("host", host), ("authorization", authorization.as_str())];
        assert_eq!(guarded.ask("GET", "/api/v1/retained", &headers, "").await.status, 200, "{host}");
    }
}
