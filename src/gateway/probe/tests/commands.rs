//! Command probes, and that nothing of them is left behind.

use std::time::Duration;

use serde_json::json;

use super::*;

fn shell(script: &str) -> Value {
    json!({"kind": "command", "command": ["sh", "-c", script]})
}

#[actix_rt::test]
async fn the_last_line_is_the_message() {
    assert_ok(&ask(shell("echo first; echo ' last '; echo; echo noise >&2")).await, Some("last"));
    assert_ok(&ask(shell("true")).await, None);
    let result = ask(shell("echo 'no space left' >&2; exit 3")).await;
    assert_failed(&result, FailureKind::Exit, "exit code 3: no space left");
    assert_failed(&ask(shell("kill -9 $$")).await, FailureKind::Exit, "ended by signal 9");
}

#[actix_rt::test]
async fn a_program_that_is_missing_is_told() {
    let result = ask(json!({"kind": "command", "command": ["/no/such/program"]})).await;
    assert_failed(&result, FailureKind::Setup, "cannot run /no/such/program");
}

#[actix_rt::test]
async fn a_flood_of_output_is_bounded_and_its_last_line_kept() {
    let result = ask(shell("yes | head -c 3000000; yes | head -c 3000000 >&2; echo; echo done")).await;
    assert_ok(&result, Some("done"));
    let result = ask(shell("head -c 100000 /dev/zero | tr '\\0' x")).await;
    assert_eq!(result.message().unwrap().chars().count(), 512);
}

#[actix_rt::test]
async fn a_command_gets_its_own_variables_and_none_of_the_hubs() {
    // Cargo sets this one for every test.
    assert!(std::env::var("CARGO_MANIFEST_DIR").is_ok());
    let script = "echo \"${CARGO_MANIFEST_DIR:-none} $OWN ${PATH:+path}\"";
    let probe = json!({"kind": "command", "command": ["sh", "-c", script], "env": {"OWN": "mine"}});
    assert_ok(&ask(probe).await, Some("none mine path"));
}

/// Waits until no process has this id, a zombie included.
async fn gone(pid: &str) {
    let path = format!("/proc/{pid}");
    for _ in 0..1_000 {
        if !std::path::Path::new(&path).exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("{} is still there: {:?}", pid, std::fs::read_to_string(format!("{path}/status")));
}

/// Waits until the script has written its process ids there.
async fn pids(path: &std::path::Path) -> Vec<String> {
    for _ in 0..1_000 {
        let written = std::fs::read_to_string(path).unwrap_or_default();
        if written.ends_with("end\n") {
            return written.split_whitespace().filter(|word| *word != "end").map(str::to_owned).collect();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the script wrote nothing to {}", path.display())
}

/// A script that ignores every polite signal, has a child that does so too, and says who they are.
fn stubborn(path: &std::path::Path) -> Value {
    let ignore = "trap '' TERM INT HUP";
    let child = format!("sh -c \"{ignore}; while :; do sleep 0.1; done\" & child=$!");
    shell(&format!("{ignore}; {child}; echo $$ $child end > {}; wait", path.display()))
}

#[actix_rt::test]
async fn a_command_that_ignores_signals_is_gone_with_its_child_after_the_time_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pids");
    let prober = prober(stubborn(&path), 2_000);
    let result = prober.run().await;
    assert_failed(&result, FailureKind::Timeout, "no answer within 2000 ms");
    let pids = pids(&path).await;
    assert_eq!(pids.len(), 2);
    for pid in pids {
        gone(&pid).await;
    }
}

#[actix_rt::test]
async fn a_probe_that_is_dropped_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pids");
    let prober = prober(stubborn(&path), PATIENT_MS);
    let run = tokio::task::spawn_local(async move { prober.run().await });
    let pids = pids(&path).await;
    run.abort();
    assert!(run.await.unwrap_err().is_cancelled());
    for pid in pids {
        gone(&pid).await;
    }
}

#[actix_rt::test]
async fn what_a_probe_leaves_in_the_background_ends_with_it() {
    let begun = std::time::Instant::now();
    let result = ask(shell("sleep 600 & echo $!")).await;
    assert!(begun.elapsed() < Duration::from_secs(60), "the pipe that it holds is not waited for");
    gone(result.message().unwrap()).await;
}
