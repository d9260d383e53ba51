//! The dashboard's files as the hub serves them.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::io::Read;

use flate2::read::GzDecoder;

use common::raw::Raw;
use common::{Answer, TestHub, assert_names, json};

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";
const SCRIPT: &str = "/ui/page/main.js";

async fn get(hub: &TestHub, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = hub.request("GET", path);
    hub.send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

/// The headers that the answer varies by.
fn vary(answer: &Answer) -> Vec<String> {
    let lists = answer.headers.get_all("vary").into_iter().map(|list| list.to_str().unwrap().to_lowercase());
    lists.flat_map(|list| list.split(',').map(|name| name.trim().to_owned()).collect::<Vec<_>>()).collect()
}

#[tokio::test]
async fn the_front_door_is_the_page_for_browsers_and_json_for_programs() {
    let hub = TestHub::start().await;
    let page = get(&hub, "/", &[("accept", BROWSER)]).await.ok();
    assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(page.text.to_lowercase().starts_with("<!doctype html"), "{}", page.text);
    assert_eq!(page.text, hub.get("/dashboard").await.ok().text);
    for accept in ["application/json", "*/*", "text/html;q=0"] {
        assert_eq!(get(&hub, "/", &[("accept", accept)]).await.ok()["dashboard"], "/dashboard", "{accept}");
    }
    for accept in [BROWSER, "application/json"] {
        let answer = get(&hub, "/", &[("accept", accept)]).await;
        for name in ["accept", "accept-encoding"] {
            assert!(vary(&answer).contains(&name.to_owned()), "{:?}", answer.headers);
        }
    }
}

#[tokio::test]
async fn what_the_page_refers_to_is_there_with_its_type() {
    let hub = TestHub::start().await;
    let page = hub.get("/dashboard").await.ok().text;
    let (mut scripts, mut all) = (0, 0);
    for address in page.split('"').filter(|text| text.starts_with("/ui/")) {
        let file = hub.get(address).await.ok();
        let kind = file.header("content-type").unwrap().to_owned();
        let expected = match address.rsplit_once('.').unwrap().1 {
            "js" => "text/javascript; charset=utf-8",
            "css" => "text/css; charset=utf-8",
            "svg" => "image/svg+xml",
            "webmanifest" => "application/manifest+json",
            other => panic!("{address}: the type of .{other} is not tested"),
        };
        assert_eq!(kind, expected, "{address}");
        scripts += usize::from(kind.starts_with("text/javascript"));
        all += 1;
    }
    assert!(scripts > 0 && all >= scripts, "{page}");
}

#[tokio::test]
async fn every_part_of_the_page_is_guarded() {
    let hub = TestHub::start().await;
    for path in ["/", "/dashboard", SCRIPT] {
        let answer = get(&hub, path, &[("accept", BROWSER)]).await.ok();
        let policy = answer.header("content-security-policy").unwrap();
        let wanted =
            ["default-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"];
        assert_names(policy, &wanted);
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-opener-policy", "same-origin"),
            ("cache-control", "no-cache"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{path}");
        }
    }
}

#[tokio::test]
async fn a_file_that_the_browser_has_is_not_sent_again() {
    let hub = TestHub::start().await;
    for path in ["/", "/dashboard", SCRIPT] {
        let first = get(&hub, path, &[("accept", BROWSER)]).await.ok();
        let tag = first.header("etag").unwrap().to_owned();
        assert!(tag.starts_with('"'), "{tag} is not strong");
        for known in [tag.clone(), format!("\"other\", {tag}"), format!("W/{tag}")] {
            let again = get(&hub, path, &[("accept", BROWSER), ("if-none-match", &known)]).await;
            assert_eq!((again.status, again.text.as_str()), (304, ""), "{path} with {known}");
            for name in ["etag", "cache-control", "content-security-policy"] {
                assert_eq!(again.header(name), first.header(name), "{path}");
            }
            assert_eq!(vary(&again), vary(&first), "{path}");
        }
        let other = get(&hub, path, &[("accept", BROWSER), ("if-none-match", "\"other\"")]).await.ok();
        assert_eq!(other.text, first.text);
    }
    let (page, script) = (hub.get("/dashboard").await, hub.get(SCRIPT).await);
    assert_ne!(page.header("etag"), script.header("etag"));
}

#[tokio::test]
async fn compressed_bytes_have_a_tag_of_their_own_that_is_known_again() {
    let hub = TestHub::start().await;
    let plain = hub.get(SCRIPT).await.ok();
    let zipped = hub.request("GET", SCRIPT).header("accept-encoding", "gzip, br").send().await.unwrap();
    assert_eq!(zipped.headers()["content-encoding"], "gzip");
    assert!(vary(&plain).contains(&"accept-encoding".to_owned()));
    assert!(zipped.headers()["vary"].to_str().unwrap().contains("accept-encoding"));
    let tag = zipped.headers()["etag"].to_str().unwrap().to_owned();
    let bytes = zipped.bytes().await.unwrap();
    assert_eq!(&bytes[..2], b"\x1f\x8b");
    let mut text = String::new();
    GzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    assert_eq!(text, plain.text);
    let head = hub.request("HEAD", SCRIPT).header("accept-encoding", "gzip").send().await.unwrap();
    assert_eq!(head.headers()["content-length"].to_str().unwrap(), bytes.len().to_string());
    assert_ne!(plain.header("etag"), Some(tag.as_str()));
    let again = get(&hub, SCRIPT, &[("accept-encoding", "gzip"), ("if-none-match", &tag)]).await;
    assert_eq!((again.status, again.header("etag")), (304, Some(tag.as_str())));
}

#[tokio::test]
async fn head_tells_what_get_would() {
    let hub = TestHub::start().await;
    for path in ["/", "/dashboard", SCRIPT] {
        let full = get(&hub, path, &[("accept", BROWSER)]).await.ok();
        let head = hub.send(hub.request("HEAD", path).header("accept", BROWSER)).await.ok();
        assert_eq!(head.text, "");
        for name in ["content-type", "content-length", "etag", "content-security-policy"] {
            assert!(head.header(name).is_some(), "{path} has no {name}");
            assert_eq!(head.header(name), full.header(name), "{path}");
        }
    }
    hub.post(SCRIPT, json!({})).await.refused(405, "method_not_allowed");
}

#[tokio::test]
async fn nothing_but_the_page_is_served() {
    let hub = TestHub::start().await;
    for path in [
        "/ui",
        "/ui/",
        "/ui/page",
        "/ui/page/",
        "/ui/page/nothing.js",
        "/ui/README.md",
        "/ui/package.json",
        "/ui/tsconfig.json",
        "/ui/client/package.json",
        "/ui/client/test/index.test.js",
        "/ui/client/types/protocol.d.ts",
        "/ui/vendor/README.md",
        "/ui/tests/page.test.js",
        "/ui/Cargo.toml",
    ] {
        hub.get(path).await.refused(404, "not_found");
    }
    // As no well-behaved client would write them.
    for path in [
        "/ui/page/../package.json",
        "/ui/page/../../Cargo.toml",
        "/ui/../Cargo.toml",
        "/ui/page/%2e%2e/package.json",
        "/ui/page/..%2fpackage.json",
        "/ui/page/..%5cpackage.json",
        "/ui/%2fetc/passwd",
        "/ui//etc/passwd",
        "/ui/page//main.js",
        "/ui/page/./main.js",
        "/ui/page/main.js%00",
    ] {
        let mut raw = Raw::connect(hub.address()).await;
        let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", hub.address());
        raw.write(request.as_bytes()).await;
        assert_eq!(raw.head().await.status, 404, "{path}");
    }
}
