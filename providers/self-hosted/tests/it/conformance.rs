//! The backend on a real host, put to the tests that every backend must pass.

use std::sync::Arc;

use async_trait::async_trait;
use sf_provider::Backend;
use sf_provider::testkit::{Bench, Connection, Sample, conformance};
use sf_provider_self_hosted::SelfHosted;

use crate::stand::Stand;

const FIRST: &str = r#"
sf = 1
[project]
name = "sample"
[api]
cors = { origins = ["https://a.example"] }
[functions.hello]
handler = "hello.mjs#hello"
http = ["GET /hello", "POST /hello"]
[functions.tick]
handler = "tick.py:tick"
runtime = "python"
on = [{ schedule = "0 3 * * *" }]
"#;

/// Few objects, since the process is killed at each of their calls.
const WITH_DATA: &str = r#"
sf = 1
[project]
name = "sample"
[functions.hello]
handler = "hello.mjs#hello"
on = [{ topic = "news", filter = { city = ["Seoul"] } }]
uses = { people = "read-write", news = "write" }
env = { PEOPLE = "${table.people.name}" }
[topics.news]
[tables.people]
key = { partition = "id:string" }
"#;

struct OnHost(Stand);

#[async_trait]
impl Bench for OnHost {
    fn backend(&self) -> &dyn Backend {
        SelfHosted::backend()
    }

    fn samples(&self) -> Vec<Sample> {
        let changed = FIRST
            .replace("POST /hello", "PUT /hello")
            .replace("0 3", "0 4")
            .replace("a.example", "b.example");
        let alone = FIRST.split("[functions.tick]").next().unwrap();
        let other_data = WITH_DATA.replace("id:string", "name:string").replace("Seoul", "Busan");
        let sample = |name, text: &str, code| Sample::from_manifest(name, text, code).unwrap();
        vec![
            sample("two functions", FIRST, "one"),
            sample("new code", FIRST, "two"),
            sample("another route and schedule", &changed, "two"),
            sample("one function", alone, "two"),
            sample("data", WITH_DATA, "two"),
            sample("another table and other settings", &other_data, "two"),
        ]
    }

    async fn connect(&self) -> Connection {
        Connection { driver: Arc::new(self.0.driver.clone()), artifacts: self.0.cx.artifacts.clone() }
    }
}

#[tokio::test]
async fn the_self_hosted_backend_conforms() {
    let bench = OnHost(Stand::new().await);
    conformance(&bench).await.unwrap_or_else(|violation| panic!("{violation}"));
}
