use super::*;

const KEYS: &str = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "one", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;

fn filled(now: Instant) -> Cache {
    let mut cache = Cache::default();
    cache.succeeded(Keys::parse(KEYS.as_bytes()).unwrap(), FRESH, now);
    cache
}

fn advice(cache: &Cache, key: Option<&str>, now: Instant) -> &'static str {
    match cache.advise(key, now) {
        Advice::Use(_) => "use",
        Advice::UseAndRefresh(_) => "refresh",
        Advice::Fetch => "fetch",
        Advice::Unavailable => "unavailable",
    }
}

#[test]
fn keys_are_fetched_once_and_then_remembered() {
    let now = Instant::now();
    assert_eq!(advice(&Cache::default(), Some("one"), now), "fetch");
    let cache = filled(now);
    for key in [None, Some("one")] {
        assert_eq!(advice(&cache, key, now + FRESH - Duration::from_secs(1)), "use");
        assert_eq!(advice(&cache, key, now + FRESH), "refresh");
    }
}

#[test]
fn an_unknown_key_is_asked_for_once_a_minute() {
    let now = Instant::now();
    let mut cache = filled(now);
    assert_eq!(advice(&cache, Some("two"), now), "fetch");
    cache.unknown = Some(now);
    assert_eq!(advice(&cache, Some("two"), now + UNKNOWN - Duration::from_secs(1)), "use");
    assert_eq!(advice(&cache, Some("two"), now + UNKNOWN), "fetch");
}

#[test]
fn an_issuer_that_fails_keeps_its_old_keys_for_a_day() {
    let now = Instant::now();
    let mut cache = filled(now);
    let later = now + FRESH;
    cache.failed = Some(later);
    assert_eq!(advice(&cache, Some("one"), later + RETRY - Duration::from_secs(1)), "use");
    assert_eq!(advice(&cache, Some("one"), later + RETRY), "refresh");
    assert_eq!(advice(&cache, Some("two"), later), "unavailable");
    let end = now + STALE;
    assert_eq!(advice(&cache, Some("one"), end - Duration::from_secs(1)), "refresh");
    assert_eq!(advice(&cache, Some("one"), end), "fetch");
    cache.failed = Some(end);
    assert_eq!(advice(&cache, Some("one"), end), "unavailable");
}

#[test]
fn an_issuer_says_how_long_within_bounds() {
    let seconds = |text| freshness(text).as_secs();
    assert_eq!(seconds("public, max-age=3600"), 3600);
    assert_eq!(seconds("max-age=1"), 60);
    assert_eq!(seconds("max-age=99999999"), 24 * 3600);
    assert_eq!(seconds("no-store, max-age=3600"), 60);
    assert_eq!(seconds("public"), 600);
}

#[test]
fn the_keys_of_a_discovery_document_are_its_issuers_own() {
    let issuer = Issuer::new("https://id.example/a");
    let url = parse("https://id.example/a/.well-known/openid-configuration").unwrap();
    let discovered = |json: &str| issuer.discovered(&url, json.as_bytes()).map(String::from);
    let good = r#"{"issuer": "https://id.example/a", "jwks_uri": "https://keys.example/k"}"#;
    assert_eq!(discovered(good).unwrap(), "https://keys.example/k");
    for bad in [
        r#"{"issuer": "https://id.example/a/", "jwks_uri": "https://keys.example/k"}"#,
        r#"{"jwks_uri": "http://keys.example/k"}"#,
        r#"{"jwks_uri": "file:///etc/passwd"}"#,
        "{}",
    ] {
        assert!(discovered(bad).is_err(), "{bad}");
    }
}
