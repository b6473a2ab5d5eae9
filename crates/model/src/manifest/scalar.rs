//! What strings and names in the manifest can be: the parsers of this crate as [`Scalar`]s and [`KeyRule`]s.

use crate::app::{Access, Interface, KeyType, Method, Payload, Route, TableKey};
use crate::decode::{KeyRule, Scalar};
use crate::diagnostic::Invalid;
use crate::names;
use crate::runtime::{RUNTIMES, RuntimeFacts, RuntimeFamily};
use crate::schedule::{self, ScheduleExpr};
use crate::units::{ByteSize, Period};

/// Parsed elsewhere: only what to call it, and its pattern for the schema.
macro_rules! scalar {
    ($($type:ty, $what:literal, $pattern:expr;)*) => {$(
        impl Scalar for $type {
            const WHAT: &'static str = $what;
            const PATTERN: Option<&'static str> = $pattern;

            fn parse(text: &str) -> Result<Self, Invalid> {
                text.parse()
            }
        }
    )*};
}

scalar! {
    ByteSize, "a size such as `\"256MiB\"`", Some("^[0-9]+(B|KiB|MiB|GiB)$");
    Period, "a duration such as `\"10s\"`", Some("^([0-9]+(ms|s|m|h|d))+$");
    Route, "a route such as `\"GET /profiles/{id}\"`",
        Some(r"^\s*(ANY|GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS)\s+/\S*\s*$");
    ScheduleExpr, "cron fields such as `\"0 3 * * *\"`, or `\"rate(5 minutes)\"`",
        Some(r"^\s*(\S+(\s+\S+){4}|rate\(\s*[0-9]+\s+(minute|hour|day)s?\s*\))\s*$");
    HandlerText, "a file and its export such as `\"src/profile.mjs#profile\"`", None;
    TableKey, "a key such as `\"id:string\"`", Some("^[^:]+:(string|number|bytes)$");
}

impl Scalar for String {
    const WHAT: &'static str = "a string";

    fn parse(text: &str) -> Result<Self, Invalid> {
        Ok(text.into())
    }
}

/// One of a few words.
fn one_of<T: Copy>(what: &str, text: &str, known: &[(&'static str, T)]) -> Result<T, Invalid> {
    match known.iter().find(|(word, _)| *word == text) {
        Some((_, value)) => Ok(*value),
        None => {
            let hint = names::choose(text, known.iter().map(|(word, _)| *word));
            Err(Invalid::new("bad-value", format!("`{text}` is not {what}"), hint))
        }
    }
}

/// A set of words, each with what it stands for.
macro_rules! words {
    ($($type:ty, $what:literal: $($word:literal => $value:expr),*;)*) => {$(
        impl Scalar for $type {
            const WHAT: &'static str = $what;

            fn values() -> Vec<&'static str> {
                vec![$($word),*]
            }

            fn parse(text: &str) -> Result<Self, Invalid> {
                one_of($what, text, &[$(($word, $value)),*])
            }
        }
    )*};
}

words! {
    Interface, "an interface":
        "portable" => Interface::Portable, "lambda" => Interface::Lambda, "web" => Interface::Web;
    Payload, "a version of API Gateway's payload":
        "1.0" => Payload::V1, "2.0" => Payload::V2;
    Access, "an access":
        "read" => Access::Read, "write" => Access::Write, "read-write" => Access::ReadWrite, "call" => Access::Call;
    KeyType, "a key's type":
        "string" => KeyType::String, "number" => KeyType::Number, "bytes" => KeyType::Bytes;
    BucketChange, "a bucket's event":
        "created" => BucketChange("created"), "removed" => BucketChange("removed");
    RolloutKind, "a kind of rollout":
        "all-at-once" => RolloutKind("all-at-once"), "canary" => RolloutKind("canary"), "linear" => RolloutKind("linear");
}

/// `created` or `removed`
#[derive(Clone, Copy, Debug)]
pub(crate) struct BucketChange(pub(crate) &'static str);

/// `all-at-once`, `canary` or `linear`
#[derive(Clone, Copy, Debug)]
pub(crate) struct RolloutKind(pub(crate) &'static str);

impl Scalar for Method {
    const WHAT: &'static str = "a method such as `\"GET\"`";

    fn values() -> Vec<&'static str> {
        Method::ALL.map(Method::as_str).to_vec()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        text.parse()
    }
}

impl std::str::FromStr for TableKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once(':') {
            Some((name, kind)) if !name.trim().is_empty() => {
                Ok(Self { name: name.trim().into(), kind: KeyType::parse(kind.trim())? })
            }
            _ => Err(Invalid::new(
                "bad-value",
                format!("`{text}` is not a key"),
                "write the attribute and its type, `string`, `number` or `bytes`: `id:string`",
            )),
        }
    }
}

/// `src/a.mjs#run`, `src/a.py:run`, `legacy/orders.handler`
#[derive(Clone, Debug)]
pub(crate) struct HandlerText {
    pub(crate) file: String,
    pub(crate) export: String,
    pub(crate) file_has_extension: bool,
}

impl std::str::FromStr for HandlerText {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        let (file, export, file_has_extension) = match text.rsplit_once(['#', ':']) {
            Some((file, export)) => (file, export, true),
            None => {
                // Lambda's way: the first dot of the file's name ends it.
                let name = text.rfind('/').map_or(0, |slash| slash + 1);
                match text[name..].find('.') {
                    Some(dot) if RuntimeFamily::of_file(text).is_none() => {
                        (&text[..name + dot], &text[name + dot + 1..], false)
                    }
                    _ => return Err(no_export(text, text)),
                }
            }
        };
        if export.is_empty() || export.contains(['/', ' ']) {
            return Err(no_export(text, file));
        }
        check_path("bad-handler", file)?;
        Ok(Self {
            file: file.strip_prefix("./").unwrap_or(file).into(),
            export: export.into(),
            file_has_extension,
        })
    }
}

fn no_export(text: &str, file: &str) -> Invalid {
    let hint = match RuntimeFamily::of_file(file) {
        Some(RuntimeFamily::Python) => {
            format!("write `{file}:handler`, `handler` being the function to call")
        }
        Some(_) => format!("write `{file}#handler`, `handler` being the function that is exported"),
        None => "write the file and its export: `src/profile.mjs#profile`".into(),
    };
    Invalid::new("bad-handler", format!("the handler `{text}` names no export"), hint)
}

/// A path within the project, `/` between its parts, the same on every system.
pub(crate) fn check_path(code: &'static str, path: &str) -> Result<(), Invalid> {
    let bad = |cause: &str| {
        let hint = "write a path within the project, with `/` between its parts: `src/profile.mjs`";
        Err(Invalid::new(code, format!("`{path}` {cause}"), hint))
    };
    let has_drive = path.as_bytes().get(1) == Some(&b':');
    if path.trim().is_empty() {
        return bad("is not a path");
    }
    if path.starts_with('/') || has_drive {
        return bad("is not relative to the project");
    }
    if path.contains('\\') {
        return bad("holds `\\`");
    }
    if path.split('/').any(|part| part == "..") {
        return bad("leads out of the project");
    }
    if path.split('/').any(str::is_empty) || path.contains('\0') {
        return bad("is not a path");
    }
    Ok(())
}

/// A newtype over text with a check.
macro_rules! checked_text {
    ($($(#[$doc:meta])* $type:ident, $what:literal, $pattern:expr, $check:expr;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug)]
        #[allow(dead_code, reason = "a stage's name is only checked here, and was read before the sections")]
        pub(crate) struct $type(pub(crate) String);

        impl Scalar for $type {
            const WHAT: &'static str = $what;
            const PATTERN: Option<&'static str> = $pattern;

            fn parse(text: &str) -> Result<Self, Invalid> {
                let check: fn(&str) -> Result<(), Invalid> = $check;
                check(text).map(|()| Self(text.into()))
            }
        }
    )*};
}

checked_text! {
    /// `[project] name`
    ProjectName, "a name such as `\"talent-market\"`", Some(names::PROJECT_PATTERN), |text| names::check_name(text, 31);
    /// A stage's name.
    StageName, "a stage's name such as `\"dev\"`", Some(names::NAME_PATTERN), |text| names::check_name(text, 63);
    /// `was`: a name that something had.
    FirstName, "the name that it had, such as `\"profiles\"`", Some(names::NAME_PATTERN), |text| names::check_name(text, 63);
    /// An IANA time zone.
    TimeZone, "a time zone such as `\"Asia/Seoul\"`", None, schedule::check_timezone;
    /// An origin that a browser sends, or `*`.
    Origin, "an origin such as `\"https://market.example\"`", Some(r"^(\*|https?://[^/?#\s@]+)$"), check_origin;
    /// The name of an HTTP header.
    HeaderName, "a header's name such as `\"authorization\"`", Some("^[A-Za-z0-9!#$%&'*+.^_`|~-]+$"), check_header;
    /// A URL of the web.
    HttpsUrl, "a URL such as `\"https://id.example/\"`", Some(r"^https?://[^\s]+$"), check_url;
    /// A file within the project.
    ProjectPath, "a path such as `\"flows/payment.yaml\"`", None, |text| check_path("bad-path", text);
}

fn check_origin(text: &str) -> Result<(), Invalid> {
    let bad = |cause: String, hint: String| Err(Invalid::new("bad-origin", cause, hint));
    if text == "*" {
        return Ok(());
    }
    let Some((scheme, host)) = text.split_once("://") else {
        return bad(format!("the origin `{text}` has no scheme"), format!("write `https://{text}`"));
    };
    let end = host.find(['/', '?', '#']).unwrap_or(host.len());
    if end < host.len() {
        let cause = format!("the origin `{text}` has a path");
        return bad(cause, format!("a browser sends none: write `{scheme}://{}`", &host[..end]));
    }
    let good_host = !host.is_empty() && !host.contains(|c: char| c.is_whitespace() || c == '@' || c == '*');
    if !matches!(scheme, "http" | "https") || !good_host {
        let hint = "write scheme and host as a browser sends them: `https://market.example`, or `*` for any";
        return bad(format!("`{text}` is not an origin"), hint.into());
    }
    Ok(())
}

fn check_header(text: &str) -> Result<(), Invalid> {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if !text.is_empty() && text.bytes().all(good) {
        return Ok(());
    }
    let message = format!("`{text}` is not the name of a header");
    Err(Invalid::new("bad-value", message, "write a name such as `authorization`"))
}

fn check_url(text: &str) -> Result<(), Invalid> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    if rest
        .is_some_and(|rest| !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace))
    {
        return Ok(());
    }
    let message = format!("`{text}` is not a URL");
    Err(Invalid::new("bad-value", message, "write it whole: `https://id.example/`"))
}

/// A runtime of the table.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Runtimes(pub(crate) &'static RuntimeFacts);

impl Scalar for Runtimes {
    const WHAT: &'static str = "a runtime such as `\"node\"`";

    fn values() -> Vec<&'static str> {
        RUNTIMES.iter().map(|facts| facts.name).collect()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        RuntimeFacts::find(text).map(Self)
    }
}

/// The providers for which there is a backend, or will be: what `[providers.…]` and `--provider` can name.
pub(crate) const PROVIDERS: [&str; 5] = ["aws", "gcp", "azure", "self-hosted", "knative"];

/// One of [`PROVIDERS`].
#[derive(Clone, Debug)]
pub(crate) struct ProviderName(pub(crate) String);

impl Scalar for ProviderName {
    const WHAT: &'static str = "a provider such as `\"self-hosted\"`";

    fn values() -> Vec<&'static str> {
        PROVIDERS.to_vec()
    }

    fn parse(text: &str) -> Result<Self, Invalid> {
        check_provider(text).map(|()| Self(text.into()))
    }
}

pub(crate) fn check_provider(name: &str) -> Result<(), Invalid> {
    if PROVIDERS.contains(&name) {
        return Ok(());
    }
    let hint = names::choose(name, PROVIDERS);
    Err(Invalid::new("unknown-provider", format!("unknown provider `{name}`"), hint))
}

/// `10%`
#[derive(Clone, Copy, Debug)]
pub(crate) struct Percent(pub(crate) u8);

impl Scalar for Percent {
    const WHAT: &'static str = "a percentage such as `\"10%\"`";
    const PATTERN: Option<&'static str> = Some("^[0-9]{1,2}%$");

    fn parse(text: &str) -> Result<Self, Invalid> {
        match text.strip_suffix('%').map(str::parse) {
            Some(Ok(share @ 1..=99)) => Ok(Self(share)),
            _ => {
                let message = format!("`{text}` is not a share of the requests");
                Err(Invalid::new("bad-value", message, "write `1%` to `99%`"))
            }
        }
    }
}

/// Keys that are names of things.
#[derive(Clone, Debug)]
pub(crate) struct Name;

impl KeyRule for Name {
    const PATTERN: Option<&'static str> = Some(names::NAME_PATTERN);

    fn check(key: &str) -> Result<(), Invalid> {
        names::check_name(key, 63)
    }
}

/// Keys that are names of environment variables.
#[derive(Clone, Debug)]
pub(crate) struct EnvKey;

impl KeyRule for EnvKey {
    const PATTERN: Option<&'static str> = Some(names::ENV_PATTERN);

    fn check(key: &str) -> Result<(), Invalid> {
        names::check_env_name(key)
    }
}

/// Keys of which nothing is asked here.
#[derive(Clone, Debug)]
pub(crate) struct AnyKey;

impl KeyRule for AnyKey {
    const PATTERN: Option<&'static str> = None;

    fn check(_: &str) -> Result<(), Invalid> {
        Ok(())
    }
}
