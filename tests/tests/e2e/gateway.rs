//! What a client of a deployed API sees.

use std::time::{Duration, Instant};

use sf_e2e::{Env, Project, http};

use crate::support::manifest;

const ROUTES: &str = "http = [\"GET /things/{id}\", \"GET /things/latest\", \"ANY /echo\", \"GET /files/{path+}\", \"POST /slow\"]";
const CODE: &str = r#"
let inside = 0, most = 0;
export async function all(request, ctx) {
  const { pathname } = new URL(request.url);
  if (pathname === "/slow") {
    most = Math.max(most, ++inside);
    await new Promise((done) => setTimeout(done, 300));
    inside--;
    return Response.json({ most });
  }
  if (pathname === "/echo") {
    const body = await request.arrayBuffer();
    return new Response(body, { headers: [["x-method", request.method], ["set-cookie", "a=1"], ["set-cookie", "b=2"]] });
  }
  return Response.json({ pathname, params: ctx.params });
}
"#;

fn project(env: &Env) -> Project<'_> {
    let text = manifest("gateway", &[("all", ROUTES)]);
    let api = "\n[api]\ncors = { origins = [\"https://a.example\"], headers = [\"authorization\"], max-age = \"1h\" }\n";
    let project = env.project("gateway", &[("sf.toml", &format!("{text}{api}")), ("all.mjs", CODE)]);
    let _ = project.deploy();
    project
}

#[test]
fn the_most_exact_route_answers() {
    let env = Env::new();
    let project = project(&env);
    let params = |path: &str| project.get(path).json()["params"].to_string();
    assert_eq!(params("/things/7"), r#"{"id":"7"}"#);
    assert_eq!(params("/things/a%20b%2Fc"), r#"{"id":"a b/c"}"#);
    assert_eq!(params("/things/latest"), "{}");
    assert_eq!(params("/files/a/b/c.txt"), r#"{"path":"a/b/c.txt"}"#);
    assert_eq!(project.get("/nothing").status, 404);
    let url = project.url();
    let wrong = http::send("DELETE", &format!("{url}/things/7"), &[], b"").unwrap();
    assert_eq!(wrong.status, 405);
    assert!(wrong.header("allow").is_some_and(|allow| allow.contains("GET")), "{:?}", wrong.headers);
}

#[test]
fn bytes_and_cookies_pass_unharmed() {
    let env = Env::new();
    let url = format!("{}/echo", project(&env).url());
    let body: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
    let answer = http::send("PUT", &url, &[], &body).unwrap();
    assert_eq!((answer.status, answer.header("x-method")), (200, Some("PUT")));
    assert!(answer.body == body, "{} bytes came back", answer.body.len());
    let cookies = answer.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).count();
    assert_eq!(cookies, 2);
}

#[test]
fn cross_origin_requests_are_answered_as_the_manifest_says() {
    let env = Env::new();
    let url = format!("{}/echo", project(&env).url());
    let preflight = |origin| {
        let headers = [("origin", origin), ("access-control-request-method", "PUT")];
        http::send("OPTIONS", &url, &headers, b"").unwrap()
    };
    let allowed = preflight("https://a.example");
    assert_eq!(allowed.header("access-control-allow-origin"), Some("https://a.example"));
    assert_eq!(allowed.header("access-control-max-age"), Some("3600"));
    assert!(
        allowed.header("access-control-allow-headers").is_some_and(|names| names.contains("authorization"))
    );
    assert_eq!(preflight("https://evil.example").header("access-control-allow-origin"), None);
    let simple = http::send("GET", &url, &[("origin", "https://a.example")], b"").unwrap();
    assert_eq!(simple.header("access-control-allow-origin"), Some("https://a.example"));
}

#[test]
fn one_worker_takes_several_requests_at_once() {
    let env = Env::new();
    let url = format!("{}/slow", project(&env).url());
    let start = Instant::now();
    let calls: Vec<_> = (0..5)
        .map(|_| {
            let url = url.clone();
            std::thread::spawn(move || {
                http::send("POST", &url, &[], b"").unwrap().json()["most"].as_u64().unwrap()
            })
        })
        .collect();
    let most = calls.into_iter().map(|call| call.join().unwrap()).max();
    assert!(most >= Some(2), "at most {most:?} at once, in {:?}", start.elapsed());
    assert!(start.elapsed() < Duration::from_secs(60));
}

#[test]
fn the_control_api_is_for_those_who_have_its_token() {
    let env = Env::new();
    let _ = project(&env);
    let url = format!("{}/v1/status", env.host().url);
    assert_eq!(http::get(&url).status, 401);
    let with = |token: &str| {
        http::send("GET", &url, &[("authorization", &format!("Bearer {token}"))], b"").unwrap().status
    };
    assert_eq!((with("wrong"), with(env.host().token())), (401, 200));
}
