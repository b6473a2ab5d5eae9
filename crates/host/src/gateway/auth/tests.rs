use http::header::AUTHORIZATION;
use serde_json::json;

use super::jwk::Keys;
use super::*;

#[expect(dead_code, reason = "shared with the tests against a host")]
#[path = "../../../tests/it/signer.rs"]
mod signer;

use signer::{Signer, hmac_token, message};

const NOW: f64 = 1_800_000_000.0;
const ISSUER: &str = "https://id.example/";

fn spec(audience: &[&str]) -> AuthorizerSpec {
    let audience = audience.iter().map(|text| (*text).to_owned()).collect();
    AuthorizerSpec { issuer: ISSUER.into(), audience }
}

fn claims() -> Value {
    json!({ "iss": ISSUER, "sub": "7", "aud": "app", "exp": NOW + 600.0 })
}

fn keys(signers: &[&Signer]) -> Keys {
    let keys: Vec<Value> = signers.iter().map(|signer| signer.jwk()).collect();
    Keys::parse(json!({ "keys": keys }).to_string().as_bytes()).unwrap()
}

fn verify(token: &str, keys: &Keys, audience: &[&str]) -> Result<Value, &'static str> {
    let verified = Unverified::parse(token).and_then(|token| token.verify(keys, &spec(audience), NOW));
    verified.map_err(|denied| match denied {
        Denied::Invalid(message) | Denied::Malformed(message) => message,
        other => panic!("{other:?}"),
    })
}

#[test]
fn every_accepted_algorithm_verifies_what_its_key_signed() {
    for algorithm in ["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA"] {
        let signer = Signer::new("one", algorithm);
        let keys = keys(&[&Signer::new("two", "ES256"), &signer]);
        let token = signer.token(&claims());
        assert_eq!(verify(&token, &keys, &["app"]), Ok(claims()), "{algorithm}");
        // One other character in the claims, or in the signature.
        for at in [token.find('.').unwrap() + 5, token.len() - 5] {
            let other = if token.as_bytes()[at] == b'A' { "B" } else { "A" };
            let mut changed = token.clone();
            changed.replace_range(at..=at, other);
            assert!(verify(&changed, &keys, &["app"]).is_err(), "{algorithm} {at}");
        }
    }
}

#[test]
fn a_token_does_not_choose_its_algorithm() {
    let signer = Signer::new("one", "RS256");
    let keys = keys(&[&signer, &Signer::new("two", "ES256")]);
    let refused = "the token's algorithm is not accepted";
    for name in ["none", "None", "NONE", "", "HS256", "HS512", "RS1", "ES512"] {
        let unsigned = format!("{}.", message(&json!({ "alg": name, "kid": "one" }), &claims()));
        assert_eq!(verify(&unsigned, &keys, &[]), Err(refused), "{name}");
    }
    let jwk = signer.jwk();
    for secret in [jwk.to_string(), jwk["n"].as_str().unwrap().to_owned()] {
        assert_eq!(verify(&hmac_token(secret.as_bytes(), "one", &claims()), &keys, &[]), Err(refused));
    }
    // A real signature, called by another name.
    for name in ["PS256", "RS512", "ES256", "EdDSA"] {
        let token = signer.token_with(&json!({ "alg": name, "kid": "one" }), &claims());
        assert_eq!(verify(&token, &keys, &[]), Err("the token's signature is not valid"), "{name}");
    }
}

#[test]
fn a_key_is_used_for_what_it_is_published_for() {
    let signer = Signer::new("one", "RS256");
    let token = signer.token(&claims());
    let with = |change: &dyn Fn(&mut Value)| {
        let mut jwk = signer.jwk();
        change(&mut jwk);
        let keys =
            Keys::parse(json!({ "keys": [{ "kty": "unheard of" }, jwk] }).to_string().as_bytes()).unwrap();
        verify(&token, &keys, &[]).is_ok()
    };
    assert!(with(&|_| {}));
    assert!(with(&|jwk| jwk["use"] = "sig".into()));
    assert!(with(&|jwk| jwk["key_ops"] = json!(["verify"])));
    assert!(with(&|jwk| jwk["alg"] = "RS256".into()));
    assert!(!with(&|jwk| jwk["use"] = "enc".into()));
    assert!(!with(&|jwk| jwk["key_ops"] = json!(["encrypt"])));
    assert!(!with(&|jwk| jwk["alg"] = "RS512".into()));
    assert!(!with(&|jwk| jwk["kid"] = "two".into()));
    assert!(!with(&|jwk| jwk["kty"] = "EC".into()));
}

#[test]
fn without_a_key_id_any_key_may_have_signed() {
    let signer = Signer::new("one", "ES256");
    let token = signer.token_with(&json!({ "alg": "ES256" }), &claims());
    assert!(verify(&token, &keys(&[&Signer::new("zero", "ES256"), &signer]), &[]).is_ok());
    assert!(verify(&token, &keys(&[&Signer::new("one", "ES256")]), &[]).is_err());
}

#[test]
fn claims_are_for_us_and_for_now() {
    let signer = Signer::new("one", "EdDSA");
    let keys = keys(&[&signer]);
    let with = |change: &dyn Fn(&mut Value), audience: &[&str]| {
        let mut claims = claims();
        change(&mut claims);
        verify(&signer.token(&claims), &keys, audience).map(drop)
    };
    let other = Err("the token is of another issuer");
    for issuer in ["https://id.example", "https://id.example//", "https://evil.example/"] {
        assert_eq!(with(&|claims| claims["iss"] = issuer.into(), &[]), other, "{issuer}");
    }
    assert_eq!(with(&|claims| drop(claims.as_object_mut().unwrap().remove("iss")), &[]), other);

    let other = Err("the token is for another audience");
    assert_eq!(with(&|_| {}, &["else", "app"]), Ok(()));
    assert_eq!(with(&|_| {}, &["else"]), other);
    assert_eq!(with(&|claims| claims["aud"] = json!(["x", "app"]), &["app"]), Ok(()));
    assert_eq!(with(&|claims| claims["aud"] = json!([]), &["app"]), other);
    assert_eq!(with(&|claims| drop(claims.as_object_mut().unwrap().remove("aud")), &["app"]), other);
    let client = |claims: &mut Value| {
        claims.as_object_mut().unwrap().remove("aud");
        claims["client_id"] = "app".into();
    };
    assert_eq!(with(&client, &["app"]), Ok(()));
    let both = |claims: &mut Value| claims["client_id"] = "client".into();
    assert_eq!(with(&both, &["client"]), other);

    let expired = Err("the token has expired");
    assert_eq!(with(&|claims| claims["exp"] = json!(NOW - 59.0), &[]), Ok(()));
    assert_eq!(with(&|claims| claims["exp"] = json!(NOW - 60.0), &[]), expired);
    let undated = Err("the token does not say when it expires");
    assert_eq!(with(&|claims| claims["exp"] = "soon".into(), &[]), undated);
    assert_eq!(with(&|claims| drop(claims.as_object_mut().unwrap().remove("exp")), &[]), undated);
    let early = Err("the token is not valid yet");
    assert_eq!(with(&|claims| claims["nbf"] = json!(NOW + 60.0), &[]), Ok(()));
    assert_eq!(with(&|claims| claims["nbf"] = json!(NOW + 61.0), &[]), early);
    assert_eq!(with(&|claims| claims["nbf"] = Value::Null, &[]), early);
}

#[test]
fn what_is_no_token_is_refused() {
    let signer = Signer::new("one", "EdDSA");
    let keys = keys(&[&signer]);
    let token = signer.token(&claims());
    for text in ["", ".", "..", "a.b.c", "e30.e30.", &token[..token.len() - 86], &format!("{token}=")] {
        assert!(verify(text, &keys, &[]).is_err(), "{text}");
    }
    assert!(verify(&format!("{token}.x"), &keys, &[]).is_err());
    assert!(verify(&signer.token(&json!("text")), &keys, &[]).is_err());
    let critical = json!({ "alg": "EdDSA", "kid": "one", "crit": ["exp"] });
    assert!(verify(&signer.token_with(&critical, &claims()), &keys, &[]).is_err());
    let long = json!({ "iss": ISSUER, "exp": NOW + 1.0, "more": "x".repeat(20_000) });
    assert_eq!(verify(&signer.token(&long), &keys, &[]), Err("the token is too long"));
}

#[test]
fn the_token_is_in_one_authorization_header() {
    let bearer = |values: &[&str]| {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, HeaderValue::from_str(value).unwrap());
        }
        super::token::bearer(&headers).map(str::to_owned)
    };
    assert_eq!(bearer(&["Bearer abc"]), Ok("abc".into()));
    assert_eq!(bearer(&["bEARER  abc"]), Ok("abc".into()));
    assert_eq!(bearer(&[]), Err(Denied::Missing));
    assert_eq!(bearer(&["Basic abc"]), Err(Denied::Missing));
    assert_eq!(bearer(&["abc"]), Err(Denied::Missing));
    assert!(matches!(bearer(&["Bearer a", "Bearer b"]), Err(Denied::Malformed(_))));
}

#[test]
fn a_client_learns_what_the_standard_lets_it_learn() {
    let answer = |denied: Denied| {
        let response = denied.problem().response();
        let challenge =
            response.headers().get(WWW_AUTHENTICATE).map(|value| value.to_str().unwrap().to_owned());
        (response.status().as_u16(), challenge)
    };
    assert_eq!(answer(Denied::Missing), (401, Some("Bearer".into())));
    let expired = r#"Bearer error="invalid_token", error_description="the token has expired""#;
    assert_eq!(answer(Denied::Invalid("the token has expired")), (401, Some(expired.into())));
    assert_eq!(answer(Denied::Malformed("two")).0, 400);
    assert_eq!(answer(Denied::Unavailable), (503, None));
}
