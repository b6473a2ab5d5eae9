//! What whoever deploys must be allowed to do: the actions of IAM behind the calls of each kind, and to what.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html> says which
//! action an operation needs and which resources it knows; those that know none are allowed on `*` or not at all. That the table is
//! enough is proven by deploying with nothing else, and `docs/providers/aws.md` shows it as a policy.

mod table;

use std::collections::BTreeSet;

use sf_model::App;
use sf_provider::{Right, Scope};

use crate::compile;
use crate::names::{self, ACCOUNT, PARTITION, REGION, arn};
use crate::settings::Settings;
use table::TABLE;

/// What an action is done to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum On {
    /// The service knows no resource for it, or none that could be named before it exists.
    Everything,
    Apis,
    ApiTags,
    Artifacts,
    Buckets,
    Domains,
    EventSources,
    Functions,
    LogGroups,
    Objects,
    Queues,
    Roles,
    ScheduleGroup,
    Schedules,
    Secrets,
    Tables,
    Topics,
}

/// What deploying and removing the App takes, with the placeholders of account and region.
pub(crate) fn rights(app: &App) -> Vec<Right> {
    // `check` has said what is wrong with the settings.
    let settings = Settings::read(app).unwrap_or_default();
    let cx = compile::Cx::new(app, &settings);
    let kinds = compile::kinds(&cx);
    let mut rights = BTreeSet::new();
    for row in TABLE.iter().filter(|row| row.kinds.iter().any(|kind| kinds.contains(*kind))) {
        for action in row.actions {
            rights.insert(right(row.service, action, row.on.pattern(&cx.scope)));
        }
    }
    rights.extend(of_settings(app, &settings));
    rights.into_iter().collect()
}

/// What single settings of functions take: a kind alone does not tell.
fn of_settings(app: &App, settings: &Settings) -> Vec<Right> {
    const NETWORK: [&str; 3] = ["DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"];
    let mut rights = Vec::new();
    for function in app.functions.values() {
        let own = settings.of(&function.name);
        if own.vpc.is_some() {
            rights.extend(NETWORK.map(|action| right("ec2", action, "*".into())));
        }
        rights.extend(own.layers.into_iter().map(|layer| right("lambda", "GetLayerVersion", layer)));
        if function.rollout.is_some() {
            // The errors of the new version.
            rights.push(right("cloudwatch", "GetMetricData", "*".into()));
        }
    }
    rights
}

fn right(service: &str, action: &str, on: String) -> Right {
    Right { action: format!("{service}:{action}"), on }
}

impl On {
    /// The pattern of IAM for all of a scope's.
    fn pattern(self, scope: &Scope) -> String {
        let name = format!("{}-{}-*", scope.project, scope.stage);
        let gateway = |path: &str| format!("arn:{PARTITION}:apigateway:{REGION}::{path}");
        let own = |service: &str, rest: &str| format!("arn:{PARTITION}:{service}:{REGION}:{ACCOUNT}:{rest}");
        let group = names::whole(scope, names::longest::SCHEDULE);
        match self {
            Self::Everything => "*".to_owned(),
            Self::Apis => gateway("/apis*"),
            Self::ApiTags => gateway("/tags/*"),
            Self::Domains => gateway("/domainnames*"),
            Self::Artifacts => {
                arn::objects(&format!("{}-{}-{}-*", scope.project, scope.stage, names::ARTIFACTS))
            }
            Self::Buckets => arn::bucket(&name),
            Self::Objects => arn::objects(&name),
            Self::EventSources => own("lambda", "event-source-mapping:*"),
            Self::Functions => own("lambda", &format!("function:{name}")),
            Self::LogGroups => own("logs", &format!("log-group:{}", names::log_group(&name))),
            Self::Queues => arn::queue(&name),
            // No region: a role is in all of them.
            Self::Roles => format!("arn:{PARTITION}:iam::{ACCOUNT}:role{}*", names::role_path(scope)),
            Self::ScheduleGroup => own("scheduler", &format!("schedule-group/{group}")),
            Self::Schedules => own("scheduler", &format!("schedule/{group}/*")),
            Self::Secrets => own("secretsmanager", &format!("secret:{}", names::secret(scope, "*"))),
            Self::Tables => arn::table(&name),
            Self::Topics => arn::topic(&name),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value as Json, json};

    use super::*;
    use crate::testing::load;

    #[test]
    fn what_a_manifest_does_not_have_needs_no_right() {
        let app = load("sf = 1\n[project]\nname = \"shop\"\n[functions.f]\nhandler = \"f.mjs#f\"\n");
        let rights = rights(&app);
        let may = |action: &str| rights.iter().filter(|right| right.action == action).collect::<Vec<_>>();
        assert_eq!(
            may("lambda:CreateFunction")[0].on,
            "arn:{aws:partition}:lambda:{aws:region}:{aws:account}:function:shop-dev-*"
        );
        assert_eq!(may("iam:PassRole")[0].on, "arn:{aws:partition}:iam::{aws:account}:role/sf/shop/dev/*");
        for service in [
            "sqs:",
            "sns:",
            "dynamodb:",
            "apigateway:",
            "scheduler:",
            "secretsmanager:",
            "ec2:",
            "cloudwatch:",
        ] {
            assert!(rights.iter().all(|right| !right.action.starts_with(service)), "{service}");
        }
    }

    /// All of the table as a policy, one statement for each thing that something is done to.
    fn policy() -> Json {
        let scope = Scope { project: "shop".into(), stage: "dev".into() };
        let mut statements: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in TABLE {
            let on = [(PARTITION, "aws"), (REGION, "REGION"), (ACCOUNT, "ACCOUNT")]
                .iter()
                .fold(row.on.pattern(&scope), |on, (placeholder, value)| on.replace(placeholder, value));
            let actions = row.actions.iter().map(|action| format!("{}:{action}", row.service));
            statements.entry(on).or_default().extend(actions);
        }
        let asking = ["iam:SimulatePrincipalPolicy".to_owned()];
        statements.entry("*".to_owned()).or_default().extend(asking);
        let statements = statements
            .into_iter()
            .map(|(on, actions)| json!({ "Effect": "Allow", "Action": actions, "Resource": on }));
        json!({ "Version": "2012-10-17", "Statement": statements.collect::<Vec<_>>() })
    }

    #[test]
    fn the_documented_policy_is_the_table() {
        let document = include_str!("../../../docs/providers/aws.md");
        let documented =
            document.split("```json deployer\n").nth(1).and_then(|rest| rest.split("```").next());
        let documented: Json = serde_json::from_str(documented.unwrap()).unwrap();
        assert_eq!(documented, policy(), "in docs/providers/aws.md it should be:\n{:#}", policy());
    }

    #[test]
    fn every_kind_has_its_rights() {
        for (kind, _) in crate::kinds::KINDS {
            assert!(TABLE.iter().any(|row| row.kinds.contains(kind)), "{kind}");
        }
    }
}
