//! A canary: a secret's value that is searched for wherever it must not be, whatever happens to the runs that handle it.

#![cfg(target_os = "linux")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use sf_e2e::{Env, Gate, Project, Run, When, eventually, holding, kill_now, signal};

use crate::support::{THROUGH_GATE, gated, manifest};

/// Multiples of three bytes, so that base64 has no other form where it stands at the beginning of what is encoded.
const CANARY: &str = "canary-first-zqx-9f1b2c8";
const ROTATED: &str = "canary-other-kvw-7a3d5e6";

const HANDLER: &str = "export async function one(request, ctx) {
  const value = await ctx.secret('key');
  return new Response(`${value.length} ${value.includes('other')}`);
}
";

/// All the texts that give a value away.
fn forms() -> Vec<String> {
    let hex = |value: &str| value.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
    let all = [CANARY, ROTATED].map(|value| {
        let upper = hex(value).to_uppercase();
        let encoded = [STANDARD_NO_PAD.encode(value), URL_SAFE_NO_PAD.encode(value)];
        [value.to_owned(), hex(value), upper].into_iter().chain(encoded).collect::<Vec<_>>()
    });
    all.concat()
}

/// Everything that was printed.
#[derive(Default)]
struct Printed(Vec<Run>);

impl Printed {
    fn add(&mut self, run: Run) -> &Run {
        self.0.push(run);
        self.0.last().unwrap()
    }

    #[track_caller]
    fn is_clean(&self) {
        for run in &self.0 {
            for form in forms() {
                assert!(!run.text().contains(&form), "`{}` printed {form}", run.what);
            }
        }
    }
}

/// Neither as it is nor in an artifact, once that is unpacked.
#[track_caller]
fn no_file_has_it(env: &Env, project: &Project<'_>) {
    // How the tests pipe a value in.
    let _ = std::fs::remove_file(env.dir().join("input"));
    let unpacked = env.dir().join("unpacked-artifacts");
    for (name, _) in project.artifacts() {
        let zip = project.dir.join(".sf/cache/artifacts").join(&name);
        let script = "import sys, zipfile; zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])";
        let to = unpacked.join(&name);
        let status = Command::new("python3").args(["-c", script]).arg(&zip).arg(&to).status().unwrap();
        assert!(status.success(), "{name} cannot be unpacked");
    }
    assert!(
        !holding(&unpacked, "ctx.secret").is_empty(),
        "the artifact is not there: the search finds nothing"
    );
    for form in forms() {
        assert_eq!(holding(env.dir(), &form), Vec::<std::path::PathBuf>::new(), "{form}");
    }
}

/// Neither in the arguments nor in the environment of any process.
#[track_caller]
fn no_process_shows_it(env: &Env) {
    let mine = env.dir().to_string_lossy().into_owned();
    let mut seen = 0;
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        for file in ["cmdline", "environ"] {
            let text = std::fs::read(process.path().join(file)).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            seen += usize::from(file == "environ" && text.contains(&mine));
            for form in forms() {
                assert!(!text.contains(&form), "{}/{file}", process.path().display());
            }
        }
    }
    assert!(seen > 0, "neither the host nor a worker is among the processes");
}

fn set(printed: &mut Printed, project: &Project<'_>, value: &str) {
    let run = project.sf_given(&["secret", "set", "key", "-vvv"], &format!("{value}\n"));
    printed.add(run.ok());
}

/// Fails in the middle: the host dies while a call is under way.
fn fails(env: &Env, gate: &Gate, project: &Project<'_>) -> Run {
    project.write("one.mjs", &format!("{HANDLER}// failed\n"));
    gate.arm(0, When::Delay);
    let running = project.start(&["deploy", "--yes", "-vvv"]);
    gate.await_closed();
    kill_now(env.host().pid);
    gate.open();
    running.wait()
}

#[test]
fn a_secrets_value_is_nowhere() {
    let mut env = Env::new();
    let gate = gated(&mut env);
    let lines = "http = [\"GET /one\"]\nsecrets = [\"key\"]";
    let text = manifest("canary", &[("one", lines)]) + "\n[secrets.key]\n" + THROUGH_GATE;
    let project = env.project("canary", &[("sf.toml", &text), ("one.mjs", HANDLER)]);
    let mut printed = Printed::default();

    set(&mut printed, &project, CANARY);
    printed.add(project.sf(&["deploy", "--yes", "-vvv"]).ok());
    assert_eq!(project.get("/one").text(), "24 false");
    no_process_shows_it(&env);
    set(&mut printed, &project, ROTATED);

    project.write("one.mjs", &format!("{HANDLER}// killed\n"));
    assert!(gate.kill_at(0, When::After, &project, &["deploy", "--yes", "-vvv"]));
    printed.add(project.sf(&["plan", "--json", "-vvv"]).ok());
    printed.add(project.sf(&["deploy", "--yes", "--json", "-vvv"]).ok());
    // Who kept the old value for a while is gone with the old code.
    assert_eq!(project.get("/one").text(), "24 true");
    for args in [
        &["secret", "list", "--json", "-vvv"][..],
        &["debug", "desired"],
        &["debug", "plan"],
        &["drift", "--json"],
        &["diff", "1", "--json"],
        &["releases", "--all", "--json"],
        &["releases", "show", "1", "--json"],
        &["releases", "show", "2", "-v"],
        &["logs", "--json"],
        &["info", "--json"],
        &["state", "list", "--json"],
        &["state", "rebuild", "--yes", "-vvv"],
        &["rollback", "1", "--yes", "-vvv"],
    ] {
        printed.add(project.sf(args).ok());
    }
    no_process_shows_it(&env);
    let failed = fails(&env, &gate, &project);
    assert_ne!(failed.code, Some(0), "{}", failed.text());
    printed.add(failed);
    no_file_has_it(&env, &project);
    printed.is_clean();
}

/// What a process leaves that dies of a signal for which the system would write its memory to a file.
#[test]
fn no_core_has_it() {
    let env = Env::new();
    let text = manifest("canary", &[("one", "secrets = [\"key\"]")]) + "\n[secrets.key]\n";
    let project = env.project("canary", &[("sf.toml", &text), ("one.mjs", HANDLER)]);
    // One that dumps, where the system writes cores beside the process at all.
    let control = env.dir().join("control");
    std::fs::create_dir(&control).unwrap();
    let _ =
        Command::new("sh").args(["-c", "ulimit -c unlimited; kill -ABRT $$"]).current_dir(&control).status();

    let sf = project.command(&["secret", "set", "key"]);
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -c unlimited; exec \"$0\" secret set key"]).arg(sf.get_program());
    for (name, value) in sf.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        command.env(name, value);
    }
    let mut child = command.current_dir(&project.dir).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(CANARY.as_bytes()).unwrap();
    stdin.flush().unwrap();
    eventually("sf has it in its memory", || is_waiting_in_sf(child.id()).then_some(()));
    assert_eq!(core_limit(child.id()), ["0", "0"]);
    signal("ABRT", child.id());
    assert!(!child.wait().unwrap().success());

    let _ = project.sf_given(&["secret", "set", "key"], CANARY).ok();
    let host = env.host();
    assert_eq!(core_limit(host.pid), ["0", "0"]);
    signal("ABRT", host.pid);
    eventually("the host is gone", || env.find_host().is_none().then_some(()));
    let cores = |folder: &Path| -> Vec<_> {
        let entries = std::fs::read_dir(folder).unwrap().flatten();
        entries
            .filter(|entry| entry.file_name().to_string_lossy().starts_with("core"))
            .map(|entry| entry.path())
            .collect()
    };
    if cores(&control).is_empty() {
        println!("skipped: the system writes no cores beside processes; their limits were looked at");
    }
    std::fs::remove_dir_all(&control).unwrap();
    assert_eq!(cores(&project.dir), Vec::<std::path::PathBuf>::new());
    let _ = std::fs::remove_file(env.dir().join("input"));
    for form in forms() {
        assert_eq!(holding(env.dir(), &form), Vec::<std::path::PathBuf>::new(), "{form}");
    }
}

/// Whether the shell has become `sf`, and that has set its limit: the first thing it does.
fn is_waiting_in_sf(pid: u32) -> bool {
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    name.trim() == "sf" && core_limit(pid) == ["0", "0"]
}

/// The soft and the hard limit of a process's core files.
fn core_limit(pid: u32) -> Vec<String> {
    let limits = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max core file size")).unwrap_or_default();
    line.split_whitespace().take(2).map(str::to_owned).collect()
}
