//! The database file from outside the hub, through Python's own SQLite.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

const PRELUDE: &str =
    "import sqlite3, sys\ndb = sqlite3.connect(sys.argv[1], timeout=10, isolation_level=None)\n";

/// Runs Python `code` with `db` open on `path`; gives what it printed.
pub fn python(path: &Path, code: &str) -> String {
    let run = Command::new("python3").arg("-c").arg(format!("{PRELUDE}{code}")).arg(path).output();
    let run = run.expect("python3 is needed to reach into the database");
    assert!(run.status.success(), "{code}: {}", String::from_utf8_lossy(&run.stderr));
    String::from_utf8(run.stdout).unwrap()
}

/// Changes rows by `sql`, past any trigger that forbids it; gives how many.
pub fn tamper(path: &Path, sql: &str) -> u64 {
    let triggers = "db.execute(\"SELECT name FROM sqlite_master WHERE type = 'trigger'\").fetchall()";
    let code = format!(
        "for (name,) in {triggers}: db.execute(f'DROP TRIGGER {{name}}')\nprint(db.execute({sql:?}).rowcount)"
    );
    python(path, &code).trim().parse().unwrap()
}

/// Python code that adds an event as well linked as the hub's own, which sets the progress to 77.
pub const FOREIGN_EVENT: &str = r#"
import hmac, json, struct
seq, at, kind, link, frame = db.execute(
    'SELECT seq, at_ms, kind, chain, frame FROM events ORDER BY seq DESC LIMIT 1').fetchone()
frame = json.loads(frame)
frame['seq'] = seq + 1
frame['patch'] = [{'op': 'replace', 'path': '/system/progress', 'value': 77}]
frame = json.dumps(frame, separators=(',', ':'))
row = link + struct.pack('>Qq', seq + 1, at)
for text in (kind, '', frame):
    row += struct.pack('>Q', len(text.encode())) + text.encode()
key = bytes.fromhex(json.load(open(sys.argv[1] + '.key'))['key'])
link = hmac.new(key, row + b'\0', 'sha256').digest()
db.execute('INSERT INTO events VALUES (?, ?, ?, NULL, ?, ?)', (seq + 1, at, kind, link, frame))
"#;

/// Another process that holds the exclusive lock on the database until it is released or dropped.
pub struct Lock {
    child: Child,
    stdin: Option<ChildStdin>,
}

impl Lock {
    pub fn hold(path: &Path) -> Lock {
        let code = format!(
            "{PRELUDE}db.execute('BEGIN EXCLUSIVE')\nprint('held', flush=True)\nexec(sys.stdin.read())\ndb.commit()\n"
        );
        let mut command = Command::new("python3");
        command.arg("-c").arg(code).arg(path).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("python3 is needed to hold a lock");
        let stdin = child.stdin.take();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line.trim(), "held", "the lock was not taken");
        Lock { child, stdin }
    }

    /// Gives the lock back and waits until the other process is gone.
    pub fn release(self) {
        self.release_after("");
    }

    /// As [`Lock::release`], after Python `code` with `db`, which is committed.
    pub fn release_after(mut self, code: &str) {
        let mut stdin = self.stdin.take().unwrap();
        stdin.write_all(code.as_bytes()).unwrap();
        drop(stdin);
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
