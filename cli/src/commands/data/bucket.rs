//! `sf bucket`

use std::path::{Path, PathBuf};

use serde::Serialize;
use sf_provider::{ByteStream, ObjectPage, ObjectQuery, Objects, UrlMethod};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::{Deployed, absent, declared, deployed, supported};
use crate::args::{Bucket, BucketGet, BucketKey, BucketLs, BucketPut, BucketUrl, LinkMethod, Listed, Target};
use crate::errors::{Error, Exit};
use crate::project::Project;
use crate::settings::Settings;
use crate::ui::{columns, size};

/// The most that one page can have.
const PAGE: usize = 1_000;

/// The JSON of `sf bucket ls`.
#[derive(Serialize)]
struct Shown<'a> {
    command: &'static str,
    bucket: &'a str,
    #[serde(flatten)]
    page: &'a ObjectPage,
}

/// The JSON of what is done to one object.
#[derive(Serialize)]
struct Done<'a> {
    command: &'static str,
    bucket: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    size: Option<u64>,
}

impl<'a> Done<'a> {
    fn new(command: &'static str, bucket: &'a str, key: &'a str) -> Self {
        Self { command, bucket, key, etag: None, url: None, size: None }
    }
}

pub(crate) async fn run(settings: &Settings, command: &Bucket) -> Result<Exit, Error> {
    match command {
        Bucket::List(args) => list(settings, args),
        Bucket::Ls(args) => ls(settings, args).await,
        Bucket::Put(args) => put(settings, args).await,
        Bucket::Get(args) => get(settings, args).await,
        Bucket::Rm(args) => remove(settings, args).await,
        Bucket::Url(args) => url(settings, args).await,
    }
}

/// The manifest knows it all.
fn list(settings: &Settings, args: &Listed) -> Result<Exit, Error> {
    let project = Project::open(settings, &args.target)?;
    let names: Vec<&String> = project.app.buckets.keys().collect();
    for name in &names {
        settings.ui.result(name);
    }
    if names.is_empty() {
        settings.ui.info("the manifest declares no bucket: add `[buckets.NAME]`");
    }
    settings.ui.json_result(&serde_json::json!({ "command": "bucket list", "buckets": names }))?;
    Ok(Exit::Ok)
}

async fn ls(settings: &Settings, args: &BucketLs) -> Result<Exit, Error> {
    let (project, at) = open(settings, &args.target, &args.name).await?;
    let page = pages(objects(&at, &project)?, &at, args).await?;
    let folders = page.prefixes.iter().map(|prefix| vec![prefix.clone()]);
    let rows = page
        .objects
        .iter()
        .map(|object| vec![object.key.clone(), size(object.size), object.modified.clone()]);
    let mut rows: Vec<Vec<String>> = folders.chain(rows).collect();
    rows.sort();
    if rows.is_empty() {
        settings.ui.info(format_args!("bucket `{}` has no such objects", args.name));
    } else {
        settings.ui.result(columns(&rows));
    }
    if page.cursor.is_some() {
        settings.ui.info(format_args!("there are more: `--limit` shows more than {}", args.limit));
    }
    settings.ui.json_result(&Shown { command: "bucket ls", bucket: &args.name, page: &page })?;
    Ok(Exit::Ok)
}

/// As many pages as it takes.
async fn pages(objects: &dyn Objects, at: &Deployed, args: &BucketLs) -> Result<ObjectPage, Error> {
    let mut whole = ObjectPage::default();
    loop {
        let left = args.limit.saturating_sub(whole.objects.len() + whole.prefixes.len());
        let query = ObjectQuery {
            prefix: args.prefix.clone(),
            delimiter: (!args.all).then(|| "/".to_owned()),
            limit: left.clamp(1, PAGE),
            cursor: whole.cursor.take(),
        };
        let page = objects.list(&at.cx, &args.name, &query).await.map_err(absent)?;
        whole.objects.extend(page.objects);
        whole.prefixes.extend(page.prefixes);
        whole.cursor = page.cursor;
        if whole.cursor.is_none() || whole.objects.len() + whole.prefixes.len() >= args.limit {
            return Ok(whole);
        }
    }
}

async fn put(settings: &Settings, args: &BucketPut) -> Result<Exit, Error> {
    let (project, at) = open(settings, &args.target, &args.name).await?;
    let key = match (&args.key, args.file.file_name()) {
        (Some(key), _) => key.clone(),
        (None, Some(name)) => name.to_string_lossy().into_owned(),
        (None, None) => {
            let message = format!("put `{}`: it is no file", args.file.display());
            return Err(Error::usage("no-key", message).hint("name a file, and its key after it"));
        }
    };
    let _progress = settings.ui.progress("putting the object", 0);
    let content_type = args.content_type.as_deref();
    let objects = objects(&at, &project)?;
    let etag = objects.put(&at.cx, &args.name, &key, &args.file, content_type).await;
    let etag = Some(etag.map_err(absent)?);
    settings.ui.result(format_args!("put {key} into bucket `{}`", args.name));
    settings.ui.json_result(&Done { etag, ..Done::new("bucket put", &args.name, &key) })?;
    Ok(Exit::Ok)
}

async fn get(settings: &Settings, args: &BucketGet) -> Result<Exit, Error> {
    if settings.ui.json() && args.file.is_none() {
        let message = format!("get `{}`: with `--json` stdout is not free for the object", args.key);
        return Err(Error::usage("no-file", message).hint("name a file after the key"));
    }
    let (project, at) = open(settings, &args.target, &args.name).await?;
    let stream = objects(&at, &project)?.get(&at.cx, &args.name, &args.key).await.map_err(absent)?;
    let Some(mut stream) = stream else {
        let message = format!("get `{}`: bucket `{}` has no such object", args.key, args.name);
        return Err(Error::new(Exit::Failed, "not-found", message)
            .hint(format!("`sf bucket ls {}` shows what it has", args.name)));
    };
    let Some(file) = &args.file else {
        while let Some(piece) = stream.recv().await {
            settings.ui.bytes(&piece?);
        }
        return Ok(Exit::Ok);
    };
    let written = save(file, &mut stream).await?;
    settings.ui.result(format_args!("wrote {} ({})", file.display(), size(written)));
    settings
        .ui
        .json_result(&Done { size: Some(written), ..Done::new("bucket get", &args.name, &args.key) })?;
    Ok(Exit::Ok)
}

/// Under another name first: what is cut short must not look like the object.
async fn save(file: &Path, stream: &mut ByteStream) -> Result<u64, Error> {
    let mut part = file.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let failed = |cause: std::io::Error| Error::io("write", part.display(), &cause);
    let mut out = File::create(&part).await.map_err(failed)?;
    let mut written = 0;
    while let Some(piece) = stream.recv().await {
        let piece = match piece {
            Ok(piece) => piece,
            Err(failure) => {
                let _ = std::fs::remove_file(&part);
                return Err(failure.into());
            }
        };
        out.write_all(&piece).await.map_err(failed)?;
        written += piece.len() as u64;
    }
    out.flush().await.map_err(failed)?;
    std::fs::rename(&part, file).map_err(|cause| Error::io("write", file.display(), &cause))?;
    Ok(written)
}

async fn remove(settings: &Settings, args: &BucketKey) -> Result<Exit, Error> {
    let (project, at) = open(settings, &args.target, &args.name).await?;
    objects(&at, &project)?.remove(&at.cx, &args.name, &args.key).await.map_err(absent)?;
    settings.ui.result(format_args!("bucket `{}` has no `{}`", args.name, args.key));
    settings.ui.json_result(&Done::new("bucket rm", &args.name, &args.key))?;
    Ok(Exit::Ok)
}

async fn url(settings: &Settings, args: &BucketUrl) -> Result<Exit, Error> {
    let (project, at) = open(settings, &args.target, &args.name).await?;
    let method = match args.method {
        LinkMethod::Get => UrlMethod::Get,
        LinkMethod::Put => UrlMethod::Put,
    };
    let made = objects(&at, &project)?.url(&at.cx, &args.name, &args.key, method, args.expires).await;
    let url = made.map_err(absent)?;
    settings.ui.result(&url);
    settings.ui.json_result(&Done { url: Some(url), ..Done::new("bucket url", &args.name, &args.key) })?;
    Ok(Exit::Ok)
}

async fn open(settings: &Settings, target: &Target, name: &str) -> Result<(Project, Deployed), Error> {
    let project = Project::open(settings, target)?;
    declared("bucket", name, &project.app.buckets)?;
    let at = deployed(settings, &project).await?;
    Ok((project, at))
}

fn objects<'a>(at: &'a Deployed, project: &Project) -> Result<&'a dyn Objects, Error> {
    supported(at.operate.objects(), project, "buckets")
}
