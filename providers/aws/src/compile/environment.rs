//! A function's environment: its own variables, and what its kit is told.

use sf_model::{EnvPart, Function, Interface};
use sf_plan::Value;

use super::text::Text;
use super::{Cx, configuration};
use crate::names::{self, LIVE, addr};

/// The kit's variable.
const KIT: &str = "SF_KIT";

pub(super) fn compile(cx: &Cx<'_>, function: &Function, entry: &str) -> Value {
    Value::Map(variables(cx, function, entry).map(|(name, text)| (name, text.value())).collect())
}

/// About how many bytes Lambda will count: the variables as a JSON object, which is what it measures against its 4 KB.
pub(crate) fn size(cx: &Cx<'_>, function: &Function, entry: &str) -> usize {
    let variable =
        |(name, text): (String, Text)| Text::plain(name).json_length() + ":,".len() + text.json_length();
    "{}".len() + variables(cx, function, entry).map(variable).sum::<usize>()
}

fn variables<'a>(
    cx: &'a Cx<'_>,
    function: &'a Function,
    entry: &str,
) -> impl Iterator<Item = (String, Text)> + use<'a> {
    // A Lambda handler runs as it is: no kit is loaded that would read it.
    let kit = (function.interface != Interface::Lambda)
        .then(|| (KIT.to_owned(), configuration::compile(cx, function, entry)));
    let own = function.env.iter().map(|(name, parts)| {
        let mut text = Text::default();
        for part in parts {
            text.append(self::part(cx, part));
        }
        (name.clone(), text)
    });
    own.chain(kit)
}

fn part(cx: &Cx<'_>, part: &EnvPart) -> Text {
    let (kind, name, output) = match part {
        EnvPart::Text(text) => return Text::plain(text),
        EnvPart::Output { kind, name, output, .. } => (kind.as_str(), name.as_str(), output.as_str()),
    };
    let scope = &cx.scope;
    match (kind, output) {
        ("api", _) => match &cx.app.api.domain {
            Some((domain, _)) => Text::plain(format!("https://{domain}")),
            None => Text::output(addr::http_api(), "url"),
        },
        ("bucket", _) => Text::plain(names::bucket(scope, name)),
        ("table", _) => Text::plain(names::table(scope, name)),
        ("topic", _) => Text::plain(names::topic(scope, name)),
        ("queue", "url") => Text::output(addr::queue(name), "url"),
        ("queue", _) => Text::plain(names::queue(scope, name)),
        ("socket", _) => Text::output(addr::websocket_api(name), "url"),
        ("function", "url") => Text::output(addr::url(name), "url"),
        // As Invoke takes it, and as `uses` grants it: with the alias.
        ("function", _) => Text::plain(format!("{}:{LIVE}", names::function(scope, name))),
        // `check` refuses what else there is: workflows.
        _ => Text::default(),
    }
}
