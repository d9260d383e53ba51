//! Signing in: what it tells, how often it may be tried, what it costs; cookies, and pages of others.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::IpAddr;
use std::time::{Duration, Instant};

use common::access::{
    PASSWORD, by, cookie, get, live, page, person, refusal, required, sign_in, signed_in, token,
};
use common::tls::Authority;
use common::{Answer, TestHub, Watcher, json, within};
use futures_util::future::join_all;

const V1: Option<&str> = Some("opshub.v1");
const EVIL: &str = "http://evil.example";

/// Tries to sign in from another address of this machine.
async fn try_from(hub: &TestHub, last: u8, email: &str, password: &str) -> Answer {
    let local = IpAddr::from([127, 0, 1, last]);
    let client = reqwest::Client::builder().no_proxy().local_address(local).build().unwrap();
    let body = json!({ "email": email, "password": password });
    Answer::attempt(client.post(hub.url("/api/auth/session")).json(&body)).await.unwrap()
}

/// A hub with an admin's token.
async fn hub() -> (TestHub, String) {
    let hub = required(&[]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    (hub, admin)
}

/// An answer without what is another one each time.
fn shape(answer: &Answer) -> String {
    let mut body = answer.body.clone();
    for each in ["timestamp", "request_id"] {
        body["error"].as_object_mut().unwrap().remove(each);
    }
    let mut names: Vec<&str> = answer.headers.keys().map(|name| name.as_str()).collect();
    names.sort_unstable();
    format!("{} {names:?} {body}", answer.status)
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_account_are_told_the_same() {
    let (hub, admin) = hub().await;
    person(&hub, &admin, "ana@example.com", "viewer").await;
    let wrong = shape(&sign_in(&hub, "ana@example.com", "a wrong password").await);
    for (email, password) in [
        ("bo@example.com", PASSWORD),
        ("bo@example.com", ""),
        ("no address", PASSWORD),
        ("", ""),
        ("ana@example.com\u{0}", PASSWORD),
        ("ana@example.com", &PASSWORD.repeat(20)),
        (&format!("{}@example.com", "x".repeat(100_000)), PASSWORD),
    ] {
        assert_eq!(shape(&sign_in(&hub, email, password).await), wrong);
    }
    // One account has one spelling, however it is typed.
    sign_in(&hub, " ANA@Example.COM\t", PASSWORD).await.ok();
    let taken = json!({ "email": "ANA@EXAMPLE.com", "role": "admin", "password": PASSWORD });
    hub.send(by(&hub, &admin, "POST", "/api/users").json(&taken)).await.refused(400, "invalid_value");
}

#[tokio::test]
async fn tries_are_held_to_a_rate_by_account_and_by_address() {
    let (hub, admin) = hub().await;
    for email in ["ana@example.com", "bo@example.com"] {
        person(&hub, &admin, email, "viewer").await;
    }
    // One account from many addresses, however it is spelled.
    let spelled = ["ana@example.com", " ana@example.com", "Ana@example.com ", "\u{a0}ana@example.com\n"];
    let mut slowed = None;
    for number in 0..16_u8 {
        let answer = try_from(&hub, number, spelled[usize::from(number % 4)], "a wrong password").await;
        if answer.status == 429 {
            slowed = Some((number, answer));
            break;
        }
    }
    let (tries, answer) = slowed.expect("no limit for tries of one account");
    assert!((10..=13).contains(&tries), "{tries} tries");
    answer.refused(429, "rate_limited");
    let wait: u32 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=11).contains(&wait), "{wait}");
    // The right password waits as well; others do not.
    try_from(&hub, 50, "ana@example.com", PASSWORD).await.refused(429, "rate_limited");
    try_from(&hub, 50, "bo@example.com", PASSWORD).await.ok();

    // Many accounts from one address: what is refused there costs an account nothing.
    let mut refused = 0;
    for number in 0..24 {
        let email = format!("{number}@example.com");
        refused += usize::from(try_from(&hub, 99, &email, PASSWORD).await.status == 429);
    }
    assert!(refused >= 1, "no limit for tries of one address");
    for _ in 0..20 {
        try_from(&hub, 99, "bo@example.com", "a wrong password").await;
    }
    try_from(&hub, 51, "bo@example.com", PASSWORD).await.ok();
}

#[tokio::test]
async fn the_cookie_is_for_no_script_and_no_other_site() {
    let (hub, admin) = hub().await;
    person(&hub, &admin, "ana@example.com", "operator").await;
    let answer = sign_in(&hub, "ana@example.com", PASSWORD).await.ok();
    let set = answer.header("set-cookie").unwrap();
    assert!(set.starts_with("opshub_session=ops_") && set.contains("HttpOnly"), "{set}");
    assert!(set.contains("SameSite=Lax") && set.contains("Path=/") && !set.contains("Domain"), "{set}");
    assert!(!set.contains("Secure") && set.contains("Max-Age="), "{set}");
    assert!(!answer.text.contains("ops_"), "a script can read it: {}", answer.text);
    let held = cookie(&answer);
    let gone = hub.send(page(&hub, &held, "DELETE", "/api/auth/session")).await;
    assert!(gone.header("set-cookie").unwrap().contains("Max-Age=0"), "{gone:?}");
    hub.send(page(&hub, &held, "GET", "/api/state")).await.refused(401, "not_authenticated");

    let authority = Authority::new(&["localhost"]);
    let hub = authority.hub(&[("OPSHUB_AUTH__MODE", "required")]).await;
    let admin = token(&hub, "root", "admin", &[]).await;
    let bearer = format!("Authorization: Bearer {admin}");
    let json = ["-H", "Content-Type: application/json"];
    let user = json!({ "email": "ana@example.com", "role": "viewer", "password": PASSWORD }).to_string();
    authority.curl(&hub, &[&json[..], &["-H", &bearer, "-d", &user]].concat(), "/api/users").await;
    let body = json!({ "email": "ana@example.com", "password": PASSWORD }).to_string();
    let said =
        authority.curl(&hub, &[&json[..], &["-i", "-d", &body]].concat(), "/api/auth/session").await.stdout;
    let set = said.lines().find(|line| line.to_lowercase().starts_with("set-cookie:")).unwrap_or(&said);
    assert!(set.contains("__Host-opshub_session=ops_") && set.contains("Secure"), "{set}");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Lax") && set.contains("Path=/"), "{set}");
    let value = set.split("__Host-opshub_session=").nth(1).unwrap().split(';').next().unwrap();
    for (name, expected) in [("__Host-opshub_session", "ana@example.com"), ("opshub_session", "null")] {
        let shown = format!("Cookie: {name}={value}");
        let me = authority.curl(&hub, &["-H", &shown], "/api/auth/me").await.stdout;
        assert!(me.contains(expected), "{name}: {me}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_cannot_use_the_cookie() {
    let (hub, admin) = hub().await;
    person(&hub, &admin, "ana@example.com", "admin").await;
    let cookie = signed_in(&hub, "ana@example.com").await;
    let (own, shown) = (hub.url(""), ("cookie", cookie.as_str()));
    assert_eq!(refusal(live(&hub, "", V1, &[shown, ("origin", EVIL)]).await), 403);
    assert_eq!(refusal(live(&hub, "", None, &[shown, ("origin", EVIL)]).await), 403);
    assert_eq!(refusal(live(&hub, "", V1, &[shown, ("origin", "null")]).await), 403);
    assert_eq!(refusal(live(&hub, "", V1, &[shown]).await), 403);
    live(&hub, "", V1, &[shown, ("origin", &own)]).await.unwrap().expect("connected").await;

    let with = |method: &str, path: &str| hub.request(method, path).header("cookie", &cookie);
    let before = get(&hub, &admin, "/api/events").await.ok()["last_seq"].clone();
    for method in ["POST", "GET"] {
        let path = "/api/trigger_collection";
        for headers in [
            vec![],
            vec![("origin", EVIL)],
            vec![("origin", "null")],
            vec![("sec-fetch-site", "cross-site")],
            vec![("sec-fetch-site", "same-site")],
            vec![("origin", EVIL), ("sec-fetch-site", "same-origin")],
            vec![("referer", own.as_str())],
        ] {
            let request = headers
                .iter()
                .fold(with(method, path), |request, (name, value)| request.header(*name, *value));
            hub.send(request).await.refused(403, "origin_refused");
        }
    }
    let token = json!({ "name": "evil", "role": "admin" });
    for request in [
        with("POST", "/api/tokens").json(&token),
        with("POST", "/api/tokens").json(&token).header("origin", EVIL),
        with("POST", "/api/auth/ws-ticket").header("origin", EVIL),
        with("DELETE", "/api/auth/session").header("origin", EVIL),
        with("GET", "/api/users").header("origin", EVIL),
        with("GET", "/api/events/stream").header("sec-fetch-site", "cross-site"),
    ] {
        hub.send(request).await.refused(403, "origin_refused");
    }
    // Signing a visitor in as somebody else is a request of a foreign page as well.
    let body = json!({ "email": "ana@example.com", "password": PASSWORD });
    let forged = hub.request("POST", "/api/auth/session").header("origin", EVIL).json(&body);
    hub.send(forged).await.refused(403, "origin_refused");
    assert_eq!(get(&hub, &admin, "/api/events").await.ok()["last_seq"], before);
    let own = page(&hub, &cookie, "POST", "/api/trigger_collection");
    hub.send(own).await.ok();
}

#[tokio::test]
async fn headers_that_can_be_read_in_two_ways_let_nobody_in() {
    let (hub, admin) = hub().await;
    person(&hub, &admin, "ana@example.com", "viewer").await;
    let cookie = signed_in(&hub, "ana@example.com").await;
    let bearer = format!("Bearer {admin}");
    for values in [[bearer.as_str(), "Bearer oph_x"], ["Bearer oph_x", &bearer], ["Basic eDp5", &bearer]] {
        let request = hub.request("GET", "/api/state");
        let request = values.iter().fold(request, |request, value| request.header("authorization", *value));
        hub.send(request).await.refused(401, "not_authenticated");
    }
    for value in [admin.as_str(), "Bearer", "Bearer ", &format!("Bearer {bearer}"), &bearer.to_uppercase()] {
        let request = hub.request("GET", "/api/state").header("authorization", value);
        hub.send(request.header("cookie", &cookie)).await.refused(401, "not_authenticated");
    }
    for name in ["AUTHORIZATION", "authorization"] {
        hub.send(hub.request("GET", "/api/state").header(name, &bearer.replace("Bearer", "bEARER")))
            .await
            .ok();
    }
    for shown in [
        format!("opshub_session={admin}"),
        format!("{cookie}x"),
        cookie.replace("opshub_session", "OPSHUB_SESSION"),
        cookie.replace("opshub_session", "__Host-opshub_session"),
        format!("a={cookie}"),
        format!("opshub_session=; {cookie}"),
    ] {
        hub.send(page(&hub, &shown, "GET", "/api/state")).await.refused(401, "not_authenticated");
    }
    hub.send(page(&hub, &format!("a=b;{cookie} ; c"), "GET", "/api/state")).await.ok();
}

#[tokio::test]
async fn an_open_hub_is_as_it_was_and_takes_no_wrong_token() {
    let hub = TestHub::start().await;
    hub.get("/api/users").await.ok();
    let me = hub.get("/api/auth/me").await.ok();
    assert_eq!((&me["mode"], &me["identity"]["name"]), (&json!("open"), &json!("anonymous@127.0.0.1")));
    get(&hub, "oph_wrong", "/api/state").await.refused(401, "not_authenticated");
    assert_eq!(refusal(live(&hub, "", V1, &[("authorization", "Bearer oph_wrong")]).await), 401);
    let held = token(&hub, "wall", "viewer", &[]).await;
    hub.send(by(&hub, &held, "POST", "/api/trigger_collection")).await.refused(403, "forbidden");
    hub.command("brief").await.ok();
    hub.plain().await.next().await;
    hub.watch(&["state"]).await;
    let folder = common::hub::folder();
    let reachable = [("OPSHUB_SERVER__HOST", "0.0.0.0")];
    let refused = TestHub::refused_start(folder.path(), &reachable).await;
    assert_eq!(refused.code, Some(2), "{}", refused.stderr);
    for advice in ["auth.mode", "allow"] {
        assert!(refused.stderr.contains(advice), "no {advice}: {}", refused.stderr);
    }
}

/// The middle of them, in milliseconds.
fn median(mut times: Vec<Duration>) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e3
}

#[tokio::test]
async fn the_time_of_an_answer_does_not_tell_who_has_an_account() {
    const PEOPLE: u8 = 20;
    let (hub, admin) = hub().await;
    for number in 0..PEOPLE {
        person(&hub, &admin, &format!("known{number}@example.com"), "viewer").await;
    }
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    // In turns, so that both see the same machine; ten of each account, twenty of each address.
    for round in 0..200_u8 {
        for turn in [round, round + 1] {
            let (kind, times) = if turn % 2 == 0 { ("known", &mut known) } else { ("other", &mut unknown) };
            let email = format!("{kind}{}@example.com", round % PEOPLE);
            let begun = Instant::now();
            let answer = try_from(&hub, 100 + round % PEOPLE, &email, "a wrong password").await;
            times.push(begun.elapsed());
            assert_eq!(answer.status, 401, "{}", answer.text);
        }
    }
    let (known, unknown) = (median(known), median(unknown));
    eprintln!("sign-in, median of 200: known {known:.2} ms, unknown {unknown:.2} ms");
    let ratio = known / unknown;
    assert!((0.5..2.0).contains(&ratio), "known {known} ms, unknown {unknown} ms");
}

/// How long changes take to their watcher.
async fn live_times(hub: &TestHub, admin: &str, watcher: &mut Watcher, count: u32) -> Vec<Duration> {
    let mut times = Vec::new();
    for number in 0..count {
        let begun = Instant::now();
        let progress = json!({ "progress": number % 2 + 40 });
        hub.send(by(hub, admin, "POST", "/api/system/status").json(&progress)).await.ok();
        watcher.find("the change", |frame| frame.kind() == "state_change").await;
        times.push(begun.elapsed());
    }
    times
}

#[tokio::test]
async fn a_storm_of_sign_ins_leaves_live_traffic_alive() {
    let (hub, admin) = hub().await;
    person(&hub, &admin, "ana@example.com", "viewer").await;
    let bearer = format!("Bearer {admin}");
    let mut watcher = live(&hub, "", V1, &[("authorization", &bearer)]).await.unwrap();
    watcher.expect("state").await;
    let calm = median(live_times(&hub, &admin, &mut watcher, 50).await);
    let storm = join_all((0..200_u8).map(|number| {
        let hub = &hub;
        async move { try_from(hub, number, &format!("{number}@example.com"), PASSWORD).await.status }
    }));
    let (statuses, times) = tokio::join!(storm, live_times(&hub, &admin, &mut watcher, 50));
    let stormy = median(times);
    eprintln!(
        "live, median of 50: calm {calm:.2} ms, in the storm {stormy:.2} ms, {:.1} times",
        stormy / calm
    );
    assert!(statuses.iter().all(|status| [401, 503].contains(status)), "{statuses:?}");
    within("a sign-in after the storm", sign_in(&hub, "ana@example.com", PASSWORD)).await.ok();
}
