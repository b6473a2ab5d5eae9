//! Public keys as an issuer publishes them (RFC 7517, RFC 7518, RFC 8037), and signatures by them.
//!
//! ring does the mathematics; here is only which of its algorithms a token's `alg` may mean for which key. A key of the wrong type for the
//! algorithm is no key at all, so that no public key is ever taken for a shared secret, and `none` is no algorithm.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::signature::{
    self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey, VerificationAlgorithm,
};
use serde::Deserialize;

/// Keys of one issuer; more are not looked at.
const MAX_KEYS: usize = 64;

/// What a token may be signed with.
#[derive(Clone, Copy)]
pub(super) enum Algorithm {
    Rsa(&'static RsaParameters),
    Curve(&'static dyn VerificationAlgorithm, Curve),
}

/// A key's curve, by its name in a JWK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
    Ed25519,
}

impl Algorithm {
    /// By its name in a token's header. Only signatures: with a MAC, whoever can verify could also sign.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "RS256" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Self::Rsa(&signature::RSA_PKCS1_2048_8192_SHA512),
            "PS256" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA256),
            "PS384" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA384),
            "PS512" => Self::Rsa(&signature::RSA_PSS_2048_8192_SHA512),
            "ES256" => Self::Curve(&signature::ECDSA_P256_SHA256_FIXED, Curve::P256),
            "ES384" => Self::Curve(&signature::ECDSA_P384_SHA384_FIXED, Curve::P384),
            "EdDSA" | "Ed25519" => Self::Curve(&signature::ED25519, Curve::Ed25519),
            _ => return None,
        })
    }
}

/// One published key, as far as it concerns signatures.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    purpose: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point, or an Ed25519 key's bytes.
    Curve(Curve, Vec<u8>),
}

/// A key that can verify.
pub(super) struct Key {
    id: Option<String>,
    /// The only algorithm it is for, if it says so.
    algorithm: Option<String>,
    material: Material,
}

/// An issuer's keys.
#[derive(Default)]
pub(super) struct Keys(Vec<Key>);

#[derive(Deserialize)]
struct Published {
    keys: Vec<serde_json::Value>,
}

impl Keys {
    /// What can be used of a JWK set; keys of unknown kinds in it are for others.
    pub(super) fn parse(json: &[u8]) -> Result<Self, serde_json::Error> {
        let published: Published = serde_json::from_slice(json)?;
        let keys = published.keys.into_iter().take(MAX_KEYS);
        Ok(Self(keys.filter_map(|key| Key::new(serde_json::from_value(key).ok()?)).collect()))
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn knows(&self, id: &str) -> bool {
        self.0.iter().any(|key| key.id.as_deref() == Some(id))
    }

    /// Whether one of the keys that the token may mean has signed it. Without a key id it may mean any.
    pub(super) fn verify(&self, id: Option<&str>, algorithm: &str, message: &[u8], signature: &[u8]) -> bool {
        let Some(how) = Algorithm::named(algorithm) else { return false };
        let meant = |key: &&Key| {
            id.is_none_or(|id| key.id.as_deref() == Some(id))
                && key.algorithm.as_deref().is_none_or(|only| only == algorithm)
        };
        self.0.iter().filter(meant).any(|key| key.verify(how, message, signature))
    }
}

impl Key {
    fn new(jwk: Jwk) -> Option<Self> {
        let is_for_signatures = jwk.purpose.as_deref().is_none_or(|purpose| purpose == "sig")
            && jwk.key_ops.as_ref().is_none_or(|uses| uses.iter().any(|usage| usage == "verify"));
        if !is_for_signatures {
            return None;
        }
        let bytes = |text: &Option<String>| URL_SAFE_NO_PAD.decode(text.as_deref()?).ok();
        let material = match (jwk.kty.as_str(), jwk.crv.as_deref()) {
            ("RSA", _) => Material::Rsa { n: unsigned(&bytes(&jwk.n)?), e: unsigned(&bytes(&jwk.e)?) },
            ("EC", Some("P-256")) => {
                Material::Curve(Curve::P256, point(&bytes(&jwk.x)?, &bytes(&jwk.y)?, 32)?)
            }
            ("EC", Some("P-384")) => {
                Material::Curve(Curve::P384, point(&bytes(&jwk.x)?, &bytes(&jwk.y)?, 48)?)
            }
            ("OKP", Some("Ed25519")) => Material::Curve(Curve::Ed25519, bytes(&jwk.x)?),
            _ => return None,
        };
        Some(Self { id: jwk.kid, algorithm: jwk.alg, material })
    }

    fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        match (&self.material, algorithm) {
            (Material::Rsa { n, e }, Algorithm::Rsa(parameters)) => {
                RsaPublicKeyComponents { n, e }.verify(parameters, message, signature).is_ok()
            }
            (Material::Curve(curve, bytes), Algorithm::Curve(how, wanted)) if *curve == wanted => {
                UnparsedPublicKey::new(how, bytes).verify(message, signature).is_ok()
            }
            (Material::Rsa { .. } | Material::Curve(..), _) => false,
        }
    }
}

/// ring wants numbers without leading zeros; some issuers have them.
fn unsigned(bytes: &[u8]) -> Vec<u8> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    bytes[zeros..].to_vec()
}

/// An uncompressed point: SEC 1, section 2.3.3.
fn point(x: &[u8], y: &[u8], size: usize) -> Option<Vec<u8>> {
    (x.len() == size && y.len() == size).then(|| [&[4], x, y].concat())
}
