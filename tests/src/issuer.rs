//! An OpenID Connect issuer for tests: its discovery document, its keys, and tokens that it signs (RS256).

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use serde_json::{Value as Json, json};

/// Of no worth outside these tests.
const KEY: &[u8] = include_bytes!("../fixtures/issuer/rsa.pk8");
const KEY_ID: &str = "test-key";

/// An issuer that answers until the process ends.
pub struct Issuer {
    /// Its URL: the `iss` claim.
    pub url: String,
    key: KeyPair,
}

impl Default for Issuer {
    fn default() -> Self {
        Self::start()
    }
}

impl Issuer {
    /// Starts one.
    ///
    /// # Panics
    /// If there is no port for it.
    pub fn start() -> Self {
        let key = KeyPair::from_pkcs8(KEY).expect("a key of one's own");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let public = PublicKeyComponents::<Vec<u8>>::from(key.public());
        let (n, e) = (URL_SAFE_NO_PAD.encode(&public.n), URL_SAFE_NO_PAD.encode(&public.e));
        let keys = json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e }] });
        let about = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        std::thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let mut line = String::new();
                let mut reader = BufReader::new(stream.try_clone().expect("a second handle"));
                let _ = reader.read_line(&mut line);
                let mut header = String::new();
                while reader.read_line(&mut header).is_ok_and(|read| read > 2) {
                    header.clear();
                }
                let (status, body) = match line.split(' ').nth(1) {
                    Some("/.well-known/openid-configuration") => ("200 OK", about.to_string()),
                    Some("/keys") => ("200 OK", keys.to_string()),
                    _ => ("404 Not Found", "{}".to_owned()),
                };
                let length = body.len();
                let head = format!(
                    "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n"
                );
                let _ = write!(stream, "{head}connection: close\r\n\r\n{body}");
            }
        });
        Self { url, key }
    }

    /// A token with these claims over `iss`, `exp` (in an hour) and this audience.
    ///
    /// # Panics
    /// If the claims are no object.
    pub fn token(&self, audience: &str, claims: &Json) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        let mut all = json!({ "iss": self.url, "aud": audience, "iat": now, "exp": now + 3600 });
        all.as_object_mut().expect("an object").extend(claims.as_object().expect("claims").clone());
        let encode = |json: &Json| URL_SAFE_NO_PAD.encode(json.to_string());
        let head = encode(&json!({ "alg": "RS256", "typ": "JWT", "kid": KEY_ID }));
        let signed = format!("{head}.{}", encode(&all));
        let mut signature = vec![0; self.key.public().modulus_len()];
        let random = ring::rand::SystemRandom::new();
        self.key.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}
