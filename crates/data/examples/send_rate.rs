//! How many sends to a queue are acknowledged in a second: `cargo run --release -p sf-data --example send_rate [FOLDER]`.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use sf_data::{AppId, Body, Data, QueueDefinition};

const FOR: Duration = Duration::from_secs(3);

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let base = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, Into::into);
    for senders in [1, 64] {
        let folder = tempfile::TempDir::new_in(&base)?;
        let rate = measure(folder.path(), senders).await?;
        writeln!(std::io::stdout(), "{senders:>3} senders: {rate:>7.0} messages/s")?;
    }
    Ok(())
}

async fn measure(folder: &Path, senders: usize) -> Result<f64, Box<dyn Error>> {
    let clock = || {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    };
    let data = Data::open(folder, Arc::new(clock))?;
    let app = AppId { project: "shop".into(), stage: "dev".into() };
    data.define_queue(&app, "jobs", QueueDefinition { retries: 5 }).await?;
    let sent = Arc::new(AtomicU64::new(0));
    let begin = Instant::now();
    let tasks: Vec<_> = (0..senders)
        .map(|_| {
            let (data, app, sent) = (data.clone(), app.clone(), Arc::clone(&sent));
            tokio::spawn(async move {
                while begin.elapsed() < FOR {
                    let body = Body::Json(r#"{"order": 7, "note": "a message of a usual size"}"#.into());
                    data.send(&app, "jobs", body, Duration::ZERO).await?;
                    sent.fetch_add(1, Ordering::Relaxed);
                }
                Ok::<_, sf_data::DataError>(())
            })
        })
        .collect();
    for task in tasks {
        task.await??;
    }
    Ok(sent.load(Ordering::Relaxed) as f64 / begin.elapsed().as_secs_f64())
}
