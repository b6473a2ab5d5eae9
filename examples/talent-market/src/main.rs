//! Ranks people for a job: each line of the body is `name: skill skill …`, and the first is the job's.

mod http;

fn main() -> std::io::Result<()> {
    http::serve(|request| {
        if (request.method.as_str(), request.path.as_str()) != ("POST", "/match") {
            return (404, "{\"error\":\"there is only POST /match\"}".into());
        }
        let text = String::from_utf8_lossy(&request.body);
        match best(&text) {
            Some(name) => (200, format!("{{\"best\":\"{name}\"}}")),
            None => (422, "{\"error\":\"no candidates\"}".into()),
        }
    })
}

fn best(text: &str) -> Option<&str> {
    let mut lines = text.lines().filter_map(|line| line.split_once(':'));
    let wanted: Vec<_> = lines.next()?.1.split_whitespace().collect();
    let score = |skills: &str| skills.split_whitespace().filter(|skill| wanted.contains(skill)).count();
    lines.rev().max_by_key(|(_, skills)| score(skills)).map(|(name, _)| name)
}
