//! What is discovered, in the words in which a deploy would have recorded it. AWS keeps neither what an object was made of nor what it used:
//! both are seen from the outputs of others that stand in its inputs.

use std::collections::{BTreeMap, BTreeSet};

use sf_plan::{Inputs, Json, Object, ObjectKey, Value};

use crate::names::Place;
use crate::names::addr::kind;

/// Objects by their keys.
type Objects = BTreeMap<ObjectKey, Object>;

/// Inputs in which texts are recorded in parts, where they hold what AWS made up for other objects.
const IN_PARTS: [&str; 3] = ["Environment", "SourceArn", "Statement"];

/// Kinds that AWS makes up something for: ids and addresses that can have come into a text from nowhere else.
const MADE_UP: [&str; 4] = [kind::HTTP_API, kind::QUEUE, kind::URL, kind::WEBSOCKET_API];
const MADE_UP_OUTPUTS: [&str; 3] = ["id", "management", "url"];

/// Inputs that are outputs of others, and the kinds of those.
const REFERENCES: [(&str, &[&str]); 17] = [
    ("Alias", &[kind::ALIAS]),
    ("Api", &[kind::HTTP_API, kind::WEBSOCKET_API]),
    ("Artifacts", &[kind::ARTIFACTS]),
    ("Authorizer", &[kind::AUTHORIZER]),
    ("Bucket", &[kind::BUCKET]),
    ("DeadLetters", &[kind::DEAD_LETTERS]),
    ("Environment", &MADE_UP),
    ("EventSourceArn", &[kind::QUEUE, kind::TABLE]),
    ("FunctionName", &[kind::FUNCTION]),
    ("GroupName", &[kind::SCHEDULE_GROUP]),
    ("Integration", &[kind::INTEGRATION]),
    ("LogGroup", &[kind::LOG_GROUP]),
    ("OnFailure", &[kind::FAILURE_QUEUE]),
    ("Role", &[kind::ROLE]),
    ("Topic", &[kind::TOPIC]),
    ("SourceArn", &MADE_UP),
    ("Statement", &MADE_UP),
];

/// The objects as they would be recorded.
pub(super) fn as_recorded(place: &Place, mut objects: Objects) -> Objects {
    let made_up = MadeUp::of(place, &objects);
    for object in objects.values_mut() {
        if let Value::Map(inputs) = &mut object.inputs {
            for name in IN_PARTS {
                if let Some(input) = inputs.get_mut(name) {
                    made_up.cut(input);
                }
            }
        }
    }
    let deps: Vec<_> = objects.iter().map(|(key, object)| deps(key, object, &objects)).collect();
    for (object, deps) in objects.values_mut().zip(deps) {
        object.deps = deps;
    }
    objects
}

/// What AWS made up, as it stands in texts, with the output that it is.
struct MadeUp(Vec<(String, String)>);

impl MadeUp {
    fn of(place: &Place, objects: &Objects) -> Self {
        let mut outputs = Vec::new();
        for (_, object) in objects.iter().filter(|(key, _)| MADE_UP.contains(&key.addr.kind.0.as_str())) {
            for output in MADE_UP_OUTPUTS.iter().filter_map(|name| object.outputs.get(*name)?.as_str()) {
                // A text of the manifest's is not in general form.
                for form in BTreeSet::from([output.to_owned(), place.concrete(output)]) {
                    outputs.push((form, output.to_owned()));
                }
            }
        }
        Self(outputs)
    }

    /// Cuts every text in a value.
    fn cut(&self, value: &mut Value) {
        match value {
            Value::Lit(Json::String(text)) => {
                let mut parts = self.parts(text);
                *value = if parts.len() > 1 {
                    Value::List(parts)
                } else {
                    parts.pop().unwrap_or_else(|| value.clone())
                };
            }
            Value::List(items) => items.iter_mut().for_each(|item| self.cut(item)),
            Value::Map(map) => map.values_mut().for_each(|item| self.cut(item)),
            Value::Lit(_) | Value::Secret { .. } | Value::Artifact(_) | Value::Ref { .. } => {}
        }
    }

    /// The outputs in a text, and what is between them.
    fn parts(&self, text: &str) -> Vec<Value> {
        let mut parts = Vec::new();
        let mut push = |text: &str| {
            if !text.is_empty() {
                parts.push(Value::Lit(text.into()));
            }
        };
        let mut rest = text;
        while let Some((at, form, output)) = self.first(rest) {
            push(&rest[..at]);
            push(output);
            rest = &rest[at + form.len()..];
        }
        push(rest);
        parts
    }

    /// The first output in a text, and of those that begin there the longest: an id is also in the address.
    fn first(&self, text: &str) -> Option<(usize, &str, &str)> {
        let found = self.0.iter().filter_map(|(form, output)| Some((text.find(form)?, form, output)));
        found
            .min_by_key(|(at, form, _)| (*at, usize::MAX - form.len()))
            .map(|(at, form, output)| (at, form.as_str(), output.as_str()))
    }
}

/// What an object uses, and what it was made after.
fn deps(key: &ObjectKey, object: &Object, objects: &Objects) -> BTreeSet<ObjectKey> {
    let Value::Map(inputs) = &object.inputs else { return BTreeSet::new() };
    let mut deps = BTreeSet::new();
    let mut add = |name: &str, value: &Inputs| {
        let Some((_, kinds)) = REFERENCES.iter().find(|(input, _)| *input == name) else { return };
        let is_used = |used: &Object| match IN_PARTS.contains(&name) {
            true => {
                MADE_UP_OUTPUTS.iter().filter_map(|name| used.outputs.get(*name)).any(|it| holds(value, it))
            }
            false => uses(value, used),
        };
        let used = of_kinds(objects, kinds).filter(|(_, used)| is_used(used));
        deps.extend(used.map(|(key, _)| key.clone()));
    };
    for (name, value) in inputs {
        match (name.as_str(), value) {
            ("Functions", Value::List(told)) => {
                told.iter().filter_map(|told| field(told, "Alias")).for_each(|alias| add("Alias", alias));
            }
            (name, value) => add(name, value),
        }
    }
    deps.extend(predecessors(key, object, objects));
    deps.remove(key);
    deps
}

fn of_kinds<'a>(
    objects: &'a Objects,
    kinds: &'a [&str],
) -> impl Iterator<Item = (&'a ObjectKey, &'a Object)> {
    objects.iter().filter(|(key, _)| kinds.contains(&key.addr.kind.0.as_str()))
}

/// Whether an output of that object is one of the texts in an input.
fn uses(input: &Inputs, used: &Object) -> bool {
    used.outputs.values().any(|output| holds(input, output))
}

fn holds(input: &Inputs, output: &Json) -> bool {
    match input {
        Value::Lit(text) => text == output,
        Value::List(items) => items.iter().any(|item| holds(item, output)),
        Value::Map(map) => map.values().any(|item| holds(item, output)),
        Value::Secret { .. } | Value::Artifact(_) | Value::Ref { .. } => false,
    }
}

fn field<'a>(inputs: &'a Inputs, name: &str) -> Option<&'a Inputs> {
    match inputs {
        Value::Map(map) => map.get(name),
        _ => None,
    }
}

/// Kinds that a function reaches by a name in its role.
const REACHED_BY_NAME: [&str; 5] = [kind::BUCKET, kind::QUEUE, kind::SECRET, kind::TABLE, kind::TOPIC];

/// Whether a role's statements name that object: by its ARN, what is in it, or its name where the ARN ends in what AWS made up.
fn names(statements: &Inputs, used: &Object) -> bool {
    let output = |name: &str| used.outputs.get(name).and_then(Json::as_str).unwrap_or_default();
    let (arn, secret) = (output("arn"), format!(":secret:{}-??????", output("name")));
    let is_named = |text: &str| {
        text == arn
            || text.strip_prefix(arn).is_some_and(|rest| rest.starts_with('/'))
            || text.ends_with(&secret)
    };
    !arn.is_empty() && any_text(statements, &is_named)
}

fn any_text(input: &Inputs, is_wanted: &dyn Fn(&str) -> bool) -> bool {
    match input {
        Value::Lit(Json::String(text)) => is_wanted(text),
        Value::List(items) => items.iter().any(|item| any_text(item, is_wanted)),
        Value::Map(map) => map.values().any(|item| any_text(item, is_wanted)),
        _ => false,
    }
}

/// What must be there first though nothing of it is in the inputs: the permission before what makes calls, the routes before their stage.
fn predecessors(key: &ObjectKey, object: &Object, objects: &Objects) -> Vec<ObjectKey> {
    let input = |name: &str| field(&object.inputs, name);
    let permissions = |alias: Option<&Inputs>, whats: &[&str]| -> Vec<ObjectKey> {
        let of_alias = |object: &Object| alias.is_some() && field(&object.inputs, "Alias") == alias;
        let is_for =
            |key: &ObjectKey| key.addr.name.split_once(':').is_some_and(|(_, what)| whats.contains(&what));
        let found = of_kinds(objects, &[kind::PERMISSION]);
        found.filter(|(key, object)| of_alias(object) && is_for(key)).map(|(key, _)| key.clone()).collect()
    };
    let name = key.addr.name.as_str();
    match key.addr.kind.0.as_str() {
        kind::ALIAS => {
            let mut roles = of_kinds(objects, &[kind::ROLE]);
            let statements = roles.find(|(role, _)| role.addr.name == name);
            let statements = statements.and_then(|(_, role)| field(&role.inputs, "Statement"));
            let reached = of_kinds(objects, &REACHED_BY_NAME);
            reached
                .filter(|(_, used)| statements.is_some_and(|all| names(all, used)))
                .map(|(key, _)| key.clone())
                .collect()
        }
        kind::ROUTE => {
            let mut integrations = of_kinds(objects, &[kind::INTEGRATION]);
            let integration =
                integrations.find(|(_, used)| input("Integration").is_some_and(|id| uses(id, used)));
            permissions(integration.and_then(|(_, used)| field(&used.inputs, "Alias")), &[name, "api"])
        }
        kind::NOTIFICATION => {
            let Some(Value::List(told)) = input("Functions") else { return Vec::new() };
            let what = format!("{}/{name}", kind::BUCKET);
            told.iter().flat_map(|told| permissions(field(told, "Alias"), &[&what])).collect()
        }
        kind::SUBSCRIPTION => {
            let topics = of_kinds(objects, &[kind::TOPIC]);
            let topic = topics.filter(|(_, used)| input("Topic").is_some_and(|arn| uses(arn, used)));
            topic.flat_map(|(key, _)| permissions(input("Alias"), &[&key.addr.to_string()])).collect()
        }
        kind::STAGE => {
            let routes = of_kinds(objects, &[kind::ROUTE]);
            let own = routes.filter(|(_, route)| field(&route.inputs, "Api") == input("Api"));
            own.map(|(key, _)| key.clone()).collect()
        }
        kind::DOMAIN_MAPPING => {
            let domains = of_kinds(objects, &[kind::DOMAIN]);
            let domain = domains.filter(|(_, used)| field(&used.inputs, "DomainName") == input("Domain"));
            let stages = of_kinds(objects, &[kind::STAGE]);
            let stage = stages.filter(|(_, stage)| field(&stage.inputs, "Api") == input("Api"));
            domain.chain(stage).map(|(key, _)| key.clone()).collect()
        }
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;
    use sf_plan::{Addr, RemoteId, Status};

    use super::*;

    fn object(inputs: Json, outputs: Json) -> Object {
        Object {
            id: RemoteId("id".into()),
            inputs: Value::from_json(inputs).unwrap(),
            outputs: serde_json::from_value(outputs).unwrap(),
            deps: BTreeSet::new(),
            status: Status::Ready,
            protect: false,
        }
    }

    fn key(kind: &str, name: &str) -> ObjectKey {
        ObjectKey { addr: Addr::new(kind, name), generation: 0 }
    }

    fn recorded(objects: impl IntoIterator<Item = (ObjectKey, Object)>) -> Objects {
        let place =
            Place { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into() };
        as_recorded(&place, objects.into_iter().collect::<BTreeMap<_, _>>())
    }

    #[test]
    fn a_text_is_cut_where_aws_made_something_up() {
        let url = "https://ab12.execute-api.{aws:region}.amazonaws.com";
        let api = object(json!({}), json!({ "id": "ab12", "url": url }));
        let inputs = json!({ "Environment": {
            "DOCS": "https://ab12.execute-api.eu-west-1.amazonaws.com/docs",
            "API": "https://ab12.execute-api.eu-west-1.amazonaws.com",
            "FROM": "{\"ab12\":1}",
            "REGION": "eu-west-1",
        }});
        let function = object(inputs, json!({}));
        let found = recorded([(key("http-api", "api"), api), (key("function", "f"), function)]);
        let function = &found[&key("function", "f")];
        let expected = json!({ "Environment": {
            "DOCS": [url, "/docs"],
            "API": url,
            "FROM": ["{\"", "ab12", "\":1}"],
            "REGION": "eu-west-1",
        }});
        assert_eq!(function.inputs.to_json(), expected);
        assert_eq!(function.deps, BTreeSet::from([key("http-api", "api")]));
    }

    #[test]
    fn a_name_that_many_have_is_that_of_the_kind_that_is_meant() {
        let named = |kind: &str| (key(kind, "f"), object(json!({}), json!({ "name": "shop-dev-f" })));
        let alias = object(json!({ "FunctionName": "shop-dev-f", "FunctionVersion": "1" }), json!({}));
        let version = object(json!({}), json!({ "version": "1" }));
        let others = [named("function"), named("role"), (key("function", "g"), version)];
        let found = recorded([(key("alias", "f"), alias)].into_iter().chain(others));
        assert_eq!(found[&key("alias", "f")].deps, BTreeSet::from([key("function", "f")]));
    }

    #[test]
    fn what_makes_calls_was_made_after_the_permission() {
        let found = recorded([
            (key("integration", "f"), object(json!({ "Api": "ab12", "Alias": "arn" }), json!({ "id": "i" }))),
            (key("permission", "f:GET /a"), object(json!({ "Alias": "arn" }), json!({}))),
            (key("permission", "f:GET /b"), object(json!({ "Alias": "arn" }), json!({}))),
            (key("permission", "g:GET /a"), object(json!({ "Alias": "other" }), json!({}))),
            (key("route", "GET /a"), object(json!({ "Api": "ab12", "Integration": "i" }), json!({}))),
            (key("stage", "api"), object(json!({ "Api": "ab12" }), json!({}))),
        ]);
        let route = BTreeSet::from([key("integration", "f"), key("permission", "f:GET /a")]);
        assert_eq!(found[&key("route", "GET /a")].deps, route);
        assert_eq!(found[&key("stage", "api")].deps, BTreeSet::from([key("route", "GET /a")]));
    }
}
