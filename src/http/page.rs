//! The dashboard: the files of `web/`, embedded in the binary. A debug build reads them from disk each
//! time, so that a reload shows an edit.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::{PoisonError, RwLock};

use actix_web::http::header::{self, AcceptEncoding, Encoding, Header, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use crate::domain::Error;
use crate::protocol::error::ErrorBody;

use super::error::ApiError;
use super::request::none_match;
use super::state::AppState;
use super::types::Welcome;

/// Nothing but the hub's own files and answers; `'self'` covers its WebSocket.
const PAGE_POLICY: &str = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    object-src 'none'";
/// The page itself.
const INDEX: &str = "page/index.html";
/// The folders of `web/` that are served.
const FOLDERS: [&str; 3] = ["page/", "client/src/", "vendor/"];
/// What a tag of compressed bytes ends with.
const GZIP_MARK: &str = "-gzip";
/// How much of a file's hash names it, in bytes.
const TAG_BYTES: usize = 16;

/// The files; their paths begin as [`FOLDERS`] do.
#[derive(RustEmbed)]
#[folder = "web/"]
#[include = "page/**"]
#[include = "client/src/**"]
#[include = "vendor/**"]
#[exclude = "*.md"]
#[exclude = "*.ts"]
#[exclude = "*.test.js"]
#[exclude = "**/package*.json"]
#[exclude = "**/tsconfig*.json"]
struct Web;

/// The files in gzip form, each made once, when it is first asked for; shared by all workers.
#[derive(Default)]
pub struct PackedFiles {
    by_path: RwLock<HashMap<String, Packed>>,
}

/// A file in gzip form, and the hash of what was compressed: a debug build's files change.
struct Packed {
    of: [u8; 32],
    /// None where it is no smaller.
    bytes: Option<Bytes>,
}

impl PackedFiles {
    /// The gzip form of the file at `path`, whose bytes are `plain` and hash to `hash`; none where it is no smaller.
    fn get(&self, path: &str, hash: [u8; 32], plain: &[u8]) -> Option<Bytes> {
        let known = self.by_path.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(packed) = known.get(path).filter(|packed| packed.of == hash) {
            return packed.bytes.clone();
        }
        drop(known);
        let bytes = gzip(plain).filter(|bytes| bytes.len() < plain.len());
        let packed = Packed { of: hash, bytes: bytes.clone() };
        self.by_path.write().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), packed);
        bytes
    }
}

/// Compresses as well as gzip can; done once for each file, so its time does not count.
fn gzip(plain: &[u8]) -> Option<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).ok()?;
    encoder.finish().ok().map(Bytes::from)
}

/// The front door: the dashboard for browsers, a pointer to the rest for programs.
#[utoipa::path(
    get, path = "/", tag = "page",
    responses((status = 200, description = "the dashboard where `Accept` prefers it, else where everything is", content(
        (Welcome = "application/json"),
        (String = "text/html"),
    )))
)]
pub(super) async fn get_root(request: HttpRequest, state: Data<AppState>) -> Result<HttpResponse, ApiError> {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
    let mut response = if accept.is_some_and(prefers_page) {
        file(&request, &state.page, INDEX)?
    } else {
        HttpResponse::Ok().json(Welcome {
            message: "opshub keeps one live picture of a team's operations",
            version: env!("CARGO_PKG_VERSION"),
            websocket: "/ws",
            docs: "/docs",
            dashboard: "/dashboard",
        })
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    Ok(response)
}

/// The dashboard.
#[utoipa::path(
    get, path = "/dashboard", tag = "page",
    responses(
        (status = 200, description = "the page", body = String, content_type = "text/html"),
        (status = 304, description = "the caller has it already"),
    )
)]
pub(super) async fn get_dashboard(
    request: HttpRequest,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    file(&request, &state.page, INDEX)
}

/// A file that the dashboard is made of.
#[utoipa::path(
    get, path = "/ui/{path}", tag = "page",
    params(
        ("path" = String, Path, description = "begins with page/, client/src/ or vendor/"),
        ("If-None-Match" = Option<String>, Header, description = "an ETag; answers 304 while it still holds"),
    ),
    responses(
        (status = 200, description = "the file", body = String, content_type = "text/javascript", headers(("ETag" = String))),
        (status = 304, description = "the caller has it already"),
        (status = 404, description = "no such file", body = ErrorBody),
    )
)]
pub(super) async fn get_ui_file(
    request: HttpRequest,
    path: Path<String>,
    state: Data<AppState>,
) -> Result<HttpResponse, ApiError> {
    file(&request, &state.page, &path)
}

/// Answers with the file at `path` under `web/`, or with 304 where the caller has it.
fn file(request: &HttpRequest, packed: &PackedFiles, path: &str) -> Result<HttpResponse, ApiError> {
    let kind = content_type(path).filter(|_| is_served(path)).ok_or(Error::NotFound)?;
    let file = Web::get(path).ok_or(Error::NotFound)?;
    let hash = file.metadata.sha256_hash();
    let name: String = hash.iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
    // A strong tag stands for exact bytes (RFC 9110 section 8.8.3), so each form has its own.
    let tags = [format!("\"{name}\""), format!("\"{name}{GZIP_MARK}\"")];
    if let Some(known) = tags.iter().find(|tag| none_match(request, tag)) {
        return Ok(guarded(HttpResponse::NotModified(), known).finish());
    }
    let zipped = takes_gzip(request).then(|| packed.get(path, hash, &file.data)).flatten();
    Ok(match zipped {
        Some(bytes) => guarded(HttpResponse::Ok(), &tags[1])
            .content_type(kind)
            .insert_header((header::CONTENT_ENCODING, "gzip"))
            .body(bytes),
        None => guarded(HttpResponse::Ok(), &tags[0]).content_type(kind).body(match file.data {
            Cow::Borrowed(bytes) => Bytes::from_static(bytes),
            Cow::Owned(bytes) => Bytes::from(bytes),
        }),
    })
}

/// Whether the caller would rather have gzip than plain bytes.
fn takes_gzip(request: &HttpRequest) -> bool {
    let offered = [Encoding::gzip(), Encoding::identity()];
    // A header that cannot be read is as none.
    AcceptEncoding::parse(request)
        .is_ok_and(|accepted| accepted.negotiate(offered.iter()) == Some(Encoding::gzip()))
}

/// What every answer with a part of the page says.
fn guarded(mut response: HttpResponseBuilder, tag: &str) -> HttpResponseBuilder {
    response
        .insert_header((header::ETAG, tag))
        // Asked for anew each time, so that a new binary is a new page at once.
        .insert_header((header::CACHE_CONTROL, "no-cache"))
        .insert_header((header::VARY, "accept-encoding"))
        .insert_header((header::CONTENT_SECURITY_POLICY, PAGE_POLICY))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::REFERRER_POLICY, "no-referrer"))
        .insert_header((header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"));
    response
}

/// Whether `path` is in a served folder and leads nowhere else: it may become a path on the disk.
fn is_served(path: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    let part = |part: &str| !part.is_empty() && !part.starts_with('.') && part.bytes().all(plain);
    FOLDERS.iter().any(|folder| path.starts_with(folder)) && path.split('/').all(part)
}

/// The media type by the file's ending; none for what is no part of the page.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, ending) = path.rsplit_once('.')?;
    Some(match ending {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "txt" => "text/plain; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        _ => return None,
    })
}

/// Whether a caller with this `Accept` is a browser: it names HTML, and JSON not rather.
fn prefers_page(accept: &str) -> bool {
    let weight = |wanted: &str| {
        let mut weights = accept.split(',').filter_map(|range| {
            let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
            let q = parameters.split(';').find_map(|parameter| parameter.trim().strip_prefix("q="));
            kind.trim().eq_ignore_ascii_case(wanted).then(|| q.map_or(1.0, |q| q.parse().unwrap_or(0.0)))
        });
        weights.next().unwrap_or(0.0_f32)
    };
    let html = weight("text/html");
    html > 0.0 && html >= weight("application/json")
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use actix_web::test::TestRequest;
    use flate2::read::GzDecoder;

    use super::*;

    #[test]
    fn only_browsers_get_the_page_at_the_front_door() {
        for accept in [
            "text/html",
            "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
            "application/json;q=0.5, Text/HTML;level=1;q=0.7",
        ] {
            assert!(prefers_page(accept), "{accept}");
        }
        for accept in ["", "*/*", "application/json", "text/html;q=0", "text/html;q=0.5, application/json"] {
            assert!(!prefers_page(accept), "{accept}");
        }
    }

    #[test]
    fn no_path_leads_out_of_the_served_folders() {
        for path in [INDEX, "client/src/index.js", "vendor/uplot.css", "page/views/state-view.js"] {
            assert!(is_served(path), "{path}");
        }
        for path in [
            "",
            "page",
            "package.json",
            "client/package.json",
            "client/test/a.test.js",
            "tests/a.js",
            "page/../package.json",
            "page/./index.html",
            "page//index.html",
            "page/.hidden.js",
            "/page/index.html",
            "page/..\\package.json",
            "page/%2e%2e/package.json",
            "pages/index.html",
        ] {
            assert!(!is_served(path), "{path:?}");
        }
    }

    #[test]
    fn a_file_is_compressed_once_until_it_is_another() {
        let packed = PackedFiles::default();
        let (first, second) = (b"first ".repeat(99), b"second ".repeat(99));
        let once = packed.get("page/a.js", [1; 32], &first).unwrap();
        assert!(once.len() < first.len());
        assert_eq!(packed.get("page/a.js", [1; 32], &first).unwrap().as_ptr(), once.as_ptr());
        let other = packed.get("page/a.js", [2; 32], &second).unwrap();
        assert_eq!(unzipped(&other), second);
        assert_eq!(unzipped(&once), first);
        assert_eq!(packed.get("page/tiny.js", [3; 32], b"1"), None);
    }

    #[test]
    fn callers_get_gzip_where_they_take_it() {
        let takes = |value: &str| {
            takes_gzip(&TestRequest::default().insert_header(("accept-encoding", value)).to_http_request())
        };
        for value in ["gzip", "gzip, deflate, br, zstd", "br;q=1, gzip;q=0.5", "gzip, *;q=0"] {
            assert!(takes(value), "{value}");
        }
        for value in ["", "identity", "br", "gzip;q=0", "identity, gzip;q=0.5", "gzip;q=much"] {
            assert!(!takes(value), "{value}");
        }
        assert!(!takes_gzip(&TestRequest::default().to_http_request()));
    }

    fn unzipped(bytes: &[u8]) -> Vec<u8> {
        let mut plain = Vec::new();
        GzDecoder::new(bytes).read_to_end(&mut plain).unwrap();
        plain
    }

    #[test]
    fn the_binary_carries_what_is_served_and_nothing_else() {
        let files: Vec<_> = Web::iter().collect();
        assert!(files.iter().any(|path| path == INDEX), "{files:?}");
        for path in files {
            assert!(is_served(&path) && content_type(&path).is_some(), "{path}");
        }
    }
}
