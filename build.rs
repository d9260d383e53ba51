//! Tells cargo which folders the binary embeds: it sees the files of the last build, but no new ones.

/// What `src/http/page.rs` embeds.
const EMBEDDED: [&str; 3] = ["web/page", "web/client/src", "web/vendor"];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    // Other profiles read the files from disk, so that an edit needs no build.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        for folder in EMBEDDED {
            println!("cargo::rerun-if-changed={folder}");
        }
    }
}
