//! The story of `examples/talent-market`, with the commands of its README: every event and resource there is, in three languages, and a
//! secret that stands nowhere.

use std::cell::RefCell;
use std::net::TcpStream;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use sf_e2e::http::{self, Response};
use sf_e2e::png::Picture;
use sf_e2e::{Env, Issuer, MailService, Project, Run, eventually};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

use crate::support::holding;

/// The value of the secret `smtp-password`: looked for everywhere.
const CANARY: &str = "canary-that-sings-nowhere";
const ADA: &str = "ada@example.com";

/// The deployed example, and what its user has.
struct Market<'env> {
    env: &'env Env,
    project: Project<'env>,
    issuer: &'env Issuer,
    mails: &'env MailService,
    url: String,
    /// All that `sf` printed.
    printed: RefCell<String>,
}

#[test]
fn the_story_of_the_market() {
    let (mut env, issuer, mails) = (Env::new(), Issuer::start(), MailService::start());
    env.set("ISSUER", issuer.url.clone());
    env.set("MAIL_URL", mails.url.clone());
    let market = Market::open(&env, &issuer, &mails);
    only_the_owner_changes_a_profile(&market);
    a_change_reaches_the_index(&market);
    a_portrait_is_made_small(&market);
    a_project_is_mailed_to_those_whom_it_concerns(&market);
    the_secret_stands_nowhere(&market);
    everyone_hears_everyone(&market);
    the_matcher_and_the_legacy_handler_answer(&market);
    at_night_there_is_a_report(&market);
    nothing_is_left_of_it(&market);
    the_secret_stands_nowhere_on_disk(&market);
}

impl<'env> Market<'env> {
    /// Sets the secret, then deploys.
    fn open(env: &'env Env, issuer: &'env Issuer, mails: &'env MailService) -> Self {
        let project = env.example("talent-market");
        let printed = RefCell::default();
        let mut market = Self { env, project, issuer, mails, url: String::new(), printed };
        let set = market.project.sf_given(&["secret", "set", "smtp-password"], &format!("{CANARY}\n"));
        // The test's own file; what is found of the value later, `sf` has written.
        std::fs::remove_file(env.dir().join("input")).unwrap();
        market.noted(set.ok());
        let _ = market.sf(&["plan", "--json"]);
        let deployed = market.sf(&["deploy", "--yes"]);
        assert!(!deployed.text().contains("no value"), "{}", deployed.text());
        market.url = market.project.url();
        market
    }

    fn sf(&self, args: &[&str]) -> Run {
        self.noted(self.project.sf(args).ok())
    }

    fn noted(&self, run: Run) -> Run {
        self.printed.borrow_mut().push_str(&run.text());
        run
    }

    /// A request to its API, as someone who signed in, or as a visitor.
    fn request(&self, method: &str, path: &str, who: Option<&str>, body: &Json) -> Response {
        let token = who.map(|sub| self.issuer.token("market", &json!({ "sub": sub })));
        self.request_with(method, path, token.as_deref(), body)
    }

    fn request_with(&self, method: &str, path: &str, token: Option<&str>, body: &Json) -> Response {
        let authorization = token.map(|token| format!("Bearer {token}"));
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(authorization.iter().map(|value| ("authorization", value.as_str())));
        let url = format!("{}{path}", self.url);
        http::send(method, &url, &headers, body.to_string().as_bytes()).unwrap()
    }

    fn get(&self, path: &str) -> Response {
        http::get(&format!("{}{path}", self.url))
    }

    /// The keys of everything in a bucket.
    fn objects(&self, bucket: &str) -> Vec<String> {
        let listed = self.sf(&["bucket", "ls", bucket, "--all", "--json"]).json();
        let objects = listed["objects"].as_array().unwrap();
        objects.iter().map(|object| object["key"].as_str().unwrap().to_owned()).collect()
    }

    fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let _ = self.sf(&["bucket", "get", bucket, key, "object"]);
        std::fs::read(self.project.dir.join("object")).unwrap()
    }
}

fn only_the_owner_changes_a_profile(market: &Market<'_>) {
    let ada = json!({ "name": "Ada", "email": ADA, "skills": ["rust", "analysis"] });
    let put = |who| market.request("PUT", "/profiles/1", who, &ada);
    let with = |token: &str| market.request_with("PUT", "/profiles/1", Some(token), &ada).status;

    let refused = put(None);
    assert_eq!(refused.status, 401, "{}", refused.text());
    assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
    assert_eq!(with("no.token.atall"), 401);
    assert_eq!(with(&market.issuer.token("another-market", &json!({ "sub": "1" }))), 401);
    assert_eq!(with(&market.issuer.token("market", &json!({ "sub": "1", "exp": 1_000_000_000 }))), 401);
    assert_eq!(with(&forged(market.issuer)), 401);
    assert_eq!(put(Some("2")).status, 403);
    assert_eq!(market.get("/profiles/1").status, 404, "somebody has put it");

    assert_eq!(market.request("PUT", "/profiles/1", Some("1"), &json!({})).status, 422);
    let taken = put(Some("1"));
    assert_eq!(taken.status, 200, "{}", taken.text());
    assert_eq!(market.get("/profiles/1").json()["skills"], json!(["rust", "analysis"]));
}

/// A token of somebody else, with a claim changed after it was signed.
fn forged(issuer: &Issuer) -> String {
    let token = |sub: &str| issuer.token("market", &json!({ "sub": sub }));
    let (mine, theirs) = (token("1"), token("2"));
    let signature = theirs.rsplit('.').next().unwrap();
    let claims = mine.rsplit_once('.').unwrap().0;
    format!("{claims}.{signature}")
}

fn a_change_reaches_the_index(market: &Market<'_>) {
    let found = |skill: &str, names: Json| {
        eventually(&format!("{skill}: {names}"), || {
            (market.get(&format!("/skills/{skill}")).json() == names).then_some(())
        });
    };
    found("analysis", json!([{ "id": "1", "name": "Ada" }]));
    let grace = r#"{"id": "2", "name": "Grace", "email": "grace@example.com", "skills": ["cobol"]}"#;
    let _ = market.sf(&["table", "put", "profiles", grace]);
    found("cobol", json!([{ "id": "2", "name": "Grace" }]));

    let changed = json!({ "name": "Ada", "email": ADA, "skills": ["rust", "poetry"] });
    assert_eq!(market.request("PUT", "/profiles/1", Some("1"), &changed).status, 200);
    found("poetry", json!([{ "id": "1", "name": "Ada" }]));
    found("analysis", json!([]));
    found("rust", json!([{ "id": "1", "name": "Ada" }]));
}

fn a_portrait_is_made_small(market: &Market<'_>) {
    assert_eq!(market.request("POST", "/profiles/1/portrait", None, &Json::Null).status, 401);
    assert_eq!(market.request("POST", "/profiles/1/portrait", Some("2"), &Json::Null).status, 403);
    let answer = market.request("POST", "/profiles/1/portrait", Some("1"), &Json::Null).json();
    // Stripes that are two pixels wide; a pixel of the small one is the mean of 4 by 4.
    let raw = Picture::drawn(256, 128, |x, y| [if x / 2 % 2 == 0 { 200 } else { 100 }, 10, (y / 4) as u8]);
    let link = answer["url"].as_str().unwrap();
    let put = http::send("PUT", link, &[], &raw.to_file()).unwrap();
    assert_eq!(put.status, 200, "{}", put.text());
    assert_eq!(http::get(link).status, 403, "a link to put is no link to get");

    eventually("the small one is there", || (market.objects("portraits").len() == 2).then_some(()));
    assert_eq!(market.objects("portraits"), ["raw/1.png", "small/1.png"]);
    let small = Picture::drawn(64, 32, |_, y| [150, 10, y as u8]);
    assert_eq!(Picture::of_file(&market.object("portraits", "small/1.png")), small);

    // The profile links to it, for anyone.
    let profile = market.get("/profiles/1").json();
    let shown = http::get(profile["portrait"].as_str().unwrap());
    assert_eq!((shown.status, shown.header("content-type")), (200, Some("image/png")));
    assert_eq!(Picture::of_file(&shown.body), small);
}

fn a_project_is_mailed_to_those_whom_it_concerns(market: &Market<'_>) {
    let compiler = json!({ "title": "A compiler", "skills": ["rust"] });
    assert_eq!(market.request("POST", "/projects", None, &compiler).status, 401);
    let posted = market.request("POST", "/projects", Some("2"), &compiler);
    assert_eq!((posted.status, posted.json()["by"].as_str()), (202, Some("2")), "{}", posted.text());

    eventually("the mail was refused", || (!market.mails.brought().is_empty()).then_some(()));
    let mails = eventually("the mail was brought again", || {
        // It is delivered again after a while, which nobody waits for.
        let _ = market.sf(&["host", "clock", "--advance", "1m"]);
        Some(market.mails.brought()).filter(|brought| brought.len() > 1)
    });
    for mail in mails {
        assert_eq!(mail.body["to"], ADA, "it does not concern Grace");
        assert_eq!(mail.body["subject"], "A compiler");
        assert_eq!(mail.authorization, format!("Bearer {CANARY}"));
    }
    let _ = market.sf(&["logs", "send"]).says(&["mail not sent", "the mail service answered 503"]);
    let _ = market.sf(&["queue", "peek", "mail", "--dead"]).says(&["no dead letters"]);
}

/// Not on disk, in nothing printed, and not in what the system shows of a process, while the function that knows it runs.
fn the_secret_stands_nowhere(market: &Market<'_>) {
    for args in [
        &["secret", "list"] as &[_],
        &["info"],
        &["plan"],
        &["debug", "desired"],
        &["debug", "plan"],
        &["logs"],
        &["queue", "list"],
        &["host", "status"],
        &["check"],
        &["build"],
        &["deploy", "--yes"],
    ] {
        let _ = market.sf(args);
        let _ = market.sf(&[args, &["--json"]].concat());
    }
    let _ = market.sf(&["deploy", "--yes", "-v"]);
    #[cfg(target_os = "linux")]
    the_secret_is_in_no_process(market);
    // Else the search would prove nothing: what is no secret is found in the data.
    assert!(!holding(&market.env.host_dir().join("data"), ADA).is_empty());
    the_secret_stands_nowhere_on_disk(market);
}

fn the_secret_stands_nowhere_on_disk(market: &Market<'_>) {
    for text in [CANARY.to_owned(), STANDARD.encode(CANARY)] {
        assert_eq!(holding(market.env.dir(), &text), Vec::<std::path::PathBuf>::new());
        assert!(!market.printed.borrow().contains(&text), "it was printed:\n{}", market.printed.borrow());
    }
}

#[cfg(target_os = "linux")]
fn the_secret_is_in_no_process(market: &Market<'_>) {
    let mut is_seen = false;
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            // Not every entry is a process; some end meanwhile.
            let text = std::fs::read(process.path().join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(CANARY), "{}/{file}: {text}", process.path().display());
            is_seen |= file == "environ" && text.contains(&market.mails.url);
        }
    }
    assert!(is_seen, "the worker that sends mails is not among the processes");
}

fn everyone_hears_everyone(market: &Market<'_>) {
    let info = market.sf(&["info", "--json"]).json();
    let endpoints = info["endpoints"].as_array().unwrap();
    let chat = endpoints.iter().find(|endpoint| endpoint["name"] == "chat").unwrap();
    let url = chat["url"].as_str().unwrap();
    let refused = tungstenite::connect(url).unwrap_err();
    assert!(
        matches!(&refused, tungstenite::Error::Http(answer) if answer.status() == 400),
        "one without a name came in: {refused}"
    );

    let mut ada = join(url, "Ada");
    let mut grace = join(url, "Grace");
    ada.send(Message::text("hello")).unwrap();
    assert_eq!((hear(&mut ada), hear(&mut grace)), ("Ada: hello".into(), "Ada: hello".into()));
    grace.send(Message::text("good day")).unwrap();
    assert_eq!((hear(&mut ada), hear(&mut grace)), ("Grace: good day".into(), "Grace: good day".into()));

    leave(grace);
    eventually("Grace is no longer counted in", || {
        ada.send(Message::text("still there?")).unwrap();
        assert_eq!(hear(&mut ada), "Ada: still there?");
        let chatters = market.sf(&["table", "scan", "chatters", "--json"]).json();
        (chatters["items"].as_array().unwrap().len() == 1).then_some(())
    });
    leave(ada);
}

type Chat = WebSocket<MaybeTlsStream<TcpStream>>;

fn join(url: &str, name: &str) -> Chat {
    let (socket, _) = tungstenite::connect(format!("{url}?name={name}")).unwrap();
    if let MaybeTlsStream::Plain(stream) = socket.get_ref() {
        stream.set_read_timeout(Some(sf_e2e::DEADLINE)).unwrap();
    }
    socket
}

fn hear(socket: &mut Chat) -> String {
    loop {
        if let Message::Text(text) = socket.read().unwrap() {
            return text.to_string();
        }
    }
}

fn leave(mut socket: Chat) {
    socket.close(None).unwrap();
    while socket.read().is_ok() {}
}

fn the_matcher_and_the_legacy_handler_answer(market: &Market<'_>) {
    let url = format!("{}/match", market.url);
    let ask = |body: &str| http::send("POST", &url, &[], body.as_bytes()).unwrap();
    assert_eq!(ask("job: rust\nAda: rust\nGrace: cobol\n").json(), json!({ "best": "Ada" }));
    assert_eq!(ask("").status, 422);

    let order = market.get("/orders/1");
    assert_eq!(order.header("content-type"), Some("application/json"));
    assert_eq!(order.json(), json!({ "id": "1", "item": "a logo", "state": "paid" }));
    assert_eq!(market.get("/orders/2").status, 404);
    assert_eq!(market.request("DELETE", "/orders/1", None, &Json::Null).status, 405);
}

fn at_night_there_is_a_report(market: &Market<'_>) {
    let _ = market.sf(&["host", "clock", "--advance", "24h"]);
    let key = eventually("the night comes", || market.objects("reports").pop());
    let report: Json = serde_json::from_slice(&market.object("reports", &key)).unwrap();
    assert_eq!(report["profiles"], 2);
    assert_eq!(report["skills"], json!({ "cobol": 1, "poetry": 1, "rust": 1 }));
    assert_eq!(key, format!("{}.json", report["day"].as_str().unwrap()));
    let _ = market.sf(&["logs", "report"]).says(&["nightly report"]);
}

fn nothing_is_left_of_it(market: &Market<'_>) {
    let host = market.env.host();
    assert!(!host.resources("talent-market", "dev").is_empty());
    let _ =
        market.noted(market.project.sf(&["remove", "--yes"])).exits(7).says(&["table/profiles", "--data"]);
    assert_eq!(market.get("/profiles/1").status, 200);

    let _ = market.sf(&["remove", "--yes", "--data"]);
    assert_eq!(host.resources("talent-market", "dev"), Vec::<String>::new());
    assert_eq!(market.sf(&["host", "status", "--json"]).json()["apps"], json!([]));
    assert!(
        http::send("GET", &format!("{}/orders/1", market.url), &[], b"").is_err(),
        "its API still answers"
    );
    eventually("its workers are gone", || {
        // What is left is the host itself.
        (market.env.leftovers().len() == 1).then_some(())
    });
    for folder in ["data/objects", "unpacked", "logs"] {
        let path = market.env.host_dir().join(folder);
        eventually(&format!("{folder} is empty"), || (files(&path) == 0).then_some(()));
    }

    // Who comes back finds nothing of what was there.
    let _ = market.sf(&["deploy", "--yes"]).says(&["secret `smtp-password` has no value"]);
    for table in ["profiles", "skills", "chatters"] {
        assert_eq!(market.sf(&["table", "scan", table, "--json"]).json()["items"], json!([]), "{table}");
    }
    assert_eq!(market.objects("portraits").len() + market.objects("reports").len(), 0);
    let _ = market.sf(&["remove", "--yes", "--data"]);
}

/// How many there are, in folders too.
fn files(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}
