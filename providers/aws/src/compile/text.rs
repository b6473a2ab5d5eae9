//! Texts that may hold outputs of other objects, which are known only when those exist.

use sf_plan::{Addr, Json, Value};

/// A text, in parts.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Text(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Plain(String),
    Output(Addr, &'static str),
}

/// About how long the output of an object is: an address with an id in it.
const OUTPUT_LENGTH: usize = 80;

impl Text {
    pub(crate) fn plain(text: impl Into<String>) -> Self {
        Self::default().and(text)
    }

    pub(crate) fn output(of: Addr, output: &'static str) -> Self {
        Self(vec![Part::Output(of, output)])
    }

    /// With that text after it. Neighbours become one, so that equal texts are equal however they were put together.
    pub(crate) fn and(mut self, text: impl Into<String>) -> Self {
        self.push(Part::Plain(text.into()));
        self
    }

    pub(crate) fn and_output(mut self, of: Addr, output: &'static str) -> Self {
        self.push(Part::Output(of, output));
        self
    }

    pub(crate) fn append(&mut self, other: Self) {
        for part in other.0 {
            self.push(part);
        }
    }

    fn push(&mut self, part: Part) {
        match (self.0.last_mut(), part) {
            (_, Part::Plain(text)) if text.is_empty() => {}
            (Some(Part::Plain(before)), Part::Plain(text)) => before.push_str(&text),
            (_, part) => self.0.push(part),
        }
    }

    /// As an input: a text, a reference, or the list of parts that the driver joins.
    pub(crate) fn value(&self) -> Value {
        match self.0.as_slice() {
            [] => super::text(""),
            [only] => only.value(),
            parts => Value::List(parts.iter().map(Part::value).collect()),
        }
    }

    /// About how long it is in JSON, once everything is known.
    pub(crate) fn json_length(&self) -> usize {
        let length = |part: &Part| match part {
            Part::Plain(text) => escaped(text).len(),
            Part::Output(..) => OUTPUT_LENGTH,
        };
        self.0.iter().map(length).sum::<usize>() + "\"\"".len()
    }

    /// As a string in JSON. Outputs stand in it as they are: addresses and ids have nothing to escape.
    fn quoted(self) -> Self {
        let mut quoted = Self::plain("\"");
        for part in self.0 {
            quoted.push(match part {
                Part::Plain(text) => Part::Plain(escaped(&text)),
                output @ Part::Output(..) => output,
            });
        }
        quoted.and("\"")
    }
}

impl Part {
    fn value(&self) -> Value {
        match self {
            Self::Plain(text) => super::text(text),
            Self::Output(of, output) => Value::Ref { of: of.clone(), output: (*output).to_owned() },
        }
    }
}

/// The inside of a JSON string.
fn escaped(text: &str) -> String {
    let quoted = Json::from(text).to_string();
    quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&quoted).to_owned()
}

/// A JSON object with texts in parts in it, also as keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct JsonObject(Vec<(Text, JsonText)>);

/// What a [`JsonObject`] holds.
#[derive(Clone, Debug)]
pub(crate) enum JsonText {
    Plain(Json),
    Text(Text),
    Object(JsonObject),
}

impl JsonObject {
    pub(crate) fn with(mut self, key: &str, value: impl Into<JsonText>) -> Self {
        self.insert(Text::plain(key), value);
        self
    }

    pub(crate) fn insert(&mut self, key: Text, value: impl Into<JsonText>) {
        self.0.push((key, value.into()));
    }

    /// With that object, unless it is empty.
    pub(crate) fn with_some(self, key: &str, object: Self) -> Self {
        if object.0.is_empty() { self } else { self.with(key, object) }
    }

    /// The JSON text.
    pub(crate) fn text(self) -> Text {
        let mut text = Text::plain("{");
        for (index, (key, value)) in self.0.into_iter().enumerate() {
            if index > 0 {
                text = text.and(",");
            }
            text.append(key.quoted());
            text = text.and(":");
            text.append(match value {
                JsonText::Plain(json) => Text::plain(json.to_string()),
                JsonText::Text(value) => value.quoted(),
                JsonText::Object(object) => object.text(),
            });
        }
        text.and("}")
    }
}

impl From<Json> for JsonText {
    fn from(json: Json) -> Self {
        Self::Plain(json)
    }
}

impl From<&str> for JsonText {
    fn from(text: &str) -> Self {
        Self::Plain(text.into())
    }
}

impl From<String> for JsonText {
    fn from(text: String) -> Self {
        Self::Plain(text.into())
    }
}

impl From<Text> for JsonText {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

impl From<JsonObject> for JsonText {
    fn from(object: JsonObject) -> Self {
        Self::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api() -> Addr {
        Addr::new("http-api", "api")
    }

    #[test]
    fn neighbouring_texts_are_one() {
        assert_eq!(Text::plain("a").and("").and("b"), Text::plain("ab"));
        assert_eq!(Text::plain("").value(), super::super::text(""));
        let mixed = Text::plain("").and_output(api(), "url").and("/").and("docs");
        let Value::List(parts) = mixed.value() else { panic!("{mixed:?}") };
        assert_eq!(parts.len(), 2);
    }

    #[test]
    fn json_is_json_once_the_outputs_are_in_it() {
        let mut sockets = JsonObject::default();
        sockets.insert(Text::output(api(), "id"), "say \"chat\"");
        let object = JsonObject::default()
            .with("url", Text::plain("\"q\"/").and_output(api(), "url"))
            .with_some("none", JsonObject::default())
            .with_some("sockets", sockets)
            .with("list", serde_json::json!([["id", "string"]]));
        let Value::List(parts) = object.text().value() else { panic!() };
        let joined: String = parts
            .iter()
            .map(|part| match part {
                Value::Lit(Json::String(text)) => text.clone(),
                Value::Ref { output, .. } => format!("OUT-{output}"),
                other => panic!("{other:?}"),
            })
            .collect();
        let json: Json = serde_json::from_str(&joined).unwrap();
        let expected = serde_json::json!({
            "url": "\"q\"/OUT-url", "sockets": {"OUT-id": "say \"chat\""}, "list": [["id", "string"]],
        });
        assert_eq!(json, expected);
    }
}
