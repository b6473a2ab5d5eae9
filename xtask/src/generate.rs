//! `cargo xtask generate`: the files that are made from code. With `--check` nothing is written, and a file that is not
//! what the code makes of it is an error.

use std::fs;
use std::path::Path;

use crate::process::root;

/// What makes a file's content; the error is one lower-case sentence.
type Generator = fn() -> Result<String, String>;

/// Each file, by its path in the repository with `/` between the parts, and what makes it.
const FILES: &[(&str, Generator)] = &[
    ("schema/sf.schema.json", || pretty(&sf_model::json_schema())),
    ("schema/events.schema.json", || pretty(&sf_engine::events_schema())),
    ("schema/host.openapi.json", || pretty(&sf_host::openapi())),
    ("docs/commands.md", || Ok(sf_cli::reference())),
];

/// Makes them all, or with `--check` compares them.
pub(crate) fn generate(args: &[String]) -> Result<(), String> {
    let check = match args {
        [] => false,
        [flag] if flag == "--check" => true,
        _ => return Err("usage: cargo xtask generate [--check]".into()),
    };
    let root = root();
    let mut stale = 0;
    for (path, generator) in FILES {
        let made = generator().map_err(|cause| format!("make `{path}`: {cause}"))?;
        let file = root.join(path);
        // A checkout with other line ends is the same file.
        let found = fs::read_to_string(&file).unwrap_or_default().replace("\r\n", "\n");
        if found == made {
            continue;
        }
        if check {
            stale += 1;
            eprintln!("{path} is not current: {}", difference(&found, &made));
        } else {
            write(&file, &made).map_err(|cause| format!("write `{path}`: {cause}"))?;
            println!("{path}: {}", difference(&found, &made));
        }
    }
    match stale {
        0 => Ok(()),
        _ => Err(format!("{stale} of {} files not current; run `cargo xtask generate`", FILES.len())),
    }
}

fn write(file: &Path, content: &str) -> std::io::Result<()> {
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::write(file, content)
}

/// JSON as it is committed: indented, with a newline at the end.
fn pretty(json: &serde_json::Value) -> Result<String, String> {
    serde_json::to_string_pretty(json).map(|text| text + "\n").map_err(|cause| cause.to_string())
}

/// `12 lines added, 3 removed, from line 40 on`: what is between the common beginning and the common end.
fn difference(found: &str, made: &str) -> String {
    if found.is_empty() {
        return format!("new, {} lines", made.lines().count());
    }
    let (old, new): (Vec<&str>, Vec<&str>) = (found.lines().collect(), made.lines().collect());
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let (old, new) = (&old[same..], &new[same..]);
    let end = old.iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a == b).count();
    format!("{} lines added, {} removed, from line {} on", new.len() - end, old.len() - end, same + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_difference_is_what_lies_between() {
        assert_eq!(difference("a\nb\nc\n", "a\nx\ny\nc\n"), "2 lines added, 1 removed, from line 2 on");
        assert_eq!(difference("a\n", "a\nb\n"), "1 lines added, 0 removed, from line 2 on");
        assert_eq!(difference("", "a\nb\n"), "new, 2 lines");
    }

    #[test]
    fn every_generator_makes_the_same_twice() {
        for (path, generator) in FILES {
            assert_eq!(generator().unwrap(), generator().unwrap(), "{path}");
        }
    }
}
