//! The headers that every answer has, whatever it is: what browsers may do with it.

use actix_web::HttpRequest;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use crate::session::origin::is_loopback_host;

use super::guard::Rates;

/// For what is no page: nothing may be loaded from it, and nobody may frame it.
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
/// Answers with a tag may be kept, but only by who asked, and are asked for anew each time: that is what
/// the tag is for. Everything else is kept by nobody.
const REVALIDATED: &str = "private, no-cache";
const NOT_KEPT: &str = "no-store";
/// A year. No `includeSubDomains`: what else has a name below the hub's is not the hub's to decide.
const HSTS: &str = "max-age=31536000";

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// What is known of a request when its answer gets its headers.
#[derive(Clone, Default)]
pub(super) struct Dress {
    /// How the caller stands towards the limits.
    pub(super) rates: Rates,
    hsts: bool,
}

impl Dress {
    /// For the answer to `request`, which came by the hub's own TLS or not.
    pub(super) fn new(request: &HttpRequest, tls: bool) -> Dress {
        // Browsers keep this by name, whatever the port: no other server of `localhost` may be locked out.
        Dress { rates: Rates::default(), hsts: tls && !is_loopback_host(host(request)) }
    }

    /// Adds the headers; what the answer says itself stays.
    pub(super) fn put_on(&self, headers: &mut HeaderMap) {
        for (name, value) in [
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_FRAME_OPTIONS, "DENY"),
            (header::CROSS_ORIGIN_OPENER_POLICY, "same-origin"),
            // Holds for requests without CORS alone: pages of the configured origins ask with it.
            (header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin"),
            (header::CONTENT_SECURITY_POLICY, API_POLICY),
        ] {
            if !headers.contains_key(&name) {
                headers.insert(name, HeaderValue::from_static(value));
            }
        }
        if !headers.contains_key(header::CACHE_CONTROL) {
            let kept = if headers.contains_key(header::ETAG) { REVALIDATED } else { NOT_KEPT };
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(kept));
        }
        if self.hsts {
            headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(HSTS));
        }
        let (limits, policies): (Vec<_>, Vec<_>) =
            self.rates.all().map(|status| (status.header(), status.policy_header())).unzip();
        for (name, values) in [(RATE_LIMIT, limits), (RATE_LIMIT_POLICY, policies)] {
            if !values.is_empty()
                && let Ok(value) = HeaderValue::from_str(&values.join(", "))
            {
                headers.insert(name, value);
            }
        }
    }
}

/// The name that a request is for: HTTP/2 has it in the address.
pub(super) fn host(request: &HttpRequest) -> &str {
    let authority = request.uri().authority().map(|authority| authority.as_str());
    let header = || request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    authority.or_else(header).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn dressed(tls: bool, host: &'static str, own: &[(HeaderName, &'static str)]) -> HeaderMap {
        let request = TestRequest::default().insert_header((header::HOST, host)).to_http_request();
        let mut headers = HeaderMap::new();
        for (name, value) in own {
            headers.insert(name.clone(), HeaderValue::from_static(value));
        }
        Dress::new(&request, tls).put_on(&mut headers);
        headers
    }

    #[test]
    fn what_an_answer_says_itself_stays() {
        let plain = dressed(false, "hub.example", &[]);
        assert_eq!(plain.get(header::CONTENT_SECURITY_POLICY).unwrap(), API_POLICY);
        assert_eq!(plain.get(header::CACHE_CONTROL).unwrap(), NOT_KEPT);
        let own =
            [(header::CONTENT_SECURITY_POLICY, "default-src 'self'"), (header::CACHE_CONTROL, "no-cache")];
        let page = dressed(false, "hub.example", &own);
        assert_eq!(page.get(header::CONTENT_SECURITY_POLICY).unwrap(), "default-src 'self'");
        assert_eq!(page.get(header::CACHE_CONTROL).unwrap(), "no-cache");
        assert_eq!(page.get_all(header::CACHE_CONTROL).count(), 1);
        let tagged = dressed(false, "hub.example", &[(header::ETAG, "\"e-1\"")]);
        assert_eq!(tagged.get(header::CACHE_CONTROL).unwrap(), REVALIDATED);
    }

    #[test]
    fn names_that_others_share_are_not_pinned_to_tls() {
        let pinned = |tls, host| dressed(tls, host, &[]).contains_key(header::STRICT_TRANSPORT_SECURITY);
        assert!(pinned(true, "hub.example:8443"));
        assert!(!pinned(false, "hub.example"));
        for shared in ["localhost:8443", "127.0.0.1", "[::1]:8443", "a.localhost"] {
            assert!(!pinned(true, shared), "{shared}");
        }
    }
}
