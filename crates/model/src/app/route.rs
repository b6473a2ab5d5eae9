//! Routes: a method and a path pattern.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::api::Throttle;
use crate::diagnostic::{Invalid, Span};
use crate::names;

/// One entry of `http`.
#[derive(Clone, Debug)]
pub struct HttpRoute {
    /// Method and path.
    pub route: Route,
    /// A named authorizer.
    pub auth: Option<String>,
    /// Its own limit.
    pub throttle: Option<Throttle>,
    /// Where.
    pub span: Span,
}

/// `GET /profiles/{id}`
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Route {
    /// The method.
    pub method: Method,
    /// The path.
    pub path: PathPattern,
}

/// A method, or any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Method {
    /// Every method.
    Any,
    /// GET (and HEAD where no route for HEAD exists).
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
}

/// A path with parameters.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathPattern(pub Vec<Segment>);

/// One part of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// As it stands.
    Literal(String),
    /// `{id}`: one segment.
    Param(String),
    /// `{proxy+}`: the rest of the path, at least one segment; only last.
    Greedy(String),
}

impl Method {
    /// All of them, `ANY` first.
    pub const ALL: [Self; 8] =
        [Self::Any, Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// `GET`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Any => "ANY",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Method {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::ALL.into_iter().find(|method| method.as_str() == text).ok_or_else(|| {
            let known = names::list(Self::ALL.map(Self::as_str));
            let message = format!("`{text}` is not a method that can be routed");
            Invalid::new("bad-route", message, format!("one of {known}"))
        })
    }
}

impl fmt::Display for Segment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => f.write_str(text),
            Self::Param(name) => write!(f, "{{{name}}}"),
            Self::Greedy(name) => write!(f, "{{{name}+}}"),
        }
    }
}

/// `/profiles/{id}`; `/` for no segment.
impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("/");
        }
        self.0.iter().try_for_each(|segment| write!(f, "/{segment}"))
    }
}

/// The canonical `GET /profiles/{id}`.
impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

impl Route {
    /// The route with the names of its parameters left out: two routes with one shape match the same requests.
    pub fn shape(&self) -> String {
        let mut shape = self.method.to_string();
        for segment in &self.path.0 {
            shape.push('/');
            shape.push_str(match segment {
                Segment::Literal(text) => text,
                Segment::Param(_) => "{}",
                Segment::Greedy(_) => "{+}",
            });
        }
        shape
    }
}

impl FromStr for Route {
    type Err = Invalid;

    /// A method and a path with white space between.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let mut words = text.split_whitespace();
        match (words.next(), words.next(), words.next()) {
            (Some(method), Some(path), None) => Ok(Self { method: method.parse()?, path: path.parse()? }),
            (Some(path), None, None) if path.starts_with('/') => Err(Invalid::new(
                "bad-route",
                format!("the route `{text}` has no method"),
                format!("write `GET {path}`, or `ANY {path}` for all methods"),
            )),
            _ => Err(Invalid::new(
                "bad-route",
                format!("`{text}` is not a route"),
                "write a method and a path: `GET /profiles/{id}`",
            )),
        }
    }
}

impl FromStr for PathPattern {
    type Err = Invalid;

    /// `/`, or segments that begin with `/` each. No empty segment, no `.` or `..`, no query; each parameter once;
    /// `{name+}` last.
    fn from_str(text: &str) -> Result<Self, Invalid> {
        let bad = |message: String, hint: &str| Err(Invalid::new("bad-route", message, hint));
        let Some(rest) = text.strip_prefix('/') else {
            return bad(format!("the path `{text}` does not begin with `/`"), "write `/profiles/{id}`");
        };
        if rest.is_empty() {
            return Ok(Self(Vec::new()));
        }
        if text.len() > 1024 {
            return bad("the path is longer than 1024 bytes".into(), "use `{proxy+}` for the rest of a path");
        }
        let segments: Vec<Segment> =
            rest.split('/').map(|part| segment(part, text)).collect::<Result<_, _>>()?;
        let mut seen = BTreeSet::new();
        for (index, segment) in segments.iter().enumerate() {
            match segment {
                Segment::Greedy(name) if index + 1 < segments.len() => {
                    let message = format!("`{{{name}+}}` is not the last part of `{text}`");
                    return bad(
                        message,
                        "it takes the whole rest of the path: use `{name}` for one part of it",
                    );
                }
                Segment::Param(name) | Segment::Greedy(name) if !seen.insert(name) => {
                    let message = format!("the parameter `{name}` stands twice in `{text}`");
                    return bad(message, "give each parameter its own name");
                }
                _ => {}
            }
        }
        Ok(Self(segments))
    }
}

fn segment(part: &str, whole: &str) -> Result<Segment, Invalid> {
    let bad = |message: String, hint: &str| Err(Invalid::new("bad-route", message, hint));
    if let Some(inner) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
        let (name, greedy) = match inner.strip_suffix('+') {
            Some(name) => (name, true),
            None => (inner, false),
        };
        let good_start = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !good_start || !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-".contains(&byte)) {
            let message = format!("`{part}` is not a parameter");
            return bad(message, "write `{id}`, or `{proxy+}` for the rest of the path");
        }
        return Ok(if greedy { Segment::Greedy(name.into()) } else { Segment::Param(name.into()) });
    }
    // The characters of a path segment as RFC 3986 has them; `%` for what is encoded.
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=:@%".contains(&byte);
    match part {
        "" => {
            bad(format!("`{whole}` has an empty part"), "write one `/` between two parts and none at the end")
        }
        "." | ".." => {
            bad(format!("`{whole}` holds `{part}`"), "clients resolve it before they ask: leave it out")
        }
        _ if part.starts_with(':') => {
            let message = format!("`{part}` in `{whole}` is no parameter here");
            Err(Invalid::new("bad-route", message, format!("write `{{{}}}`", &part[1..])))
        }
        _ if part.contains(['{', '}']) => bad(
            format!("`{part}` mixes text and parameter"),
            "a parameter is a whole part of the path: `/files/{name}`",
        ),
        _ if part.bytes().all(allowed) => Ok(Segment::Literal(part.into())),
        _ => bad(
            format!("`{part}` has a character that a path cannot hold"),
            "percent-encode it, and leave out query and fragment",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn canonical_text() {
        for (text, canonical) in [
            ("GET /profiles/{id}", "GET /profiles/{id}"),
            ("ANY   /orders/{proxy+}", "ANY /orders/{proxy+}"),
            ("DELETE /", "DELETE /"),
            ("POST /v1/a.b-c_~%20", "POST /v1/a.b-c_~%20"),
        ] {
            let route: Route = text.parse().unwrap();
            assert_eq!(route.to_string(), canonical);
            assert_eq!(canonical.parse::<Route>().unwrap(), route);
        }
    }

    #[test]
    fn what_is_no_route() {
        for (text, words) in [
            ("/a", "has no method"),
            ("get /a", "not a method"),
            ("GET a", "does not begin with"),
            ("GET /a//b", "empty part"),
            ("GET /a/", "empty part"),
            ("GET /a/../b", "holds `..`"),
            ("GET /{a+}/b", "not the last"),
            ("GET /{a}/{a}", "stands twice"),
            ("GET /{a}/{a+}", "stands twice"),
            ("GET /{}", "not a parameter"),
            ("GET /x{a}", "mixes"),
            ("GET /:id", "no parameter here"),
            ("GET /a?b=c", "character"),
            ("GET /a b", "not a route"),
            ("", "not a route"),
        ] {
            let message = text.parse::<Route>().unwrap_err().message;
            assert!(message.contains(words), "{text}: {message}");
        }
    }

    #[test]
    fn shapes_ignore_the_names_of_parameters() {
        let shape = |text: &str| text.parse::<Route>().unwrap().shape();
        assert_eq!(shape("GET /a/{id}"), shape("GET /a/{name}"));
        assert_ne!(shape("GET /a/{id}"), shape("GET /a/{id+}"));
        assert_ne!(shape("GET /a/{id}"), shape("ANY /a/{id}"));
    }
}
