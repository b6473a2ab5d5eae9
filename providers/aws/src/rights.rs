//! What whoever deploys must be allowed to do: the actions of IAM behind the calls of each kind, and to what.
//!
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html> says which
//! action an operation needs and which resources it knows; those that know none are allowed on `*` or not at all. That the table is
//! enough is proven by deploying with nothing else, and `docs/providers/aws.md` shows it as a policy.

use std::collections::BTreeSet;

use sf_model::App;
use sf_provider::{Right, Scope};

use crate::compile;
use crate::names::addr::kind;
use crate::names::{self, ACCOUNT, PARTITION, REGION, arn};
use crate::settings::Settings;

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

/// Actions on one sort of thing that some kinds need.
struct Row {
    kinds: &'static [&'static str],
    on: On,
    service: &'static str,
    actions: &'static [&'static str],
}

const fn row(
    kinds: &'static [&'static str],
    on: On,
    service: &'static str,
    actions: &'static [&'static str],
) -> Row {
    Row { kinds, on, service, actions }
}

const APIS: &[&str] =
    &[kind::AUTHORIZER, kind::HTTP_API, kind::INTEGRATION, kind::ROUTE, kind::STAGE, kind::WEBSOCKET_API];
const QUEUES: &[&str] = &[kind::DEAD_LETTERS, kind::FAILURE_QUEUE, kind::QUEUE];

const TABLE: &[Row] = &[
    row(
        &[kind::FUNCTION],
        On::Functions,
        "lambda",
        &[
            "CreateFunction",
            "DeleteFunction",
            "DeleteFunctionConcurrency",
            "GetFunction",
            "ListVersionsByFunction",
            "PublishVersion",
            "PutFunctionConcurrency",
            "TagResource",
            "UntagResource",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
        ],
    ),
    // Where there is no record, a deploy looks for what is there.
    row(&[kind::ARTIFACTS], On::Everything, "tag", &["GetResources"]),
    row(&[kind::ROLE], On::Everything, "iam", &["ListRoles"]),
    row(&[kind::SCHEDULE], On::Everything, "scheduler", &["ListSchedules"]),
    row(&[kind::FUNCTION, kind::SCHEDULE], On::Roles, "iam", &["PassRole"]),
    row(&[kind::ALIAS], On::Functions, "lambda", &["CreateAlias", "DeleteAlias", "GetAlias", "UpdateAlias"]),
    row(
        &[kind::WARM],
        On::Functions,
        "lambda",
        &[
            "DeleteProvisionedConcurrencyConfig",
            "GetProvisionedConcurrencyConfig",
            "PutProvisionedConcurrencyConfig",
        ],
    ),
    row(
        &[kind::INVOKE_CONFIG],
        On::Functions,
        "lambda",
        &["DeleteFunctionEventInvokeConfig", "GetFunctionEventInvokeConfig", "PutFunctionEventInvokeConfig"],
    ),
    row(
        &[kind::URL],
        On::Functions,
        "lambda",
        &[
            "CreateFunctionUrlConfig",
            "DeleteFunctionUrlConfig",
            "GetFunctionUrlConfig",
            "UpdateFunctionUrlConfig",
        ],
    ),
    row(&[kind::PERMISSION], On::Functions, "lambda", &["AddPermission", "GetPolicy", "RemovePermission"]),
    row(
        &[kind::EVENT_SOURCE],
        On::EventSources,
        "lambda",
        &[
            "CreateEventSourceMapping",
            "DeleteEventSourceMapping",
            "GetEventSourceMapping",
            "ListTags",
            "TagResource",
            "UntagResource",
            "UpdateEventSourceMapping",
        ],
    ),
    row(&[kind::EVENT_SOURCE], On::Everything, "lambda", &["ListEventSourceMappings"]),
    row(
        &[kind::ROLE],
        On::Roles,
        "iam",
        &[
            "CreateRole",
            "DeleteRole",
            "DeleteRolePolicy",
            "GetRole",
            "GetRolePolicy",
            "ListRolePolicies",
            "PutRolePolicy",
            "TagRole",
            "UntagRole",
            "UpdateAssumeRolePolicy",
        ],
    ),
    row(
        &[kind::LOG_GROUP],
        On::LogGroups,
        "logs",
        &[
            "CreateLogGroup",
            "DeleteLogGroup",
            "DeleteRetentionPolicy",
            "ListTagsForResource",
            "PutRetentionPolicy",
            "TagResource",
            "UntagResource",
        ],
    ),
    row(&[kind::LOG_GROUP], On::Everything, "logs", &["DescribeLogGroups"]),
    // API Gateway names its actions after the methods of HTTP. What it makes has ids for names.
    row(APIS, On::Apis, "apigateway", &["DELETE", "GET", "PATCH", "POST"]),
    row(
        &[kind::DOMAIN, kind::DOMAIN_MAPPING],
        On::Domains,
        "apigateway",
        &["DELETE", "GET", "PATCH", "POST"],
    ),
    row(
        &[kind::DOMAIN, kind::HTTP_API, kind::WEBSOCKET_API],
        On::ApiTags,
        "apigateway",
        &["DELETE", "POST", "PUT"],
    ),
    row(
        &[kind::SCHEDULE_GROUP],
        On::ScheduleGroup,
        "scheduler",
        &[
            "CreateScheduleGroup",
            "DeleteScheduleGroup",
            "GetScheduleGroup",
            "ListTagsForResource",
            "TagResource",
            "UntagResource",
        ],
    ),
    row(
        &[kind::SCHEDULE],
        On::Schedules,
        "scheduler",
        &["CreateSchedule", "DeleteSchedule", "GetSchedule", "UpdateSchedule"],
    ),
    row(
        QUEUES,
        On::Queues,
        "sqs",
        &[
            "CreateQueue",
            "DeleteQueue",
            "GetQueueAttributes",
            "ListQueueTags",
            "SetQueueAttributes",
            "TagQueue",
            "UntagQueue",
        ],
    ),
    row(
        &[kind::TOPIC],
        On::Topics,
        "sns",
        &["CreateTopic", "DeleteTopic", "ListTagsForResource", "TagResource", "UntagResource"],
    ),
    row(&[kind::SUBSCRIPTION], On::Topics, "sns", &["ListSubscriptionsByTopic", "Subscribe"]),
    row(
        &[kind::SUBSCRIPTION],
        On::Everything,
        "sns",
        &["GetSubscriptionAttributes", "SetSubscriptionAttributes", "Unsubscribe"],
    ),
    row(
        &[kind::ARTIFACTS],
        On::Artifacts,
        "s3",
        &["DeleteObjectVersion", "GetObject", "GetObjectVersion", "PutObject"],
    ),
    row(
        &[kind::ARTIFACTS, kind::BUCKET],
        On::Buckets,
        "s3",
        &[
            "CreateBucket",
            "DeleteBucket",
            "GetBucketTagging",
            "ListBucket",
            "ListBucketMultipartUploads",
            "ListBucketVersions",
            "PutBucketPublicAccessBlock",
            "PutBucketTagging",
            "PutBucketVersioning",
            "PutEncryptionConfiguration",
            "PutLifecycleConfiguration",
        ],
    ),
    // `sf remove --data` empties it.
    row(
        &[kind::ARTIFACTS, kind::BUCKET],
        On::Objects,
        "s3",
        &["AbortMultipartUpload", "DeleteObject", "DeleteObjectVersion"],
    ),
    row(&[kind::NOTIFICATION], On::Buckets, "s3", &["GetBucketNotification", "PutBucketNotification"]),
    row(
        &[kind::TABLE],
        On::Tables,
        "dynamodb",
        &[
            "CreateTable",
            "DeleteTable",
            "DescribeTable",
            "DescribeTimeToLive",
            "ListTagsOfResource",
            "TagResource",
            "UntagResource",
            "UpdateTable",
            "UpdateTimeToLive",
        ],
    ),
    row(
        &[kind::SECRET],
        On::Secrets,
        "secretsmanager",
        &["CreateSecret", "DeleteSecret", "DescribeSecret", "RestoreSecret", "TagResource", "UntagResource"],
    ),
    // Which have values is said after a deploy.
    row(&[kind::SECRET], On::Everything, "secretsmanager", &["ListSecrets"]),
];

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
