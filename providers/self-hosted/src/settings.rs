//! `[providers.self-hosted]`

use serde_json::Value as Json;
use sf_model::{App, Diagnostic};

const KNOWN_KEYS: &str = "`host` (a URL) and `port` (of this project's HTTP API)";

/// What `[providers.self-hosted]` may say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The control API of a host that runs elsewhere or was started by hand; `None`: one is started on this machine.
    pub host: Option<String>,
    /// The port of the project's HTTP API; `None`: the host chooses one and keeps it.
    pub port: Option<u16>,
}

impl Settings {
    /// Reads the table.
    ///
    /// # Errors
    /// A diagnostic for each unknown key and unusable value.
    pub fn read(app: &App) -> Result<Self, Vec<Diagnostic>> {
        let mut settings = Self::default();
        let mut problems = Vec::new();
        let error = |code, message: String| Diagnostic::error(code, app.provider_settings_span, message);
        let table = match &app.provider_settings {
            Json::Object(table) => table.clone(),
            _ => serde_json::Map::new(),
        };
        for (key, value) in &table {
            match key.as_str() {
                "host" => match host(value) {
                    Some(url) => settings.host = Some(url),
                    None => problems.push(
                        error(
                            "bad-value",
                            format!("`host` of provider `self-hosted` is not a URL: {value}"),
                        )
                        .hint("write `host = \"http://127.0.0.1:7070\"`, or leave it out to use a host on this machine"),
                    ),
                },
                "port" => match port(value) {
                    Some(port) => settings.port = Some(port),
                    None => problems.push(
                        error(
                            "bad-value",
                            format!("`port` of provider `self-hosted` is not a port: {value}"),
                        )
                        .hint("write a number from 1 to 65535, or leave it out to have one chosen"),
                    ),
                },
                _ => problems.push(
                    error(
                        "unknown-key",
                        format!("provider `self-hosted` has no setting `{key}`"),
                    )
                    .hint(format!("it has {KNOWN_KEYS}")),
                ),
            }
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

fn host(value: &Json) -> Option<String> {
    let url = value.as_str()?;
    let authority = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    (!authority.trim_matches('/').is_empty()).then(|| url.to_owned())
}

/// A number, or its text: `port = "${env:PORT}"` arrives as text.
fn port(value: &Json) -> Option<u16> {
    let number = match value {
        Json::String(text) => text.parse().ok()?,
        other => u16::try_from(other.as_u64()?).ok()?,
    };
    (number != 0).then_some(number)
}
