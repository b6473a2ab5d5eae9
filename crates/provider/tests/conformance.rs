//! The testkit's own test: the model passes, and a driver that breaks a rule is caught.

#![allow(clippy::unwrap_used, reason = "a failed expectation is what a test reports")]

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use sf_plan::{Call, CallAction, Failure, Intent, Object, ObjectKey, Outcome};
use sf_provider::testkit::{Bench, Connection, ModelBackend, ModelCloud, NoArtifacts, Sample, conformance};
use sf_provider::{Backend, Cx, Driver};

fn samples() -> Vec<Sample> {
    let first = r#"
sf = 1
[project]
name = "sample"
[functions.hello]
handler = "hello.mjs#hello"
http = ["GET /hello", "POST /hello"]
[functions.bye]
handler = "bye.mjs#bye"
http = ["GET /bye"]
"#;
    let moved = first
        .replace("GET /bye", "PUT /bye")
        .replace("http = [\"GET /hello\"", "warm = 1\nhttp = [\"GET /hello\"");
    let alone = first.split("[functions.bye]").next().unwrap().to_owned();
    let sample = |name, text: &str, code| Sample::from_manifest(name, text, code).unwrap();
    vec![
        sample("two functions", first, "one"),
        sample("new code", first, "two"),
        sample("moved and kept warm", &moved, "two"),
        sample("one function", &alone, "two"),
    ]
}

/// Which rule the driver breaks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sin {
    None,
    CreatesTwice,
    RefusesToDeleteTwice,
    DiscoversNothing,
    DiscoversAllStages,
    ForgetsDependencies,
    NeverFinds,
    AlwaysFinds,
    LeavesCode,
}

struct Sinner {
    sin: Sin,
    cloud: ModelCloud,
}

impl Sinner {
    fn is(&self, sin: Sin) -> bool {
        self.sin == sin
    }
}

#[async_trait]
impl Driver for Sinner {
    async fn read(&self, cx: &Cx, key: &ObjectKey, object: &Object) -> Result<Option<Object>, Failure> {
        self.cloud.read(cx, key, object).await
    }

    async fn call(&self, cx: &Cx, call: &Call) -> Outcome {
        let exists = self.cloud.objects(&cx.scope).contains_key(&call.key);
        let refused = Outcome::Failed { partial: None, error: Failure::internal("no") };
        match &call.action {
            CallAction::Create { .. } if exists && self.is(Sin::CreatesTwice) => refused,
            CallAction::Delete { .. } if !exists && self.is(Sin::RefusesToDeleteTwice) => refused,
            CallAction::Delete { .. } if self.is(Sin::LeavesCode) && call.key.addr.kind.0 == "code" => {
                Outcome::Deleted
            }
            _ => self.cloud.call(cx, call).await,
        }
    }

    async fn find(&self, cx: &Cx, intent: &Intent) -> Result<Option<Object>, Failure> {
        match self.sin {
            Sin::NeverFinds => Ok(None),
            Sin::AlwaysFinds => Ok(self.cloud.objects(&cx.scope).into_values().next()),
            _ => self.cloud.find(cx, intent).await,
        }
    }

    async fn discover(&self, cx: &Cx) -> Result<BTreeMap<ObjectKey, Object>, Failure> {
        let mut cx = cx.clone();
        match self.sin {
            Sin::DiscoversNothing => return Ok(BTreeMap::new()),
            Sin::DiscoversAllStages => cx.scope.stage = cx.scope.stage.replace("-other", ""),
            _ => {}
        }
        let mut found = self.cloud.discover(&cx).await?;
        if self.is(Sin::ForgetsDependencies) {
            found.values_mut().for_each(|object| object.deps.clear());
        }
        Ok(found)
    }
}

#[async_trait]
impl Bench for Sinner {
    fn backend(&self) -> &dyn Backend {
        &ModelBackend
    }

    fn samples(&self) -> Vec<Sample> {
        samples()
    }

    async fn connect(&self) -> Connection {
        let driver = Arc::new(Sinner { sin: self.sin, cloud: self.cloud.clone() });
        Connection { driver, artifacts: Arc::new(NoArtifacts) }
    }
}

async fn verdict(sin: Sin) -> Result<(), String> {
    conformance(&Sinner { sin, cloud: ModelCloud::new() }).await.map_err(|violation| violation.to_string())
}

#[tokio::test]
async fn the_model_passes() {
    assert_eq!(verdict(Sin::None).await, Ok(()));
}

#[tokio::test]
async fn a_driver_that_breaks_a_rule_is_caught() {
    for (sin, expected) in [
        (Sin::CreatesTwice, "the same call again"),
        (Sin::RefusesToDeleteTwice, "the same call again"),
        (Sin::DiscoversNothing, "is recorded and so is discovered"),
        (Sin::DiscoversAllStages, "does not belong to another stage"),
        (Sin::ForgetsDependencies, "answers what is recorded"),
        (Sin::NeverFinds, "is recorded, and so is found"),
        (Sin::AlwaysFinds, "none is found"),
        (Sin::LeavesCode, "is discovered, and so is recorded"),
    ] {
        let found = verdict(sin).await.unwrap_err();
        assert!(found.contains(expected), "{sin:?}: {found}");
    }
}
