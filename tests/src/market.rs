//! The story of `examples/talent-market`, in steps that hold on every provider: every event and resource there is, in three languages.

use std::cell::RefCell;
use std::time::Duration;

use serde_json::{Value as Json, json};
use tungstenite::{Message, WebSocket};

use crate::env::Env;
use crate::http::{self, Response};
use crate::issuer::Issuer;
use crate::mail::MailService;
use crate::png::Picture;
use crate::project::Project;
use crate::run::Run;
use crate::stream::Stream;
use crate::wait::{eventually, eventually_within};

/// Until a schedule that is due fires: some look once a minute.
const LONG: Duration = Duration::from_secs(180);

/// How time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The embedded host's clock is moved.
    Host,
    /// By itself, while somebody waits.
    Wall,
}

/// The value of the secret `smtp-password`: looked for everywhere.
pub const CANARY: &str = "canary-that-sings-nowhere";
/// Whose mail it is.
pub const ADA: &str = "ada@example.com";

/// The deployed example, and what its user has.
pub struct Market<'env> {
    /// The example.
    pub project: Project<'env>,
    issuer: &'env Issuer,
    /// Takes its mails.
    pub mails: &'env MailService,
    /// Where its API answers.
    pub url: String,
    clock: Clock,
    /// All that `sf` printed.
    pub printed: RefCell<String>,
}

impl<'env> Market<'env> {
    /// Sets the secret, then deploys.
    ///
    /// # Panics
    /// If that does not work.
    pub fn open(
        env: &'env Env,
        project: Project<'env>,
        issuer: &'env Issuer,
        mails: &'env MailService,
        clock: Clock,
    ) -> Self {
        let printed = RefCell::default();
        let mut market = Self { project, issuer, mails, clock, url: String::new(), printed };
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

    /// Runs `sf` in the project; it must succeed.
    pub fn sf(&self, args: &[&str]) -> Run {
        self.noted(self.project.sf(args).ok())
    }

    /// Remembers what a run printed.
    pub fn noted(&self, run: Run) -> Run {
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

    /// GET as a visitor.
    pub fn get(&self, path: &str) -> Response {
        http::get(&format!("{}{path}", self.url))
    }

    /// Lets time pass.
    fn pass(&self, time: &str) {
        match self.clock {
            Clock::Host => drop(self.sf(&["host", "clock", "--advance", time])),
            Clock::Wall => {}
        }
    }

    /// The keys of everything in a bucket.
    pub fn objects(&self, bucket: &str) -> Vec<String> {
        let listed = self.sf(&["bucket", "ls", bucket, "--all", "--json"]).json();
        let objects = listed["objects"].as_array().unwrap();
        objects.iter().map(|object| object["key"].as_str().unwrap().to_owned()).collect()
    }

    /// An object of a bucket.
    fn object(&self, bucket: &str, key: &str) -> Vec<u8> {
        let _ = self.sf(&["bucket", "get", bucket, key, "object"]);
        std::fs::read(self.project.dir.join("object")).unwrap()
    }

    /// Who signed in changes their own profile, nobody else does, and forged tokens are refused.
    ///
    /// # Panics
    /// If it is not so; the same goes for the other steps.
    pub fn only_the_owner_changes_a_profile(&self) {
        let ada = json!({ "name": "Ada", "email": ADA, "skills": ["rust", "analysis"] });
        let put = |who| self.request("PUT", "/profiles/1", who, &ada);
        let with = |token: &str| self.request_with("PUT", "/profiles/1", Some(token), &ada).status;

        let refused = put(None);
        assert_eq!(refused.status, 401, "{}", refused.text());
        // API Gateway says so too, but its counterpart does not.
        if matches!(self.clock, Clock::Host) {
            assert!(refused.header("www-authenticate").is_some_and(|value| value.starts_with("Bearer")));
        }
        assert_eq!(with("no.token.atall"), 401);
        assert_eq!(with(&self.issuer.token("another-market", &json!({ "sub": "1" }))), 401);
        assert_eq!(with(&self.issuer.token("market", &json!({ "sub": "1", "exp": 1_000_000_000 }))), 401);
        assert_eq!(with(&forged(self.issuer)), 401);
        assert_eq!(put(Some("2")).status, 403);
        assert_eq!(self.get("/profiles/1").status, 404, "somebody has put it");

        assert_eq!(self.request("PUT", "/profiles/1", Some("1"), &json!({})).status, 422);
        let taken = put(Some("1"));
        assert_eq!(taken.status, 200, "{}", taken.text());
        assert_eq!(self.get("/profiles/1").json()["skills"], json!(["rust", "analysis"]));
    }

    /// The stream of a table brings the search index up to date.
    pub fn a_change_reaches_the_index(&self) {
        let found = |skill: &str, names: Json| {
            eventually(&format!("{skill}: {names}"), || {
                (self.get(&format!("/skills/{skill}")).json() == names).then_some(())
            });
        };
        found("analysis", json!([{ "id": "1", "name": "Ada" }]));
        let grace = r#"{"id": "2", "name": "Grace", "email": "grace@example.com", "skills": ["cobol"]}"#;
        let _ = self.sf(&["table", "put", "profiles", grace]);
        found("cobol", json!([{ "id": "2", "name": "Grace" }]));

        let changed = json!({ "name": "Ada", "email": ADA, "skills": ["rust", "poetry"] });
        assert_eq!(self.request("PUT", "/profiles/1", Some("1"), &changed).status, 200);
        found("poetry", json!([{ "id": "1", "name": "Ada" }]));
        found("analysis", json!([]));
        found("rust", json!([{ "id": "1", "name": "Ada" }]));
    }

    /// A picture is uploaded by a link, and a function that the bucket calls makes the small one.
    pub fn a_portrait_is_made_small(&self) {
        assert_eq!(self.request("POST", "/profiles/1/portrait", None, &Json::Null).status, 401);
        assert_eq!(self.request("POST", "/profiles/1/portrait", Some("2"), &Json::Null).status, 403);
        let answer = self.request("POST", "/profiles/1/portrait", Some("1"), &Json::Null).json();
        // Stripes that are two pixels wide; a pixel of the small one is the mean of 4 by 4.
        let raw =
            Picture::drawn(256, 128, |x, y| [if x / 2 % 2 == 0 { 200 } else { 100 }, 10, (y / 4) as u8]);
        let link = answer["url"].as_str().unwrap();
        let put = http::send("PUT", link, &[], &raw.to_file()).unwrap();
        assert_eq!(put.status, 200, "{}", put.text());
        assert_eq!(http::get(link).status, 403, "a link to put is no link to get");

        eventually("the small one is there", || (self.objects("portraits").len() == 2).then_some(()));
        assert_eq!(self.objects("portraits"), ["raw/1.png", "small/1.png"]);
        let small = Picture::drawn(64, 32, |_, y| [150, 10, y as u8]);
        assert_eq!(Picture::of_file(&self.object("portraits", "small/1.png")), small);

        // The profile links to it, for anyone.
        let profile = self.get("/profiles/1").json();
        let shown = http::get(profile["portrait"].as_str().unwrap());
        assert_eq!((shown.status, shown.header("content-type")), (200, Some("image/png")));
        assert_eq!(Picture::of_file(&shown.body), small);
    }

    /// A topic, a queue, and a mail that is delivered again when the service refuses it; the secret goes with it.
    pub fn a_project_is_mailed_to_those_whom_it_concerns(&self) {
        let compiler = json!({ "title": "A compiler", "skills": ["rust"] });
        assert_eq!(self.request("POST", "/projects", None, &compiler).status, 401);
        let posted = self.request("POST", "/projects", Some("2"), &compiler);
        assert_eq!((posted.status, posted.json()["by"].as_str()), (202, Some("2")), "{}", posted.text());

        eventually("the mail was refused", || (!self.mails.brought().is_empty()).then_some(()));
        let mails = eventually("the mail was brought again", || {
            // It is delivered again after a while, which nobody waits for.
            self.pass("1m");
            Some(self.mails.brought()).filter(|brought| brought.len() > 1)
        });
        for mail in mails {
            assert_eq!(mail.body["to"], ADA, "it does not concern Grace");
            assert_eq!(mail.body["subject"], "A compiler");
            assert_eq!(mail.authorization, format!("Bearer {CANARY}"));
        }
        let _ = self.sf(&["logs", "send"]).says(&["mail not sent", "the mail service answered 503"]);
        let _ = self.sf(&["queue", "peek", "mail", "--dead"]).says(&["no dead letters"]);
    }

    /// The chat.
    pub fn everyone_hears_everyone(&self) {
        let info = self.sf(&["info", "--json"]).json();
        let endpoints = info["endpoints"].as_array().unwrap();
        let chat = endpoints.iter().find(|endpoint| endpoint["name"] == "chat").unwrap();
        let url = chat["url"].as_str().unwrap();
        let refused = http::open_socket(url).unwrap_err();
        // Seen of the counterpart of API Gateway: its refusal is a 403, not the status that the function chose.
        let status = match self.clock {
            Clock::Host => 400,
            Clock::Wall => 403,
        };
        assert!(
            matches!(&refused, tungstenite::Error::Http(answer) if answer.status() == status),
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
            let chatters = self.sf(&["table", "scan", "chatters", "--json"]).json();
            (chatters["items"].as_array().unwrap().len() == 1).then_some(())
        });
        leave(ada);
    }

    /// A web program, and a handler that was written for AWS Lambda.
    pub fn the_matcher_and_the_legacy_handler_answer(&self) {
        let url = format!("{}/match", self.url);
        let ask = |body: &str| http::send("POST", &url, &[], body.as_bytes()).unwrap();
        assert_eq!(ask("job: rust\nAda: rust\nGrace: cobol\n").json(), json!({ "best": "Ada" }));
        assert_eq!(ask("").status, 422);

        let order = self.get("/orders/1");
        assert_eq!(order.header("content-type"), Some("application/json"));
        assert_eq!(order.json(), json!({ "id": "1", "item": "a logo", "state": "paid" }));
        assert_eq!(self.get("/orders/2").status, 404);
        assert_eq!(self.request("DELETE", "/orders/1", None, &Json::Null).status, 405);
    }

    /// The schedule.
    pub fn at_night_there_is_a_report(&self) {
        self.pass("24h");
        let key = eventually_within(LONG, "the night comes", || self.objects("reports").pop());
        let report: Json = serde_json::from_slice(&self.object("reports", &key)).unwrap();
        assert_eq!(report["profiles"], 2);
        assert_eq!(report["skills"], json!({ "cobol": 1, "poetry": 1, "rust": 1 }));
        assert_eq!(key, format!("{}.json", report["day"].as_str().unwrap()));
        let _ = self.sf(&["logs", "report"]).says(&["nightly report"]);
    }
}

/// A token of somebody else, with a claim changed after it was signed.
fn forged(issuer: &Issuer) -> String {
    let token = |sub: &str| issuer.token("market", &json!({ "sub": sub }));
    let (mine, theirs) = (token("1"), token("2"));
    let signature = theirs.rsplit('.').next().unwrap();
    let claims = mine.rsplit_once('.').unwrap().0;
    format!("{claims}.{signature}")
}

type Chat = WebSocket<Box<dyn Stream>>;

fn join(url: &str, name: &str) -> Chat {
    http::open_socket(&format!("{url}?name={name}")).unwrap()
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
