//! Any program that serves HTTP on `$PORT` is a function.

mod http;

fn main() -> std::io::Result<()> {
    http::serve(|request| match request.path.strip_prefix("/hello/") {
        Some(name) => (200, format!("{{\"message\":\"Hello, {name}!\"}}")),
        None if request.method == "POST" => (200, String::from_utf8_lossy(&request.body).into_owned()),
        None => (404, "{}".into()),
    })
}
