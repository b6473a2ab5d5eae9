//! JWT authorizers against an issuer in this process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};

use crate::signer::{Signer, hmac_token, message, now};
use crate::stand::{Answer, Stand};

/// Serves keys, and can be told to fail.
#[derive(Clone, Default)]
struct Issuer {
    url: String,
    expires: u64,
    keys: Arc<Mutex<Vec<Value>>>,
    fails: Arc<Mutex<bool>>,
    fetches: Arc<AtomicU64>,
}

impl Issuer {
    /// With a discovery document, or with nothing but keys.
    async fn start(signers: &[&Signer], is_discoverable: bool) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Self { url, expires: now() + 600, ..Self::default() };
        issuer.publish(signers);
        let mut router = Router::new();
        let keys = match is_discoverable {
            true => {
                let discovery = json!({ "issuer": issuer.url, "jwks_uri": format!("{}/keys", issuer.url) });
                let answer = get(move || std::future::ready(Json(discovery)));
                router = router.route("/.well-known/openid-configuration", answer);
                "/keys"
            }
            false => "/.well-known/jwks.json",
        };
        let router = router.route(keys, get(published)).with_state(issuer.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    fn publish(&self, signers: &[&Signer]) {
        *self.keys.lock().unwrap() = signers.iter().map(|signer| signer.jwk()).collect();
    }

    fn claims(&self) -> Value {
        json!({ "iss": self.url, "sub": "7", "aud": ["app"], "exp": self.expires, "name": "Zoë" })
    }
}

async fn published(State(issuer): State<Issuer>) -> Result<Json<Value>, StatusCode> {
    issuer.fetches.fetch_add(1, Ordering::SeqCst);
    if *issuer.fails.lock().unwrap() {
        return Err(StatusCode::BAD_GATEWAY);
    }
    Ok(Json(json!({ "keys": *issuer.keys.lock().unwrap() })))
}

const CODE: &str = "export const who = (request, ctx) => Response.json(ctx.auth);\n";
const PROGRAM: &str = "#!/usr/bin/env python3
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = json.dumps([[name.lower(), value] for name, value in self.headers.items()]).encode()
        self.send_response(200)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
http.server.ThreadingHTTPServer(('127.0.0.1', int(os.environ['PORT'])), Handler).serve_forever()
";

async fn stand(issuer: &Issuer) -> Stand {
    let mut stand = Stand::new(json!({}), CODE, PROGRAM).await;
    stand.put("authorizer", "users", json!({ "issuer": issuer.url, "audience": ["app"] })).await;
    for function in ["who", "web"] {
        stand.function(function).await;
    }
    let users = json!({ "auth": "users" });
    stand.route("GET /who", "who", users.clone()).await;
    stand.route("GET /web", "web", users).await;
    stand.route("GET /open", "who", json!({})).await;
    stand.release().await;
    stand
}

async fn with(stand: &Stand, path: &str, token: &str) -> Answer {
    stand.send(&format!("GET {path}"), &[&format!("authorization: Bearer {token}")], "").await
}

#[tokio::test(flavor = "multi_thread")]
async fn verified_claims_reach_the_function() {
    for algorithm in ["RS256", "ES256"] {
        let signer = Signer::new("one", algorithm);
        let issuer = Issuer::start(&[&signer], algorithm == "RS256").await;
        let stand = stand(&issuer).await;
        let token = signer.token(&issuer.claims());
        let answer = with(&stand, "/who", &token).await;
        assert_eq!((answer.status, answer.json()), (200, issuer.claims()), "{algorithm}");
        assert_eq!(with(&stand, "/open", &token).await.json(), Value::Null);

        // A program gets them as a header, and none that a client made up.
        let forged = ["x-sf-auth: forged", "X_Sf_Auth: forged", "x-sf_auth: forged"];
        let bearer = format!("authorization: Bearer {token}");
        let lines: Vec<&str> = forged.iter().copied().chain([bearer.as_str()]).collect();
        let headers = stand.send("GET /web", &lines, "").await.json();
        let is_auth = |pair: &&Value| pair[0].as_str().unwrap().replace('_', "-") == "x-sf-auth";
        let auth: Vec<&Value> = headers.as_array().unwrap().iter().filter(is_auth).collect();
        assert_eq!(auth.len(), 1, "{headers}");
        use base64::Engine as _;
        let bytes = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(auth[0][1].as_str().unwrap());
        assert_eq!(serde_json::from_slice::<Value>(&bytes.unwrap()).unwrap(), issuer.claims());
        assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_else_gets_in() {
    let signer = Signer::new("one", "RS256");
    let issuer = Issuer::start(&[&signer], true).await;
    let stand = stand(&issuer).await;
    let missing = stand.get("/who").await;
    assert_eq!((missing.status, missing.header("www-authenticate")), (401, Some("Bearer")));
    assert_eq!(missing.json()["error"], "unauthorized");

    let claim = |name: &str, value: Value| {
        let mut claims = issuer.claims();
        claims[name] = value;
        signer.token(&claims)
    };
    let public = signer.jwk()["n"].as_str().unwrap().to_owned();
    let tokens = [
        ("expired", claim("exp", (now() - 61).into())),
        ("not yet", claim("nbf", (now() + 120).into())),
        ("another audience", claim("aud", "else".into())),
        ("another issuer", claim("iss", format!("{}/", issuer.url).into())),
        ("unsigned", format!("{}.", message(&json!({ "alg": "none" }), &issuer.claims()))),
        ("public key as secret", hmac_token(public.as_bytes(), "one", &issuer.claims())),
        ("another's key", Signer::new("one", "ES256").token(&issuer.claims())),
        ("unknown key", Signer::new("two", "RS256").token(&issuer.claims())),
        ("garbage", "garbage".to_owned()),
    ];
    for (what, token) in tokens {
        let answer = with(&stand, "/who", &token).await;
        assert_eq!(answer.status, 401, "{what}: {answer:?}");
        let challenge = answer.header("www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer error=\"invalid_token\""), "{what}: {challenge}");
        assert!(!answer.body.contains("http://"), "{what}: {answer:?}");
    }
    let two = ["authorization: Bearer a", "authorization: Bearer b"];
    assert_eq!(stand.send("GET /who", &two, "").await.status, 400);
    assert_eq!(with(&stand, "/who", &signer.token(&issuer.claims())).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_is_found_and_unknown_ones_ask_once() {
    let (old, new) = (Signer::new("old", "ES256"), Signer::new("new", "ES384"));
    let issuer = Issuer::start(&[&old], true).await;
    let mut stand = stand(&issuer).await;
    assert_eq!(with(&stand, "/who", &old.token(&issuer.claims())).await.status, 200);
    issuer.publish(&[&new]);
    assert_eq!(with(&stand, "/who", &new.token(&issuer.claims())).await.status, 200);
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 2);
    // The old key is gone, and asking for it again would be asking too often.
    for _ in 0..5 {
        assert_eq!(with(&stand, "/who", &old.token(&issuer.claims())).await.status, 401);
    }
    // Nor does a release forget what was learned.
    stand.route("GET /else", "who", json!({ "auth": "users" })).await;
    stand.release().await;
    assert_eq!(with(&stand, "/else", &new.token(&issuer.claims())).await.status, 200);
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_that_come_together_share_one_fetch() {
    let signer = Signer::new("one", "ES256");
    let issuer = Issuer::start(&[&signer], true).await;
    let stand = stand(&issuer).await;
    let token = signer.token(&issuer.claims());
    let answers = futures_util::future::join_all((0..20).map(|_| with(&stand, "/who", &token))).await;
    assert!(answers.iter().all(|answer| answer.status == 200));
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_fails_is_not_the_clients_fault() {
    let signer = Signer::new("one", "ES256");
    let issuer = Issuer::start(&[&signer], true).await;
    *issuer.fails.lock().unwrap() = true;
    let stand = stand(&issuer).await;
    let token = signer.token(&issuer.claims());
    let answer = with(&stand, "/who", &token).await;
    assert_eq!((answer.status, &answer.json()["error"]), (503, &json!("authorizer-unavailable")));
    assert!(answer.header("retry-after").is_some());
    // It is not asked again at once.
    assert_eq!(with(&stand, "/who", &token).await.status, 503);
    assert_eq!(issuer.fetches.load(Ordering::SeqCst), 1);
    // What needs no keys is answered all the same.
    assert_eq!(stand.get("/who").await.status, 401);
    assert_eq!(stand.get("/open").await.status, 200);
}
