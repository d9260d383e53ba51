//! Gateways: a service goes down and comes back, and everybody sees it.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use std::net::SocketAddr;

use common::hub::folder;
use common::{TestHub, Value, Watcher, eventually, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A service that answers every HTTP request with one status.
struct Service {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Service {
    async fn start(port: u16, status: &'static str) -> Service {
        let bound = || async { TcpListener::bind(("127.0.0.1", port)).await.ok() };
        let listener = eventually("the port to be free", bound).await;
        let address = listener.local_addr().unwrap();
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 1024];
                if stream.read(&mut asked).await.is_ok_and(|count| count > 0) {
                    let answer =
                        format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok");
                    let _ = stream.write_all(answer.as_bytes()).await;
                }
            }
        });
        Service { address, task }
    }

    /// Ends it, so that its port refuses connections.
    async fn stop(self) -> u16 {
        self.task.abort();
        let _ = self.task.await;
        self.address.port()
    }
}

/// A definition as the YAML file has it: asked ten times a second, believed after two results.
fn definition(id: &str, probe: &str, rest: &str) -> String {
    format!(
        "  - id: {id}\n    gateway_type: test\n    probe: {probe}\n    interval_ms: 100\n    unhealthy_after: 2\n    healthy_after: 2\n{rest}"
    )
}

async fn configured(gateways: &[String]) -> TestHub {
    let folder = folder();
    std::fs::write(folder.path().join("opshub.yaml"), format!("gateways:\n{}", gateways.concat())).unwrap();
    TestHub::start_in(folder, &[]).await
}

fn http(address: SocketAddr) -> String {
    format!("{{ kind: http, url: \"http://{address}/\" }}")
}

/// Waits for the change of `id` to `status`.
async fn turns(watcher: &mut Watcher, id: &str, status: &str) -> Value {
    let frame = watcher
        .find(status, |frame| {
            frame.kind() == "gateway_status_change"
                && frame["data"]["gateway_id"] == id
                && frame["data"]["current_status"] == status
        })
        .await;
    serde_json::from_str(&frame.text).unwrap()
}

/// Waits for a step of the recovery of `id`.
async fn steps(watcher: &mut Watcher, id: &str, step: &str) -> Value {
    let frame = watcher
        .find(step, |frame| {
            frame.kind() == "gateway_recovery"
                && frame["data"]["gateway_id"] == id
                && frame["data"]["step"] == step
        })
        .await;
    serde_json::from_str(&frame.text).unwrap()
}

#[tokio::test]
async fn a_service_that_goes_down_and_comes_back_is_seen_by_all() {
    let service = Service::start(0, "200 OK").await;
    let hub = configured(&[definition("web", &http(service.address), "")]).await;
    let mut watcher = hub.watch(&["gateways", "state"]).await;
    eventually("the first judgement", || async {
        (hub.state().await["gateways"]["web"]["status"] == "HEALTHY").then_some(())
    })
    .await;
    let port = service.stop().await;
    let down = turns(&mut watcher, "web", "UNHEALTHY").await;
    assert_eq!(down["data"]["previous_status"], "HEALTHY");
    assert_eq!(
        (&down["actor"], &down["data"]["metadata"]["error_kind"]),
        (&json!("monitor"), &json!("refused"))
    );
    assert_eq!(down["patch"][0]["path"], "/gateways/web");
    assert!(down["seq"].as_u64().is_some(), "a committed change");
    let service = Service::start(port, "200 OK").await;
    turns(&mut watcher, "web", "HEALTHY").await;
    let shown = hub.get("/api/gateways/web").await.ok();
    assert_eq!((&shown["origin"], &shown["last_check"]["ok"]), (&json!("configured"), &json!(true)));
    let past = hub.get("/api/gateways/web/history").await.ok();
    let hour = &past["windows"]["1h"];
    assert!(hour["failures"].as_u64().unwrap() >= 2 && hour["checks"].as_u64() > hour["failures"].as_u64());
    assert!(hour["uptime"].as_f64().is_some_and(|share| share < 1.0), "{hour}");
    service.stop().await;
}

#[tokio::test]
async fn wrong_and_silent_services_are_told_apart_from_absent_ones() {
    let wrong = Service::start(0, "500 Internal Server Error").await;
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (silent_at, timeout) = (silent.local_addr().unwrap(), "    timeout_ms: 100\n");
    let hub = configured(&[
        definition("wrong", &http(wrong.address), ""),
        definition("silent", &http(silent_at), timeout),
        definition("open", &format!("{{ kind: tcp, address: \"{silent_at}\" }}"), ""),
        definition("gone", "{ kind: tcp, address: \"127.0.0.1:1\" }", ""),
        definition("command", "{ kind: command, command: [\"/bin/sh\", \"-c\", \"echo all is well\"] }", ""),
    ])
    .await;
    let told = |id: &'static str, status: &'static str| {
        let hub = &hub;
        eventually(id, move || async move {
            let state = hub.state().await;
            let gateway = state["gateways"][id].clone();
            (gateway["status"] == status).then_some(gateway)
        })
    };
    assert_eq!(told("wrong", "UNHEALTHY").await["metadata"]["error_kind"], "status");
    assert_eq!(told("silent", "UNHEALTHY").await["metadata"]["error_kind"], "timeout");
    assert_eq!(told("gone", "UNHEALTHY").await["metadata"]["error_kind"], "refused");
    told("open", "HEALTHY").await;
    assert_eq!(told("command", "HEALTHY").await["message"], "all is well");
}

#[tokio::test]
async fn a_recovery_waits_for_approval_runs_and_is_told_step_by_step() {
    let service = Service::start(0, "200 OK").await;
    let done = folder();
    let mark = done.path().join("recovered");
    let recovery = format!(
        "    recovery: {{ command: [\"/usr/bin/touch\", \"{}\"], attempts: 2, backoff_ms: 60000, require_approval: true }}\n",
        mark.display()
    );
    let hub = configured(&[definition("web", &http(service.address), &recovery)]).await;
    let mut watcher = hub.watch(&["gateways", "state"]).await;
    eventually("the first judgement", || async {
        (hub.state().await["gateways"]["web"]["status"] == "HEALTHY").then_some(())
    })
    .await;
    let port = service.stop().await;
    steps(&mut watcher, "web", "awaiting_approval").await;
    assert!(!mark.exists());
    let approved = hub.command("approve web").await.ok();
    assert_eq!(approved["applied"], true);
    let step = steps(&mut watcher, "web", "approved").await;
    assert_eq!(
        step["seq"].as_u64().unwrap() + 1,
        approved["seq"].as_u64().unwrap(),
        "both in one transaction"
    );
    steps(&mut watcher, "web", "started").await;
    turns(&mut watcher, "web", "RECOVERING").await;
    let service = Service::start(port, "200 OK").await;
    turns(&mut watcher, "web", "HEALTHY").await;
    steps(&mut watcher, "web", "succeeded").await;
    assert!(mark.exists());
    assert_eq!(hub.command("approve web").await.ok()["applied"], false);
    service.stop().await;
}

#[tokio::test]
async fn what_was_registered_and_paused_stays_so_across_a_crash() {
    let service = Service::start(0, "200 OK").await;
    let mut hub = TestHub::start().await;
    let url = format!("http://{}/", service.address);
    let definition = json!({ "gateway_type": "web", "interval_ms": 100,
        "probe": { "kind": "http", "url": url, "headers": { "Authorization": "Bearer s3cret-s3cret" } } });
    hub.put("/api/gateways/web", definition).await.ok();
    hub.put("/api/gateways/job", json!({ "gateway_type": "job", "probe": { "kind": "push" } })).await.ok();
    assert_eq!(hub.command("pause web").await.ok()["applied"], true);
    hub.kill9();
    hub.restart().await;
    let gateways = hub.get("/api/gateways").await.ok();
    let ids: Vec<_> = gateways["gateways"].as_array().unwrap().iter().map(|gateway| &gateway["id"]).collect();
    assert_eq!(ids, ["job", "web"]);
    assert_eq!(hub.state().await["gateways"]["web"]["status"], "PAUSED");
    assert_eq!(hub.command("resume web").await.ok()["applied"], true);
    eventually("it is judged again", || async {
        (hub.state().await["gateways"]["web"]["status"] == "HEALTHY").then_some(())
    })
    .await;
    hub.delete("/api/gateways/web").await.ok();
    assert_eq!(hub.state().await["gateways"]["web"], Value::Null);
    hub.get("/api/gateways/web").await.refused(404, "not_found");
    hub.stop().await;
    hub.restart().await;
    assert_eq!(hub.get("/api/gateways").await.ok()["gateways"].as_array().unwrap().len(), 1);
    // The header's value is in nobody's hands: not in an answer, not in an event, not in the log.
    for path in ["/api/gateways", "/api/events", "/api/state", "/metrics"] {
        assert!(!hub.get(path).await.text.contains("s3cret"), "{path}");
    }
    assert!(!hub.said().contains("s3cret"));
    service.stop().await;
}

#[tokio::test]
async fn a_service_reports_by_itself_and_is_missed() {
    let hub = TestHub::start().await;
    let definition = json!({ "gateway_type": "job", "probe": { "kind": "push" }, "interval_ms": 400 });
    let mut watcher = hub.watch(&["gateways", "state"]).await;
    hub.put("/api/gateways/job", definition).await.ok();
    let taken = hub.post("/api/gateways/job/report", json!({ "message": "done 7" })).await;
    assert_eq!(taken.status, 202, "{}", taken.text);
    turns(&mut watcher, "job", "HEALTHY").await;
    let missed = turns(&mut watcher, "job", "UNHEALTHY").await;
    assert_eq!(missed["data"]["metadata"]["error_kind"], "missing");
    hub.post("/api/gateways/job/report", json!({ "status": "DEGRADED" })).await;
    turns(&mut watcher, "job", "DEGRADED").await;
    hub.post("/api/gateways/job/report", json!({ "status": "FINE" })).await.refused(400, "invalid_value");
    hub.post("/api/gateways/nobody/report", json!({})).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_must_not_be_registered_is_refused_and_says_why() {
    let hub = configured(&[definition("fixed", "{ kind: push }", "")]).await;
    let put = |id: &'static str, body: Value| {
        let hub = &hub;
        async move { hub.put(&format!("/api/gateways/{id}"), body).await }
    };
    let command = json!({ "gateway_type": "x", "probe": { "kind": "command", "command": ["/bin/true"] } });
    put("a", command).await.refused(400, "invalid_value");
    let hook = json!({ "gateway_type": "x", "probe": { "kind": "push" }, "recovery": { "webhook": "http://127.0.0.1:9/" } });
    put("a", hook).await.refused(400, "invalid_value");
    let unknown = json!({ "gateway_type": "x", "probe": { "kind": "push" }, "colour": "red" });
    put("a", unknown).await.refused(400, "invalid_value");
    let fixed = json!({ "gateway_type": "x", "probe": { "kind": "push" } });
    put("fixed", fixed).await.refused(400, "read_only");
    hub.delete("/api/gateways/fixed").await.refused(400, "read_only");
    hub.patch(json!({ "gateways": { "fixed": null } })).await.refused(400, "read_only");
    assert_eq!(hub.command("pause nobody").await.ok()["message"], "no gateway with id nobody");
}

#[tokio::test]
async fn latencies_are_told_to_those_who_ask_for_them_only() {
    let service = Service::start(0, "200 OK").await;
    let hub = configured(&[definition("web", &http(service.address), "")]).await;
    let mut asked = hub.watch(&["latency"]).await;
    let frame = asked.expect("gateway_latency").await;
    assert!(frame["data"]["latency_ms"]["web"].as_f64().is_some_and(|ms| ms > 0.0), "{}", frame.text);
    assert_eq!(frame.change(), None, "nothing of it is committed");
    let mut others = hub.v1("").await;
    hub.post("/api/system/status", json!({ "progress": 5 })).await.ok();
    others.expect("state_change").await;
    asked.expect("gateway_latency").await;
    assert!(others.drain().await.iter().all(|frame| frame.kind() != "gateway_latency"));
    service.stop().await;
}

#[tokio::test]
async fn a_wrong_definition_ends_the_start_with_its_line() {
    let folder = folder();
    let yaml = "timezone: UTC\ngateways:\n  - id: ok\n    gateway_type: x\n    probe: { kind: push }\n  - id: bad\n    gateway_type: x\n    probe: { kind: tcp, address: nowhere }\n";
    std::fs::write(folder.path().join("opshub.yaml"), yaml).unwrap();
    let refused = TestHub::refused_start(folder.path(), &[]).await;
    assert!(
        refused.stderr.contains("line 6") && refused.stderr.contains("gateway bad"),
        "{}",
        refused.stderr
    );
    std::fs::write(folder.path().join("opshub.yaml"), yaml.replace("address", "adress")).unwrap();
    let refused = TestHub::refused_start(folder.path(), &[]).await;
    assert!(refused.stderr.contains("adress"), "{}", refused.stderr);
}
