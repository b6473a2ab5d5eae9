//! What a request must pass before it reaches a function: limits and authorizers, compiled from a release's specs. What did not change
//! is taken over from the release before, so that a deploy neither fills a bucket nor forgets an issuer's keys.

use std::collections::BTreeMap;
use std::sync::Arc;

use sf_host_api::{ApiSpec, AuthorizerSpec, RouteSpec, ThrottleSpec};

use super::auth::Authorizer;
use super::throttle::Throttle;

/// A release's rules.
#[derive(Default)]
pub(crate) struct Policy {
    /// For all requests together.
    pub(crate) throttle: Option<Arc<Throttle>>,
    /// In the order of the release's routes.
    pub(crate) routes: Vec<RoutePolicy>,
    authorizers: BTreeMap<String, Arc<Authorizer>>,
    /// By `METHOD /path`.
    throttles: BTreeMap<String, Arc<Throttle>>,
}

/// The rules of one route.
pub(crate) struct RoutePolicy {
    pub(crate) authorizer: Option<Arc<Authorizer>>,
    pub(crate) throttle: Option<Arc<Throttle>>,
}

impl Policy {
    pub(crate) fn new(
        api: &ApiSpec,
        routes: &[RouteSpec],
        authorizers: &BTreeMap<String, AuthorizerSpec>,
        previous: Option<&Self>,
    ) -> Result<Self, String> {
        let mut policy = Self {
            throttle: api
                .throttle
                .as_ref()
                .map(|spec| keep(spec, previous.and_then(|previous| previous.throttle.as_ref()))),
            ..Self::default()
        };
        for (name, spec) in authorizers {
            let kept = previous
                .into_iter()
                .flat_map(Self::authorizers)
                .find(|authorizer| authorizer.spec == *spec)
                .cloned();
            let authorizer = kept.unwrap_or_else(|| {
                let others = policy.authorizers().chain(previous.into_iter().flat_map(Self::authorizers));
                Arc::new(Authorizer::new(spec.clone(), others))
            });
            policy.authorizers.insert(name.clone(), authorizer);
        }
        for route in routes {
            let rules = policy.route(route, previous)?;
            policy.routes.push(rules);
        }
        Ok(policy)
    }

    fn authorizers(&self) -> impl Iterator<Item = &Arc<Authorizer>> {
        self.authorizers.values()
    }

    fn route(&mut self, route: &RouteSpec, previous: Option<&Self>) -> Result<RoutePolicy, String> {
        let name = format!("{} {}", route.method, route.path);
        let authorizer = match &route.auth {
            None => None,
            Some(wanted) => Some(self.authorizers.get(wanted).cloned().ok_or_else(|| {
                format!("release: route `{name}` has the authorizer `{wanted}`, which is not in it")
            })?),
        };
        let throttle = route.throttle.as_ref().map(|spec| {
            let throttle = keep(spec, previous.and_then(|previous| previous.throttles.get(&name)));
            self.throttles.insert(name, throttle.clone());
            throttle
        });
        Ok(RoutePolicy { authorizer, throttle })
    }
}

/// The bucket from before, with what is in it, if its limits are the same.
fn keep(spec: &ThrottleSpec, before: Option<&Arc<Throttle>>) -> Arc<Throttle> {
    let same = before.filter(|throttle| throttle.spec == *spec);
    same.cloned().unwrap_or_else(|| Arc::new(Throttle::new(spec.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(path: &str, auth: Option<&str>, rate: u32) -> RouteSpec {
        RouteSpec {
            method: "GET".into(),
            path: path.into(),
            function: "f".into(),
            auth: auth.map(str::to_owned),
            throttle: Some(ThrottleSpec { rate, burst: 1 }),
        }
    }

    fn authorizers(issuer: &str, audience: &str) -> BTreeMap<String, AuthorizerSpec> {
        let spec = AuthorizerSpec { issuer: issuer.into(), audience: vec![audience.into()] };
        BTreeMap::from([("users".to_owned(), spec)])
    }

    #[test]
    fn what_did_not_change_is_kept() {
        let api = ApiSpec { throttle: Some(ThrottleSpec { rate: 1, burst: 1 }), ..ApiSpec::default() };
        let users = authorizers("https://a.example", "one");
        let first =
            Policy::new(&api, &[route("/a", Some("users"), 1), route("/b", None, 1)], &users, None).unwrap();
        // The routes come in another order, and one has another limit.
        let second =
            Policy::new(&api, &[route("/b", None, 2), route("/a", Some("users"), 1)], &users, Some(&first))
                .unwrap();
        let same = |left: &Option<Arc<Throttle>>, right: &Option<Arc<Throttle>>| {
            Arc::ptr_eq(left.as_ref().unwrap(), right.as_ref().unwrap())
        };
        assert!(same(&first.throttle, &second.throttle));
        assert!(same(&first.routes[0].throttle, &second.routes[1].throttle));
        assert!(!same(&first.routes[1].throttle, &second.routes[0].throttle));
        let kept = second.routes[1].authorizer.as_ref().unwrap();
        assert!(Arc::ptr_eq(first.routes[0].authorizer.as_ref().unwrap(), kept));
    }

    #[test]
    fn an_authorizer_must_be_there() {
        let error =
            Policy::new(&ApiSpec::default(), &[route("/a", Some("users"), 1)], &BTreeMap::new(), None);
        assert!(error.err().unwrap().contains("`users`"));
    }
}
