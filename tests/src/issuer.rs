//! An OpenID Connect issuer for tests: its discovery document, its keys, and tokens that it signs (RS256).

use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rsa::{KeyPair, PublicKeyComponents};
use ring::signature::RSA_PKCS1_SHA256;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value as Json, json};

use crate::env::repository;
use crate::http::Head;

/// Of no worth outside these tests.
const KEY: &[u8] = include_bytes!("../fixtures/issuer/rsa.pk8");
const KEY_ID: &str = "test-key";
/// Of 127.0.0.1, signed by the authority of [`Issuer::certificate`], which has the same key.
const CERTIFICATE: &[u8] = include_bytes!("../fixtures/issuer/leaf.pem");

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
        Self::serve("http", |documents, stream| documents.answer(&mut BufReader::new(stream)))
    }

    /// Starts one that is reached by TLS, as clouds want it: for clients that trust [`Self::certificate`].
    ///
    /// # Panics
    /// If there is no port for it.
    pub fn start_tls() -> Self {
        let config = Arc::new(tls());
        Self::serve("https", move |documents, stream| {
            let session = ServerConnection::new(config.clone()).map_err(io::Error::other)?;
            let mut stream = BufReader::new(StreamOwned::new(session, stream));
            documents.answer(&mut stream)?;
            stream.get_mut().conn.send_close_notify();
            stream.get_mut().flush()
        })
    }

    /// The file with the authority of every issuer that is reached by TLS.
    pub fn certificate() -> PathBuf {
        repository().join(Path::new("tests/fixtures/issuer/tls.pem"))
    }

    fn serve(
        scheme: &str,
        answer: impl Fn(&Documents, TcpStream) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        let key = KeyPair::from_pkcs8(KEY).expect("a key of one's own");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("{scheme}://{}", listener.local_addr().expect("an address"));
        let documents = Documents::new(&url, &key);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that goes away, or that does not trust the certificate, finds out by itself.
                let _ = answer(&documents, stream);
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

/// What an issuer has to say.
struct Documents {
    about: String,
    keys: String,
}

impl Documents {
    fn new(url: &str, key: &KeyPair) -> Self {
        let public = PublicKeyComponents::<Vec<u8>>::from(key.public());
        let (n, e) = (URL_SAFE_NO_PAD.encode(&public.n), URL_SAFE_NO_PAD.encode(&public.e));
        let keys = json!({ "keys": [{ "kty": "RSA", "use": "sig", "alg": "RS256", "kid": KEY_ID, "n": n, "e": e }] });
        let about = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        Self { about: about.to_string(), keys: keys.to_string() }
    }

    /// Answers one request.
    fn answer(&self, stream: &mut BufReader<impl Read + Write>) -> io::Result<()> {
        let Some(request) = Head::read(stream)? else { return Ok(()) };
        let (status, body) = match request.first.split(' ').nth(1) {
            Some("/.well-known/openid-configuration") => ("200 OK", self.about.as_str()),
            Some("/keys") => ("200 OK", self.keys.as_str()),
            _ => ("404 Not Found", "{}"),
        };
        let length = body.len();
        let head =
            format!("HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n");
        write!(stream.get_mut(), "{head}connection: close\r\n\r\n{body}")
    }
}

/// What whoever trusts [`Issuer::certificate`] trusts.
pub(crate) fn tls() -> ServerConfig {
    let certificate = CertificateDer::from_pem_slice(CERTIFICATE).expect("a certificate of one's own");
    let key = PrivatePkcs8KeyDer::from(KEY).into();
    ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions that ring can speak")
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key that fits its certificate")
}
