//! Plays the steps of a case.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value as Json, json};
use sf_e2e::http;
use tungstenite::Message;

use crate::expect::{matches, short};
use crate::target::Target;

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(100);

/// Plays one case.
pub(crate) struct Player<'a> {
    target: &'a Target<'a>,
    /// Values of earlier steps, and texts that stand for themselves: `run`, `stage`, `provider`.
    saved: BTreeMap<String, Json>,
}

impl<'a> Player<'a> {
    pub(crate) fn new(target: &'a Target<'a>, name: &str) -> Self {
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
        let saved = [("run", plain), ("stage", target.stage.clone()), ("provider", target.provider.clone())];
        Self { target, saved: saved.map(|(name, text)| (name.to_owned(), text.into())).into() }
    }

    /// One step: what it does, and what must come of it.
    pub(crate) fn step(&mut self, step: &Json) -> Result<(), String> {
        let expected = |name: &str| step.get(name).map(|json| self.fill(json, 0));
        let started = Instant::now();
        let value = loop {
            let value = self.repeat(step)?;
            let Some(until) = expected("until") else { break value };
            match matches(&until, plain(step, &value)) {
                Ok(()) => break value,
                Err(why) if started.elapsed() > self.target.patience() => {
                    return Err(format!("waited in vain: {why}"));
                }
                Err(_) => std::thread::sleep(PAUSE),
            }
        };
        let is_one = step.get("times").is_none();
        if let (true, Some(error)) = (is_one, value.get("error")) {
            return self.fails_as_it_should(step, error);
        }
        if let Some(code) = step.get("error") {
            return Err(format!("expected the error {code}, found {}", short(&value)));
        }
        let value = plain(step, &value);
        if let Some(wanted) = expected("expect") {
            matches(&wanted, value)?;
        }
        self.save(step, value)
    }

    fn fails_as_it_should(&self, step: &Json, error: &Json) -> Result<(), String> {
        if step.get("error") != Some(&error["code"]) {
            return Err(format!("{} failed: {}", step.get("op").unwrap_or(&Json::Null), short(error)));
        }
        let hint = step.get("hint").and_then(Json::as_str).unwrap_or_default();
        if error["hint"].as_str().unwrap_or_default().contains(hint) {
            return Ok(());
        }
        Err(format!("the hint does not say {hint:?}: {}", short(error)))
    }

    fn save(&mut self, step: &Json, value: &Json) -> Result<(), String> {
        match step.get("save") {
            None => {}
            Some(Json::String(name)) => drop(self.saved.insert(name.clone(), value.clone())),
            Some(parts) => {
                for (name, pointer) in parts.as_object().into_iter().flatten() {
                    let part = pointer.as_str().and_then(|pointer| value.pointer(pointer));
                    let part = part.ok_or_else(|| format!("nothing at {pointer} of {}", short(value)))?;
                    self.saved.insert(name.clone(), part.clone());
                }
            }
        }
        Ok(())
    }

    /// The value of a step, or the list of values of one with `times`. Of an operation it is `{"ok"}` or `{"error"}`.
    fn repeat(&self, step: &Json) -> Result<Json, String> {
        let Some(times) = step.get("times").and_then(Json::as_u64) else { return self.once(step, 0) };
        if step.get("together").is_none() {
            return (0..times).map(|nth| self.once(step, nth)).collect();
        }
        std::thread::scope(|scope| {
            let running: Vec<_> = (0..times).map(|nth| scope.spawn(move || self.once(step, nth))).collect();
            running.into_iter().map(|one| one.join().map_err(|_| "a step panicked".to_owned())?).collect()
        })
    }

    fn once(&self, step: &Json, nth: u64) -> Result<Json, String> {
        let part = |name: &str| step.get(name).map(|json| self.fill(json, nth));
        if let Some(op) = step.get("op") {
            let mut body = part("with").unwrap_or_else(|| json!({}));
            body["op"] = op.clone();
            let route = step.get("as").and_then(Json::as_str).unwrap_or("operate");
            return operate(&format!("{}/{route}", self.target.api), &body);
        }
        if let Some(request) = part("http") {
            return self.request(&self.target.api, &request);
        }
        if let Some(request) = part("fetch") {
            return self.request("", &request);
        }
        if let Some(talk) = part("socket") {
            return talk_to(&self.target.socket, &talk);
        }
        if let Some(queue) = step.get("dead").and_then(Json::as_str) {
            return Ok(self.target.dead(queue));
        }
        if let Some(function) = step.get("logs").and_then(Json::as_str) {
            return Ok(self.target.logs(function));
        }
        if let Some(seconds) = step.get("time").and_then(Json::as_u64) {
            self.target.advance(seconds);
            return Ok(Json::Null);
        }
        Err(format!("a step that does nothing: {step}"))
    }

    fn request(&self, base: &str, request: &Json) -> Result<Json, String> {
        let text = |name: &str| request[name].as_str().unwrap_or_default();
        let url = format!("{base}{}{}", text("path"), text("url"));
        let mut headers: Vec<(String, String)> = request["headers"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect();
        if let Some(claims) = request.get("token") {
            let token = self.target.issuer.token("conformance", claims);
            headers.push(("authorization".to_owned(), format!("Bearer {token}")));
        }
        let headers: Vec<_> = headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let body = bytes_of(&request["body"]);
        let answer =
            http::send(text("method"), &url, &headers, &body).map_err(|why| format!("{url}: {why}"))?;
        let mut found: BTreeMap<String, Json> = BTreeMap::new();
        for (name, value) in &answer.headers {
            let value = Json::from(value.clone());
            match found.get_mut(name) {
                Some(Json::Array(all)) => all.push(value),
                Some(one) => *one = json!([one.clone(), value]),
                None => drop(found.insert(name.clone(), value)),
            }
        }
        Ok(json!({ "status": answer.status, "headers": found, "body": body_of(&answer) }))
    }

    /// Replaces `{name}` in texts, and `{"$saved"}`, `{"$repeat"}`.
    fn fill(&self, json: &Json, nth: u64) -> Json {
        match json {
            Json::String(text) => Json::String(self.fill_text(text, nth)),
            Json::Array(items) => items.iter().map(|item| self.fill(item, nth)).collect(),
            Json::Object(members) => {
                if let Some(name) = members.get("$saved").and_then(Json::as_str) {
                    return self
                        .saved
                        .get(name)
                        .cloned()
                        .unwrap_or_else(|| panic!("nothing was saved as {name}"));
                }
                if let Some(Json::Array(repeat)) = members.get("$repeat") {
                    let count =
                        repeat.get(1).and_then(Json::as_u64).and_then(|count| usize::try_from(count).ok());
                    return repeat[0].as_str().unwrap_or_default().repeat(count.unwrap_or(0)).into();
                }
                members.iter().map(|(name, inner)| (name.clone(), self.fill(inner, nth))).collect()
            }
            other => other.clone(),
        }
    }

    fn fill_text(&self, text: &str, nth: u64) -> String {
        let mut filled = text.replace("{nth}", &format!("{nth:04}"));
        for (name, value) in &self.saved {
            if let Some(value) = value.as_str() {
                filled = filled.replace(&format!("{{{name}}}"), value);
            }
        }
        filled
    }
}

/// What an operation gave; other values are as they are.
fn plain<'a>(step: &Json, value: &'a Json) -> &'a Json {
    let is_one_operation = step.get("op").is_some() && step.get("times").is_none();
    if is_one_operation { value.get("ok").unwrap_or(value) } else { value }
}

fn operate(url: &str, body: &Json) -> Result<Json, String> {
    let headers = [("content-type", "application/json")];
    let answer = http::send("POST", url, &headers, body.to_string().as_bytes())
        .map_err(|why| format!("{url}: {why}"))?;
    match answer.status {
        200 => Ok(answer.json()),
        status => Err(format!("{url}: {status} {}", answer.text())),
    }
}

fn bytes_of(body: &Json) -> Vec<u8> {
    match (body.as_str(), body["$bytes"].as_str()) {
        (Some(text), _) => text.as_bytes().to_vec(),
        (_, Some(coded)) => STANDARD.decode(coded).expect("base64"),
        _ => Vec::new(),
    }
}

/// JSON as it is, text as text, anything else as bytes.
fn body_of(answer: &http::Response) -> Json {
    let is_json = answer.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if is_json && let Ok(json) = serde_json::from_slice(&answer.body) {
        return json;
    }
    value_of(&answer.body)
}

fn value_of(bytes: &[u8]) -> Json {
    std::str::from_utf8(bytes).map_or_else(|_| json!({ "$bytes": STANDARD.encode(bytes) }), Json::from)
}

/// Opens a WebSocket, sends everything, reads so many answers, closes.
fn talk_to(url: &str, talk: &Json) -> Result<Json, String> {
    let url = format!("{url}?{}", talk["query"].as_str().unwrap_or_default());
    let mut socket = match http::open_socket(&url) {
        Ok(open) => open,
        Err(tungstenite::Error::Http(refused)) => {
            return Ok(json!({ "open": false, "status": refused.status().as_u16() }));
        }
        Err(why) => return Err(format!("{url}: {why}")),
    };
    let mut received = Vec::new();
    for message in talk["send"].as_array().into_iter().flatten() {
        let message = match message.as_str() {
            Some(text) => Message::text(text),
            None => Message::binary(bytes_of(message)),
        };
        socket.send(message).map_err(|why| format!("send: {why}"))?;
    }
    while (received.len() as u64) < talk["read"].as_u64().unwrap_or(0) {
        match socket.read().map_err(|why| format!("read: {why}"))? {
            Message::Text(text) => received.push(Json::from(text.as_str())),
            Message::Binary(bytes) => received.push(json!({ "$bytes": STANDARD.encode(bytes) })),
            _ => {}
        }
    }
    let _ = socket.close(None);
    while socket.read().is_ok() {}
    Ok(json!({ "open": true, "received": received }))
}
