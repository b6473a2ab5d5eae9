//! `sf table`

use serde::Serialize;
use serde_json::{Map, Value as Json, json};
use sf_model::{KeyType, Table as Declared, TableKey as Attribute};
use sf_provider::{Item, ItemPage, ItemQuery, Items};

use super::{Deployed, absent, declared, deployed, input, supported};
use crate::args::{Listed, Table, TableKey, TablePut, TableQuery, TableScan, Target};
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::columns;

/// The most that one page can have.
const PAGE: usize = 1_000;

/// The JSON of `sf table query` and `sf table scan`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    table: &'a str,
    #[serde(flatten)]
    page: &'a ItemPage,
}

pub(crate) async fn run(settings: &Settings, command: &Table) -> Result<Exit, Error> {
    match command {
        Table::List(args) => list(settings, args),
        Table::Get(args) => get(settings, args).await,
        Table::Put(args) => put(settings, args).await,
        Table::Rm(args) => remove(settings, args).await,
        Table::Query(args) => query(settings, args).await,
        Table::Scan(args) => scan(settings, args).await,
    }
}

/// The manifest knows it all.
fn list(settings: &Settings, args: &Listed) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let attribute = |key: &Attribute| format!("{}:{}", key.name, word(key.kind));
    let tables: Vec<_> = project
        .app
        .tables
        .iter()
        .map(|(name, table)| {
            json!({
                "name": name,
                "partition": attribute(&table.partition),
                "sort": table.sort.as_ref().map(attribute),
                "ttl": table.ttl,
            })
        })
        .collect();
    let row = |(name, table): (&String, &Declared)| {
        let sort = table.sort.as_ref().map(|sort| format!(", by {}", attribute(sort))).unwrap_or_default();
        vec![name.clone(), format!("{}{sort}", attribute(&table.partition))]
    };
    if tables.is_empty() {
        settings.ui.info("the manifest declares no table: add `[tables.NAME]`");
    } else {
        settings.ui.result(columns(&project.app.tables.iter().map(row).collect::<Vec<_>>()));
    }
    settings.ui.json_result(&json!({ "command": "table list", "tables": tables }))?;
    Ok(Exit::Ok)
}

async fn get(settings: &Settings, args: &TableKey) -> Result<Exit, Error> {
    let opened = Opened::new(settings, &args.target, &args.name)?;
    let key = opened.key(args)?;
    let at = opened.connect(settings).await?;
    let item = opened.items(&at)?.get(&at.cx, &args.name, &key).await.map_err(absent)?;
    match &item {
        Some(item) => settings.ui.result(format_args!("{:#}", item.item)),
        None if settings.ui.json() => {}
        None => {
            let message = format!("get {key}: table `{}` has no such item", args.name);
            return Err(Error::new(Exit::Failed, "not-found", message)
                .hint(format!("`sf table scan {}` shows what it has", args.name)));
        }
    }
    let (item, version) = item.map_or((Json::Null, None), |Item { item, version }| (item, Some(version)));
    settings.ui.json_result(
        &json!({ "command": "table get", "table": args.name, "item": item, "version": version }),
    )?;
    Ok(Exit::Ok)
}

async fn put(settings: &Settings, args: &TablePut) -> Result<Exit, Error> {
    let opened = Opened::new(settings, &args.target, &args.name)?;
    let item = input::json(&args.item, "the item")?;
    let at = opened.connect(settings).await?;
    let version = opened.items(&at)?.put(&at.cx, &args.name, &item, args.if_absent).await.map_err(absent)?;
    settings.ui.result(format_args!("put an item into table `{}`", args.name));
    settings.ui.json_result(&json!({ "command": "table put", "table": args.name, "version": version }))?;
    Ok(Exit::Ok)
}

async fn remove(settings: &Settings, args: &TableKey) -> Result<Exit, Error> {
    let opened = Opened::new(settings, &args.target, &args.name)?;
    let key = opened.key(args)?;
    let at = opened.connect(settings).await?;
    let existed = opened.items(&at)?.remove(&at.cx, &args.name, &key).await.map_err(absent)?;
    let what = if existed { "deleted" } else { "there was no" };
    settings.ui.result(format_args!("{what} {key} of table `{}`", args.name));
    settings.ui.json_result(&json!({ "command": "table rm", "table": args.name, "existed": existed }))?;
    Ok(Exit::Ok)
}

async fn query(settings: &Settings, args: &TableQuery) -> Result<Exit, Error> {
    let opened = Opened::new(settings, &args.target, &args.name)?;
    let partition = value(&opened.table.partition, &args.partition)?;
    let sort = opened.range(args)?;
    let at = opened.connect(settings).await?;
    let items = opened.items(&at)?;
    let mut pages = Pages::new(args.limit);
    while let Some((limit, cursor)) = pages.next() {
        let (partition, sort, reverse) = (partition.clone(), sort.clone(), args.reverse);
        let query = ItemQuery { partition, sort, reverse, limit, cursor };
        pages.add(items.query(&at.cx, &args.name, &query).await.map_err(absent)?);
    }
    show(settings, "table query", &args.name, &pages.whole)
}

async fn scan(settings: &Settings, args: &TableScan) -> Result<Exit, Error> {
    let opened = Opened::new(settings, &args.target, &args.name)?;
    let at = opened.connect(settings).await?;
    let items = opened.items(&at)?;
    let mut pages = Pages::new(args.limit);
    while let Some((limit, cursor)) = pages.next() {
        pages.add(items.scan(&at.cx, &args.name, limit, cursor.as_deref()).await.map_err(absent)?);
    }
    show(settings, "table scan", &args.name, &pages.whole)
}

/// Pages read one after the other, until there are enough items or no more.
struct Pages {
    whole: ItemPage,
    wanted: usize,
    begun: bool,
}

impl Pages {
    fn new(wanted: usize) -> Self {
        Self { whole: ItemPage::default(), wanted, begun: false }
    }

    /// The limit and the cursor of the next one.
    fn next(&mut self) -> Option<(usize, Option<String>)> {
        let left = self.wanted.saturating_sub(self.whole.items.len());
        if left == 0 || (self.begun && self.whole.cursor.is_none()) {
            return None;
        }
        self.begun = true;
        Some((left.min(PAGE), self.whole.cursor.take()))
    }

    fn add(&mut self, page: ItemPage) {
        self.whole.items.extend(page.items);
        self.whole.cursor = page.cursor;
    }
}

/// One item a line.
fn show(settings: &Settings, command: &'static str, table: &str, page: &ItemPage) -> Result<Exit, Error> {
    for Item { item, .. } in &page.items {
        settings.ui.result(item);
    }
    if page.items.is_empty() {
        settings.ui.info(format_args!("table `{table}` has no such items"));
    }
    if page.cursor.is_some() {
        settings.ui.info(format_args!("there are more: `--limit` shows more than {}", page.items.len()));
    }
    settings.ui.json_result(&Shown { command, table, page })?;
    Ok(Exit::Ok)
}

/// A project that declares the table.
struct Opened<'a> {
    project: Project,
    name: &'a str,
    table: Declared,
}

impl<'a> Opened<'a> {
    fn new(settings: &Settings, target: &Target, name: &'a str) -> Result<Self, Error> {
        let project = Project::open(settings, target)?;
        let table = declared("table", name, &project.app.tables)?.clone();
        Ok(Self { project, name, table })
    }

    async fn connect(&self, settings: &Settings) -> Result<Deployed, Error> {
        deployed(settings, &self.project).await
    }

    fn items<'d>(&self, at: &'d Deployed) -> Result<&'d dyn Items, Error> {
        supported(at.operate.items(), &self.project, "tables")
    }

    /// `{"id": "7"}`, of the values on the command line.
    fn key(&self, args: &TableKey) -> Result<Json, Error> {
        let table = &self.table;
        let mut key = Map::new();
        key.insert(table.partition.name.clone(), value(&table.partition, &args.partition)?);
        match (&table.sort, &args.sort) {
            (Some(sort), Some(text)) => drop(key.insert(sort.name.clone(), value(sort, text)?)),
            (None, None) => {}
            (Some(sort), None) => {
                let message = format!("use table `{}`: its key has two values", self.name);
                return Err(Error::usage("bad-key", message).hint(format!(
                    "write the value of `{}` after that of `{}`",
                    sort.name, table.partition.name
                )));
            }
            (None, Some(_)) => {
                let message = format!("use table `{}`: its key has one value", self.name);
                return Err(Error::usage("bad-key", message)
                    .hint(format!("it is that of `{}`", table.partition.name)));
            }
        }
        Ok(Json::Object(key))
    }

    /// `--from`, `--to` and `--prefix` as a condition.
    fn range(&self, args: &TableQuery) -> Result<Option<Json>, Error> {
        if args.from.is_none() && args.to.is_none() && args.prefix.is_none() {
            return Ok(None);
        }
        let sort = self.table.sort.as_ref().ok_or_else(|| {
            let message = format!("query table `{}`: it has no sort key", self.name);
            Error::usage("bad-key", message).hint("leave `--from`, `--to` and `--prefix` out")
        })?;
        let bound = |text: &Option<String>| text.as_ref().map(|text| value(sort, text)).transpose();
        Ok(Some(match (bound(&args.from)?, bound(&args.to)?, &args.prefix) {
            (Some(from), Some(to), _) => json!({ "between": [from, to] }),
            (Some(from), None, _) => json!({ "gte": from }),
            (None, Some(to), _) => json!({ "lte": to }),
            (None, None, prefix) => json!({ "prefix": prefix }),
        }))
    }
}

/// A key's value as the manifest types it.
fn value(key: &Attribute, text: &str) -> Result<Json, Error> {
    match key.kind {
        KeyType::String => Ok(text.into()),
        KeyType::Bytes => Ok(json!({ "$bytes": text })),
        KeyType::Number => match serde_json::from_str::<Json>(text) {
            Ok(number @ Json::Number(_)) => Ok(number),
            _ => {
                let message = format!("use the key `{}`: `{text}` is not a number", key.name);
                Err(Error::usage("bad-key", message).hint("the manifest says `number` of it"))
            }
        },
    }
}

fn word(kind: KeyType) -> &'static str {
    match kind {
        KeyType::String => "string",
        KeyType::Number => "number",
        KeyType::Bytes => "bytes",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(kind: KeyType) -> Attribute {
        Attribute { name: "k".into(), kind }
    }

    #[test]
    fn a_key_is_what_the_manifest_says() {
        assert_eq!(value(&attribute(KeyType::String), "7").unwrap(), json!("7"));
        assert_eq!(value(&attribute(KeyType::Number), "-7.5").unwrap(), json!(-7.5));
        assert_eq!(value(&attribute(KeyType::Bytes), "AA==").unwrap(), json!({ "$bytes": "AA==" }));
        assert!(value(&attribute(KeyType::Number), "\"7\"").is_err());
    }

    #[test]
    fn pages_are_read_until_there_are_enough() {
        let item = || Item { item: json!({}), version: "1".into() };
        let page = |items: usize, cursor: Option<&str>| ItemPage {
            items: (0..items).map(|_| item()).collect(),
            cursor: cursor.map(str::to_owned),
        };
        let mut pages = Pages::new(3);
        assert_eq!(pages.next(), Some((3, None)));
        // A page may be empty though more follow: what was on it has expired.
        pages.add(page(0, Some("a")));
        assert_eq!(pages.next(), Some((3, Some("a".into()))));
        pages.add(page(3, Some("b")));
        assert_eq!(pages.next(), None);
        assert_eq!(pages.whole.cursor.as_deref(), Some("b"), "there are more");

        let mut pages = Pages::new(5_000);
        assert_eq!(pages.next(), Some((PAGE, None)));
        pages.add(page(0, None));
        assert_eq!(pages.next(), None);
    }
}
