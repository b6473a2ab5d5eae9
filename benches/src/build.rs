//! Building 100 functions: beside `find`, `sha256sum` and `zip`, and beside osls, on the same tree.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use sf_e2e::{Env, sf};

use crate::Result;
use crate::clock::{interleaved, time};
use crate::machine::{has, one_core};
use crate::report::Table;
use crate::tree;

pub(crate) fn measure(table: &mut Table) -> Result<()> {
    let env = Env::new();
    let root = env.dir().join("tree");
    tree::write(&root)?;
    cold(table, &env, &root)?;
    warm(table, &env, &root)?;
    match install_osls(&env) {
        Ok(osls) => beside_osls(table, &env, &root, &osls),
        Err(cause) => {
            table.note(format!("osls was not measured: {cause}"));
            Ok(())
        }
    }
}

/// `sf build` in the tree.
fn build(env: &Env, root: &Path, mut command: Command) -> Command {
    let template = env.command(root, &["build"]);
    command.args(template.get_args()).current_dir(root).env_clear();
    command.envs(template.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command
}

fn cold(table: &mut Table, env: &Env, root: &Path) -> Result<()> {
    let forget = || {
        fs::remove_dir_all(root.join(".sf"))
            .or_else(|cause| if cause.kind() == std::io::ErrorKind::NotFound { Ok(()) } else { Err(cause) })
    };
    if !has("zip", &["--version"]) || !has("sha256sum", &["--version"]) {
        table.note("The cold build was not measured beside `sha256sum` and `zip`: they are not installed.");
        return Ok(());
    }
    let zips = env.dir().join("zips");
    // What a careful script would do: hash every file, then zip every function. One shell for all, so that no start-up is counted twice.
    let script = "find . -name '*.mjs' -print0 | xargs -0 sha256sum > ../sums; for f in f*; do zip -q -X -r -6 ../zips/$f.zip $f; done";
    let [one, two, rival] = interleaved(
        5,
        [
            &mut || {
                forget()?;
                time(&mut build(env, root, one_core(sf())))
            },
            &mut || {
                forget()?;
                time(&mut build(env, root, Command::new(sf())))
            },
            &mut || {
                let _ = fs::remove_dir_all(&zips);
                fs::create_dir(&zips)?;
                time(one_core("sh").args(["-c", script]).current_dir(root))
            },
        ],
    )?;
    let rival_name = "`sha256sum` + `zip -r -6`, one core";
    table.times("`sf build`, 100 functions, cold, one core", one, rival_name, rival, Some(1.2));
    table.times("`sf build`, 100 functions, cold, all cores", two, rival_name, rival, None);
    Ok(())
}

fn warm(table: &mut Table, env: &Env, root: &Path) -> Result<()> {
    time(&mut build(env, root, Command::new(sf())))?;
    let [ours, find] = interleaved(
        21,
        [&mut || time(&mut build(env, root, Command::new(sf()))), &mut || {
            time(
                Command::new("find")
                    .args([".", "-path", "./.sf", "-prune", "-o", "-printf", "%s %T@\\n"])
                    .current_dir(root),
            )
        }],
    )?;
    table.times("`sf build`, 100 functions, nothing changed", ours, "`find . -printf`", find, Some(1.5));
    Ok(())
}

fn beside_osls(table: &mut Table, env: &Env, root: &Path, osls: &Path) -> Result<()> {
    let mut package = || {
        let _ = fs::remove_dir_all(root.join(".serverless"));
        let mut command = Command::new(osls);
        command
            .arg("package")
            .current_dir(root)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default());
        // It asks the cloud for nothing while packaging, but looks for credentials.
        command.env("HOME", env.dir()).env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none");
        time(command.env("AWS_EC2_METADATA_DISABLED", "true").env("SLS_TELEMETRY_DISABLED", "1"))
    };
    package()?;
    let [cold, warm, osls]: [Duration; 3] = interleaved(
        3,
        [
            &mut || {
                fs::remove_dir_all(root.join(".sf"))?;
                time(&mut build(env, root, Command::new(sf())))
            },
            &mut || time(&mut build(env, root, Command::new(sf()))),
            &mut package,
        ],
    )?;
    table.times("`sf build`, 100 functions, cold", cold, "`osls package`, same tree", osls, None);
    table.times("`sf build`, 100 functions, nothing changed", warm, "`osls package`, same tree", osls, None);
    table.note("osls keeps nothing between two runs: its second `package` takes as long as its first. Besides the zips it writes a CloudFormation template.");
    Ok(())
}

/// Installs osls once, beside the target folder's other things.
pub(crate) fn install_osls(env: &Env) -> Result<PathBuf> {
    let target = sf().parent().and_then(Path::parent).ok_or("`sf` is in no target folder")?;
    let folder = target.join("bench/npm");
    let program = folder.join("node_modules/.bin/osls");
    if !program.exists() {
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("package.json"), "{\"private\": true}")?;
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund", "--ignore-scripts", "osls@4"]).current_dir(&folder);
        time(npm.env("HOME", env.dir())).map_err(|cause| format!("npm could not install it: {cause}"))?;
    }
    Ok(program)
}
