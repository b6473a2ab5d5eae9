//! Deaths of `sf` at its saves.
//!
//! A death between two calls is the gate's ([`crate::Gate::kill_at`]). Here are those that no request marks: in the middle of a write, and when a
//! file has come to be as it is waited for.

use crate::project::Project;
#[cfg(unix)]
use crate::run::Running;
use crate::wait::DEADLINE;

/// Runs `sf` in a project and kills it (kill -9) as soon as `came` says so; `false` if it ended well before that.
///
/// # Panics
/// If it fails by itself, or does not end.
pub fn kill_when(project: &Project<'_>, args: &[&str], mut came: impl FnMut() -> bool) -> bool {
    let mut running = project.start(args);
    let start = std::time::Instant::now();
    // Without a pause: what is waited for is over within a millisecond.
    loop {
        if came() {
            let _ = running.kill();
            return true;
        }
        if !running.runs() {
            let _ = running.wait().ok();
            return false;
        }
        assert!(start.elapsed() < DEADLINE, "`sf {args:?}` does not end");
        std::thread::yield_now();
    }
}

/// Runs `sf` in a project so that the system kills it when it writes a file beyond so many blocks of half a KiB (POSIX: a file has them all, and
/// then the writer gets SIGXFSZ); `false` if it wrote no such file and ended well.
///
/// # Panics
/// If it fails by itself.
#[cfg(unix)]
pub fn kill_at_block(project: &Project<'_>, args: &[&str], blocks: usize) -> bool {
    let sf = project.command(args);
    let program = "ulimit -c 0; ulimit -f \"$1\"; shift; exec \"$@\"";
    let mut limited = std::process::Command::new("/bin/sh");
    limited.args(["-c", program, "sh", &blocks.to_string()]).arg(sf.get_program()).args(sf.get_args());
    limited.current_dir(&project.dir).env_clear();
    limited.envs(sf.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let run = Running::start(&mut limited).wait();
    match run.code {
        None => true,
        Some(_) => {
            let _ = run.ok();
            false
        }
    }
}
