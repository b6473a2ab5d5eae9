//! `[functions.NAME]` -> `function/NAME`

use std::time::Duration;

use sf_model::{Diagnostic, Function, Handler, Interface, RuntimeFamily};
use sf_plan::Value;
use sf_provider::{Artifacts, BuiltArtifact};

use super::{Cx, Object, environment, map, number, output, sorted, text, texts};
use crate::names::{self, addr};
use crate::runtimes;
use crate::settings::Vpc;

/// The kit's entry for portable functions in Node.js.
const NODE_KIT: &str = ".sf-kit/aws/main.handler";
/// The same in Python. Lambda imports handlers as modules, which a folder with a dot in its name is not.
const PYTHON_KIT: &str = "sf_lambda.handler";
/// The bridge to a program. Lambda starts the file of that name whatever the handler says, and wants one to be said.
const BRIDGE: &str = "bootstrap";
/// An unpacked artifact must be smaller (Lambda's quotas), so a zip that is not can never be.
const LARGEST_ARTIFACT: u64 = 262_144_000;

pub(super) fn compile(
    cx: &Cx<'_>,
    function: &Function,
    artifacts: &Artifacts,
) -> Result<Object, Box<Diagnostic>> {
    let artifact = artifact(function, artifacts)?;
    let settings = cx.settings.of(&function.name);
    let (handler, runtime) = code(function, artifact)?;
    let name = &function.name;
    let object = Object::new(
        addr::function(name),
        [
            ("FunctionName", text(names::function(&cx.scope, name))),
            ("Code", Value::Artifact(artifact.digest.clone())),
            ("Artifacts", output(addr::artifacts(), "bucket")),
            ("Role", output(addr::role(name), "arn")),
            ("Handler", text(handler)),
            ("Runtime", text(runtime)),
            ("MemorySize", number(mib(function.memory))),
            ("Timeout", number(seconds(function.timeout))),
            ("Architectures", texts([cx.settings.architecture(function).as_str()])),
            ("Environment", environment::compile(cx, function, &artifact.entry)),
            ("LogGroup", output(addr::log_group(name), "name")),
        ],
    );
    Ok(object
        .with_some("EphemeralStorage", ephemeral_storage(settings.ephemeral_storage).map(number))
        .with_some("Layers", (!settings.layers.is_empty()).then(|| texts(settings.layers)))
        .with_some("VpcConfig", settings.vpc.as_ref().map(vpc))
        .with_some("TracingMode", settings.traced.then(|| text("Active")))
        .with_some("ReservedConcurrency", settings.reserved_concurrency.map(number)))
}

fn artifact<'a>(function: &Function, artifacts: &'a Artifacts) -> Result<&'a BuiltArtifact, Box<Diagnostic>> {
    let name = &function.name;
    let Some(artifact) = artifacts.get(name) else {
        let message = format!("function `{name}` was not built");
        return Err(Box::new(Diagnostic::error("not-built", function.span, message)));
    };
    if artifact.size >= LARGEST_ARTIFACT {
        let message =
            format!("the artifact of function `{name}` is larger than Lambda takes: 250 MiB unpacked");
        let error = Diagnostic::error("too-large", function.span, message);
        return Err(Box::new(
            error.hint("`sf package` shows what is in it: leave files out with `package.exclude`"),
        ));
    }
    Ok(artifact)
}

/// Handler and runtime as Lambda calls them.
fn code(function: &Function, artifact: &BuiltArtifact) -> Result<(String, &'static str), Box<Diagnostic>> {
    let runtime = &function.runtime;
    let missing = |code, what: &str| {
        let message = format!("function `{}` has no {what}", function.name);
        Box::new(Diagnostic::error(code, function.span, message))
    };
    let known = || {
        let found = runtimes::find(runtime.family, runtime.version.as_deref());
        found.map(|runtime| runtime.name).ok_or_else(|| missing("no-runtime", "runtime that Lambda has"))
    };
    match (function.interface, &function.handler) {
        (Interface::Web, _) => Ok((BRIDGE.to_owned(), runtimes::PROGRAMS)),
        (Interface::Portable, Some(_)) if runtime.family == RuntimeFamily::Python => {
            Ok((PYTHON_KIT.to_owned(), known()?))
        }
        (Interface::Portable, Some(_)) => Ok((NODE_KIT.to_owned(), known()?)),
        (Interface::Lambda, Some(handler)) => Ok((own_handler(handler, artifact), known()?)),
        (Interface::Portable | Interface::Lambda, None) => Err(missing("no-handler", "handler")),
    }
}

/// `legacy/orders.handler`. The build may have made another file of the one in the manifest (`a.ts` -> `a.mjs`), and Lambda wants it
/// without its extension.
fn own_handler(handler: &Handler, artifact: &BuiltArtifact) -> String {
    let (folder, file) = artifact.entry.rsplit_once('/').map_or(("", artifact.entry.as_str()), |parts| parts);
    let module = file.rsplit_once('.').map_or(file, |(module, _)| module);
    let slash = if folder.is_empty() { "" } else { "/" };
    format!("{folder}{slash}{module}.{}", handler.export)
}

/// `None` for what Lambda gives without being asked: it could not be told from nothing said.
fn ephemeral_storage(mib: Option<u64>) -> Option<u64> {
    mib.filter(|mib| *mib != 512)
}

fn mib(bytes: u64) -> u64 {
    bytes >> 20
}

/// Whole seconds, as Lambda counts them; a part of one is another one.
pub(super) fn seconds(duration: Duration) -> u64 {
    duration.as_secs() + u64::from(duration.subsec_nanos() > 0)
}

fn vpc(vpc: &Vpc) -> Value {
    map([("SubnetIds", sorted(&vpc.subnets)), ("SecurityGroupIds", sorted(&vpc.security_groups))])
}

#[cfg(test)]
mod tests {
    use sf_model::Span;
    use sf_plan::Digest;

    use super::*;

    #[test]
    fn a_handler_is_named_without_its_file_s_extension() {
        let handler = Handler {
            file: "legacy/orders".into(),
            export: "api.get".into(),
            file_has_extension: false,
            span: Span::default(),
        };
        for (entry, expected) in [
            ("legacy/orders.mjs", "legacy/orders.api.get"),
            ("orders.py", "orders.api.get"),
            ("v1.2/orders", "v1.2/orders.api.get"),
        ] {
            let artifact = BuiltArtifact { digest: Digest(String::new()), size: 1, entry: entry.into() };
            assert_eq!(own_handler(&handler, &artifact), expected);
        }
    }

    #[test]
    fn a_part_of_a_second_is_a_second() {
        assert_eq!(seconds(Duration::from_millis(100)), 1);
        assert_eq!(seconds(Duration::from_secs(10)), 10);
        assert_eq!(seconds(Duration::from_millis(1500)), 2);
    }
}
