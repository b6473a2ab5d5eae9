//! A project in which everything gets another name, in steps that hold on every provider.

use std::path::Path;

use serde_json::{Value as Json, json};
use tungstenite::{Message, WebSocket};

use crate::env::Env;
use crate::http;
use crate::project::{Project, copy};
use crate::stream::Stream;
use crate::wait::eventually;

/// Section, first name, and what it is called later.
const NAMES: [(&str, &str, &str); 8] = [
    ("functions", "sales", "orders"),
    ("functions", "mail", "post"),
    ("tables", "profiles", "people"),
    ("buckets", "papers", "files"),
    ("queues", "tasks", "jobs"),
    ("topics", "words", "news"),
    ("secrets", "key", "password"),
    ("sockets", "talk", "chat"),
];

/// What the secret holds.
const SECRET: &str = "still-the-same";

/// The project, and what its things are called at the moment.
pub struct Renaming<'env> {
    /// Of `tests/fixtures/renames`.
    pub project: Project<'env>,
    is_renamed: bool,
    /// Whether a socket calls the newest code of its function: the counterpart of AWS keeps one worker for an alias, wherever that leads.
    sockets_follow: bool,
}

impl<'env> Renaming<'env> {
    /// Under its first names, with its secret's value; not deployed.
    pub fn new(env: &'env Env, provider: &str) -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/renames");
        let to = env.dir().join("projects").join("renames");
        copy(&from, &to);
        let project = Project::new(env, to);
        project.edit("sf.toml", "provider = \"self-hosted\"", &format!("provider = \"{provider}\""));
        Self { project, is_renamed: false, sockets_follow: provider != "aws" }
    }

    /// What the thing with this first name is called.
    pub fn name(&self, first: &str) -> String {
        let named = NAMES.iter().find(|(_, name, _)| *name == first);
        let (_, first, later) = named.unwrap_or_else(|| panic!("nothing is called {first}"));
        (if self.is_renamed { later } else { first }).to_string()
    }

    /// Gives everything its later name, in the manifest and in the code.
    pub fn rename(&mut self) {
        self.is_renamed = true;
        for (section, first, later) in NAMES {
            let (header, was) =
                (format!("[{section}.{first}]"), format!("[{section}.{later}]\nWAS = \"{first}\""));
            self.project.edit("sf.toml", &header, &was);
            let manifest = self.project.read("sf.toml");
            let words =
                |text: &str, end: &str| text.replace(&format!("{first}{end}"), &format!("{later}{end}"));
            let lines = manifest.lines().map(|line| match line {
                line if line.starts_with("WAS") || line.starts_with('[') || line.starts_with("handler") => {
                    line.to_owned()
                }
                line if line.starts_with("uses") => words(line, " ="),
                line => words(line, "\""),
            });
            self.project.write("sf.toml", &lines.collect::<Vec<_>>().join("\n"));
            let code = self.project.read("shop.mjs");
            self.project.write("shop.mjs", &code.replace(&format!("\"{first}\""), &format!("\"{later}\"")));
        }
        self.project.edit("sf.toml", "WAS", "was");
    }

    /// Sets the secret.
    #[track_caller]
    pub fn set_secret(&self) {
        let _ = self.project.sf_given(&["secret", "set", &self.name("key")], SECRET).ok();
    }

    /// Has the deployed code write to everything and say something to the socket, and looks at what it reads and heard.
    #[track_caller]
    pub fn works(&self) {
        let url = self.project.url();
        assert_eq!(http::post(&format!("{url}/"), &json!({})).status, 200);
        // Open until it was heard: a message may go with its connection.
        let mut socket = self.say();
        let name = |first| self.name(first);
        let mut sources = vec![
            format!("/buckets/{0} of {0}", name("papers")),
            format!("/queues/{}", name("tasks")),
            format!("/tables/{}", name("profiles")),
            format!("/topics/{}", name("words")),
        ];
        if self.sockets_follow || !self.is_renamed {
            sources.push(format!("/sockets/{}", name("talk")));
        }
        for source in sources {
            eventually(&format!("{source} to be heard of"), || {
                let read = self.reads();
                let heard = read["heard"].as_array().expect("sources");
                heard.iter().any(|one| *one == source).then_some(())
            });
        }
        let _ = socket.close(None);
        self.still_has("sales");
        assert_eq!(self.reads()["item"], json!({ "id": "a", "of": self.name("sales") }));
    }

    /// What was written before is there, and all that is called answers under its name. `by`: the first name of a function.
    #[track_caller]
    pub fn still_has(&self, by: &str) {
        let read = self.reads();
        assert_eq!((&read["file"], &read["secret"]), (&json!("kept"), &json!(SECRET)), "{read}");
        assert_eq!(read["function"], self.name(by), "{read}");
        let called =
            json!({ "function": self.name("mail"), "by": format!("/functions/{}", self.name("sales")) });
        assert_eq!(read["called"], called, "{read}");
    }

    /// What the deployed code reads.
    #[track_caller]
    pub fn reads(&self) -> Json {
        self.project.get("/").json()
    }

    #[track_caller]
    fn say(&self) -> WebSocket<Box<dyn Stream>> {
        let info = self.project.sf(&["info", "--json"]).ok().json();
        let endpoints = info["endpoints"].as_array().expect("endpoints");
        let is_socket = |endpoint: &&Json| endpoint["kind"] == "socket";
        let socket = endpoints.iter().find(is_socket).unwrap_or_else(|| panic!("no socket: {info}"));
        assert_eq!(socket["name"], self.name("talk"));
        let mut socket = http::open_socket(socket["url"].as_str().expect("a URL")).expect("a connection");
        socket.send(Message::text("hello")).expect("sent");
        socket
    }

    /// The commands that work with what is deployed know the names of the manifest, and no others.
    #[track_caller]
    pub fn commands_know_it(&self) {
        let project = &self.project;
        let table = self.name("profiles");
        let scanned = project.sf(&["table", "scan", &table, "--json"]).ok().json();
        assert_eq!(scanned["items"][0]["item"]["id"], "a");
        let _ = project.sf(&["bucket", "ls", &self.name("papers")]).ok().says(&["a.txt"]);
        let secrets = project.sf(&["secret", "list", "--json"]).ok().json();
        assert_eq!(secrets["secrets"][0]["name"], self.name("key"));
        assert_ne!(secrets["secrets"][0]["updated_ms"], Json::Null, "{secrets}");
        let _ = project.sf(&["queue", "send", &self.name("tasks"), "{}"]).ok();
        let _ = project.sf(&["topic", "publish", &self.name("words"), "{}"]).ok();
        let invoked = project.sf(&["invoke", &self.name("mail"), "--json"]).ok().json();
        assert_eq!(invoked["payload"]["function"], self.name("mail"), "{invoked}");
        let info = project.sf(&["info", "--json"]).ok().json().to_string();
        for line in
            [format!("GET / -> {}", self.name("sales")), format!("queue {} -> hear", self.name("tasks"))]
        {
            assert!(info.contains(&line), "{line}: {info}");
        }
        let said = |first: &str| {
            [format!("\"{first}\""), format!("\"{first}:")].iter().any(|word| info.contains(word))
        };
        let of_before: Vec<_> = NAMES.iter().filter(|(_, first, _)| self.is_renamed && said(first)).collect();
        assert!(of_before.is_empty(), "{of_before:?}: {info}");
    }
}
