//! `was`: what keeps its first name for providers.

use sf_model::{App, EnvPart, EventKind, ItemKind};

use crate::common::load_text;

/// The shop as it is called now; `WAS` stands where something had another name.
const NOW: &str = r#"
sf = 1
[project]
name = "shop"
[functions.orders]
WAS = "sales"
handler = "one.mjs#one"
uses = { people = "read", mailer = "call", chat = "write" }
secrets = ["password"]
env = { TABLE = "${table.people.name}", API = "${api.url}" }
on = [{ queue = "jobs" }, { topic = "news" }, { bucket = "files", event = "created" }, { table = "people" }]
[functions.mailer]
handler = "one.mjs#two"
[tables.people]
WAS = "profiles"
key = { partition = "id:string" }
[queues.jobs]
WAS = "tasks"
[topics.news]
WAS = "words"
[buckets.files]
WAS = "papers"
[secrets.password]
WAS = "key"
[sockets.chat]
WAS = "talk"
message = "orders"
[providers.self-hosted.functions.orders]
port = 1
"#;

fn app(text: &str) -> App {
    let loaded = load_text(text, None, Some("self-hosted"));
    assert_eq!(loaded.diagnostics.len(), 0, "{:?}", loaded.diagnostics);
    loaded.app.unwrap()
}

/// What a manifest says that has something wrong with it.
fn refused(text: &str) -> Vec<String> {
    load_text(text, None, None).diagnostics.into_iter().map(|problem| problem.message).collect()
}

#[test]
fn a_backend_sees_first_names_everywhere() {
    let now = app(&NOW.replace("WAS", "was"));
    assert!(now.tables.contains_key("people") && now.functions["orders"].name == "orders");
    let app = now.by_first_names();
    let keys = |names: Vec<&String>| names.into_iter().cloned().collect::<Vec<_>>();
    assert_eq!(keys(app.functions.keys().collect()), ["mailer", "sales"]);
    assert_eq!(keys(app.tables.keys().collect()), ["profiles"]);
    assert_eq!(keys(app.secrets.keys().collect()), ["key"]);
    assert_eq!(app.sockets["talk"].message.as_deref(), Some("sales"));
    assert_eq!(app.provider_settings["functions"]["sales"]["port"], 1);
    let sales = &app.functions["sales"];
    assert_eq!(sales.name, "sales");
    assert_eq!(
        (sales.uses["people"].name.as_str(), sales.uses["people"].kind),
        ("profiles", ItemKind::Table)
    );
    assert_eq!(sales.uses["chat"].name, "talk");
    assert_eq!(sales.uses["mailer"].name, "mailer");
    assert_eq!(sales.secrets["password"], "key");
    let sources: Vec<_> = sales
        .on
        .iter()
        .map(|event| match &event.kind {
            EventKind::Queue { queue, .. } => queue.as_str(),
            EventKind::Topic { topic, .. } => topic,
            EventKind::Bucket { bucket, .. } => bucket,
            EventKind::Table { table } => table,
            EventKind::Schedule(_) => "schedule",
        })
        .collect();
    assert_eq!(sources, ["tasks", "words", "papers", "profiles"]);
    assert!(matches!(&sales.env["TABLE"][..], [EnvPart::Output { name, .. }] if name == "profiles"));
}

/// Whoever never had the first names would have written the same.
#[test]
fn a_rename_is_no_change_but_in_what_code_calls_things() {
    let plain =
        |text: &str| text.lines().filter(|line| !line.starts_with("WAS")).collect::<Vec<_>>().join("\n");
    let mut first = plain(NOW);
    let pairs = [
        ("files", "papers"),
        ("orders", "sales"),
        ("people", "profiles"),
        ("jobs", "tasks"),
        ("news", "words"),
        ("password", "key"),
        ("chat", "talk"),
    ];
    for (now, was) in pairs {
        first = first.replace(now, was);
    }
    let (first, renamed) = (app(&first), app(&NOW.replace("WAS", "was")).by_first_names());
    let spanless = |mut app: App| {
        for function in app.functions.values_mut() {
            function.uses.clear();
            function.secrets.clear();
        }
        app.renames = sf_model::Renames::default();
        let text = format!("{app:?}");
        text.split("Span {")
            .map(|part| part.split_once('}').map_or(part, |(_, rest)| rest).to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(spanless(first), spanless(renamed));
}

#[test]
fn two_things_cannot_have_the_same_first_name() {
    let text = NOW.replace("WAS", "was");
    let taken = refused(&format!("{text}\n[topics.words]\n"));
    assert!(
        taken
            .iter()
            .any(|message| message
                == "the topic `news` cannot go on as `words`, since `words` is that already"),
        "{taken:?}"
    );
    let twice = refused(&format!("{text}\n[topics.other]\nwas = \"words\"\n"));
    assert!(
        twice.iter().any(|message| message.contains("`news` is that already")
            || message.contains("`other` is that already")),
        "{twice:?}"
    );
    // Of another kind it is another thing, and two can change their names.
    assert!(!refused(&format!("{text}\n[queues.words]\n")).iter().any(|message| message.contains("already")));
    let swapped = "sf = 1\n[project]\nname = \"shop\"\n[queues.a]\nwas = \"b\"\n[queues.b]\nwas = \"a\"\n";
    let swapped = load_text(swapped, None, None).app.unwrap();
    let renames: Vec<_> = swapped.renames.iter().collect();
    assert_eq!(renames, [(ItemKind::Queue, "a", "b"), (ItemKind::Queue, "b", "a")]);
    assert_eq!(
        (swapped.renames.first(ItemKind::Queue, "a"), swapped.renames.now(ItemKind::Queue, "a")),
        ("b", "b")
    );
}

#[test]
fn a_first_name_is_a_name() {
    let problems = load_text(&NOW.replace("WAS = \"words\"", "was = \"My Words\""), None, None).diagnostics;
    assert!(problems.iter().any(|problem| problem.code == "bad-name"), "{problems:?}");
}
