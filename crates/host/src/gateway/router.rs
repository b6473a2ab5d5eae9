//! Which function answers a request: method and path pattern, the most specific first.

use std::collections::BTreeMap;
use std::sync::Arc;

use sf_host_api::RouteSpec;

use super::head::decode;

/// A node of the tree of path segments.
#[derive(Default)]
struct Node {
    literals: BTreeMap<String, Node>,
    parameter: Option<Box<Node>>,
    here: Methods,
    greedy: Methods,
}

/// Routes that end at one place, by method, each with the names of its parameters.
type Methods = BTreeMap<String, Target>;

struct Target {
    route: usize,
    label: Arc<str>,
    function: String,
    names: Vec<String>,
}

/// A compiled set of routes.
#[derive(Default)]
pub(crate) struct Router {
    root: Node,
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// To a function, by a route (counted as they were given; its label is `GET /profiles/{id}`), with its parameters decoded.
    Function { route: usize, label: Arc<str>, function: String, params: Vec<(String, String)> },
    /// The path exists, but not with this method; these it has.
    OtherMethods(Vec<String>),
    /// Nowhere.
    Nothing,
}

impl Router {
    pub(crate) fn new(routes: &[RouteSpec]) -> Result<Self, String> {
        let mut router = Self::default();
        for (index, route) in routes.iter().enumerate() {
            router.add(index, route)?;
        }
        Ok(router)
    }

    fn add(&mut self, index: usize, route: &RouteSpec) -> Result<(), String> {
        let (mut node, mut names, mut greedy) = (&mut self.root, Vec::new(), false);
        let text = route
            .path
            .strip_prefix('/')
            .ok_or_else(|| format!("route `{}` does not begin with /", route.path))?;
        for segment in text.split('/') {
            if greedy {
                return Err(format!("route `{}`: nothing may follow a greedy parameter", route.path));
            }
            match segment.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
                Some(name) => match name.strip_suffix('+') {
                    Some(name) => {
                        names.push(name.to_owned());
                        greedy = true;
                    }
                    None => {
                        names.push(name.to_owned());
                        node = node.parameter.get_or_insert_default();
                    }
                },
                None => node = node.literals.entry(segment.to_owned()).or_default(),
            }
        }
        let place = if greedy { &mut node.greedy } else { &mut node.here };
        let label = format!("{} {}", route.method, route.path).into();
        let target = Target { route: index, label, function: route.function.clone(), names };
        match place.insert(route.method.clone(), target) {
            None => Ok(()),
            Some(_) => Err(format!("route `{} {}` is there twice", route.method, route.path)),
        }
    }

    /// `path` as it stands in the request line.
    pub(crate) fn find(&self, method: &str, path: &str) -> Found {
        let Some(text) = path.strip_prefix('/') else { return Found::Nothing };
        let raw: Vec<&str> = text.split('/').collect();
        let Some(decoded) = raw.iter().map(|segment| decode(segment)).collect::<Option<Vec<String>>>() else {
            return Found::Nothing;
        };
        let mut search = Search { method, segments: &decoded, values: Vec::new(), others: Vec::new() };
        match search.walk(&self.root, 0) {
            Some((target, values)) => {
                let params = target.names.iter().cloned().zip(values).collect();
                let (route, label) = (target.route, target.label.clone());
                Found::Function { route, label, function: target.function.clone(), params }
            }
            None if search.others.is_empty() => Found::Nothing,
            None => {
                search.others.sort();
                search.others.dedup();
                Found::OtherMethods(search.others)
            }
        }
    }
}

struct Search<'a> {
    method: &'a str,
    segments: &'a [String],
    values: Vec<String>,
    others: Vec<String>,
}

impl Search<'_> {
    /// A literal before a parameter before a greedy one, at every segment; what turns out to lead nowhere is taken back.
    fn walk<'r>(&mut self, node: &'r Node, at: usize) -> Option<(&'r Target, Vec<String>)> {
        let Some(segment) = self.segments.get(at) else {
            return self.pick(&node.here).map(|target| (target, self.values.clone()));
        };
        if let Some(found) = node.literals.get(segment).and_then(|next| self.walk(next, at + 1)) {
            return Some(found);
        }
        if let Some(next) = node.parameter.as_deref().filter(|_| !segment.is_empty()) {
            self.values.push(segment.clone());
            if let Some(found) = self.walk(next, at + 1) {
                return Some(found);
            }
            self.values.pop();
        }
        let rest = self.segments[at..].join("/");
        if rest.is_empty() {
            return None;
        }
        let target = self.pick(&node.greedy)?;
        let mut values = self.values.clone();
        values.push(rest);
        Some((target, values))
    }

    fn pick<'r>(&mut self, methods: &'r Methods) -> Option<&'r Target> {
        let get = || methods.get("GET").filter(|_| self.method == "HEAD");
        let found = methods.get(self.method).or_else(get).or_else(|| methods.get("ANY"));
        if found.is_none() {
            self.others.extend(methods.keys().cloned());
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn router(routes: &[&str]) -> Router {
        let spec = |(index, text): (usize, &&str)| {
            let (method, path) = text.split_once(' ').unwrap();
            RouteSpec {
                method: method.into(),
                path: path.into(),
                function: index.to_string(),
                auth: None,
                throttle: None,
            }
        };
        Router::new(&routes.iter().enumerate().map(spec).collect::<Vec<_>>()).unwrap()
    }

    fn find(router: &Router, method: &str, path: &str) -> String {
        match router.find(method, path) {
            Found::Function { function, params, .. } => {
                let params: Vec<_> = params.iter().map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{function}{}", params.concat())
            }
            Found::OtherMethods(methods) => format!("405 {}", methods.join(",")),
            Found::Nothing => "404".into(),
        }
    }

    #[test]
    fn the_most_specific_route_wins() {
        let router =
            router(&["GET /a/{x}", "GET /a/b", "GET /a/{rest+}", "ANY /{all+}", "POST /a/{x}/c", "GET /"]);
        let cases = [
            ("GET", "/a/b", "1"),
            ("HEAD", "/a/b", "1"),
            ("GET", "/a/7", "0 x=7"),
            ("GET", "/a/7/8", "2 rest=7/8"),
            ("POST", "/a/7/c", "4 x=7"),
            ("GET", "/a/7/c", "2 rest=7/c"),
            ("DELETE", "/a/b", "3 all=a/b"),
            ("GET", "/", "5"),
            ("GET", "/a/", "3 all=a/"),
            ("GET", "/a/%2e%2e%2Fb", "0 x=../b"),
            ("GET", "/a/%C3%A9", "0 x=é"),
            ("GET", "/a/%zz", "404"),
            ("GET", "/a/%ff", "404"),
        ];
        for (method, path, expected) in cases {
            assert_eq!(find(&router, method, path), expected, "{method} {path}");
        }
    }

    #[test]
    fn a_path_without_the_method_names_those_it_has() {
        let router = router(&["GET /a", "PUT /a", "GET /b"]);
        assert_eq!(find(&router, "POST", "/a"), "405 GET,PUT");
        assert_eq!(find(&router, "POST", "/c"), "404");
    }
}
