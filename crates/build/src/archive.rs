//! Picked files -> digest -> zip.
//!
//! The zip is a pure function of the files: entries in the order of their bytes, one time, two modes, one compression level. It is
//! streamed, so memory does not grow with it, and hashed once more on the way: a file that changed meanwhile is an error, not a zip
//! that its digest does not name.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use sf_model::{Function, Interface};
use sha2::{Digest as _, Sha256};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, DateTime, ZipWriter};

use crate::collect::{Collected, Shared, Source};
use crate::digest::digest;
use crate::{Artifact, Cause, Entry};

pub(crate) fn assemble(
    function: &Function,
    collected: Collected,
    shared: &Shared<'_>,
) -> Result<Artifact, Cause> {
    let Collected { files: picked, entry, mut warnings, bundler } = collected;
    warnings.sort();
    warnings.dedup();
    let mut files = Vec::with_capacity(picked.len());
    for (path, file) in &picked {
        let (executable, sha256, size) = match &file.source {
            Source::File(source) => {
                let hashed = shared.files.hash(source).map_err(|error| Cause::io("read", source, &error))?;
                (hashed.executable, hashed.sha256.clone(), hashed.size)
            }
            Source::Bytes(bytes) => (false, hex::encode(Sha256::digest(bytes)), bytes.len() as u64),
            Source::Kit(kit) => (false, kit.sha256.clone(), kit.bytes.len() as u64),
            Source::Extra(extra) => (extra.executable, extra.sha256.to_string(), extra.bytes.len() as u64),
        };
        files.push(Entry { path: path.clone(), executable, sha256, size, why: file.why.clone() });
    }
    let interface = match function.interface {
        Interface::Portable => "portable",
        Interface::Lambda => "lambda",
        Interface::Web => "web",
    };
    let settings = [("interface", interface.to_owned()), ("entry", entry.clone()), ("bundler", bundler)];
    let digest = digest(&files, &settings);
    let zip = shared.layout.zip(&digest);
    let known = fs::metadata(&zip).ok().filter(std::fs::Metadata::is_file);
    let (cached, size) = match known {
        Some(metadata) => (true, metadata.len()),
        None => {
            let sources = picked.values().map(|file| &file.source);
            write(&zip, files.iter().zip(sources)).map_err(|error| match error.get_ref() {
                Some(_) => {
                    Cause::new(error.to_string()).hint("a file changed while it was read: build again")
                }
                None => Cause::io("write", &zip, &error),
            })?;
            (false, fs::metadata(&zip).map_err(|error| Cause::io("read", &zip, &error))?.len())
        }
    };
    Ok(Artifact { digest, zip, size, entry, cached, files, warnings })
}

fn write<'a>(target: &Path, files: impl Iterator<Item = (&'a Entry, &'a Source)>) -> io::Result<()> {
    let folder = target.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    let mut zip = ZipWriter::new(BufWriter::with_capacity(256 << 10, temporary.reopen()?));
    let mut buffer = vec![0; 128 << 10];
    for (entry, source) in files {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(Some(6))
            .last_modified_time(DateTime::default())
            .large_file(entry.size >= u64::from(u32::MAX))
            .unix_permissions(if entry.executable { 0o755 } else { 0o644 });
        zip.start_file(entry.path.as_str(), options)?;
        match source {
            Source::Bytes(bytes) => zip.write_all(bytes)?,
            Source::Kit(kit) => zip.write_all(kit.bytes)?,
            Source::Extra(extra) => zip.write_all(&extra.bytes)?,
            Source::File(path) => copy(path, entry, &mut zip, &mut buffer)?,
        }
    }
    zip.finish()?.flush()?;
    temporary.persist(target).map_err(|error| error.error)?;
    Ok(())
}

fn copy(path: &Path, entry: &Entry, zip: &mut impl Write, buffer: &mut [u8]) -> io::Result<()> {
    let (mut file, mut hasher) = (File::open(path)?, Sha256::new());
    loop {
        let count = file.read(buffer)?;
        if count == 0 {
            break;
        }
        hasher.update(&buffer[..count]);
        zip.write_all(&buffer[..count])?;
    }
    match hex::encode(hasher.finalize()) == entry.sha256 {
        true => Ok(()),
        false => Err(io::Error::other(format!("`{}` is not what it was when it was hashed", entry.path))),
    }
}
