//! The table: which kinds need which actions, and on what. In the words of IAM, not of the API: the operations are those of `api`.

use super::On;
use crate::names::addr::kind;

/// Actions on one sort of thing that some kinds need.
pub(super) struct Row {
    pub(super) kinds: &'static [&'static str],
    pub(super) on: On,
    pub(super) service: &'static str,
    pub(super) actions: &'static [&'static str],
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

pub(super) const TABLE: &[Row] = &[
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
            "DetachRolePolicy",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
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
        &[
            "CreateSecret",
            "DeleteSecret",
            "DescribeSecret",
            "ListSecretVersionIds",
            "RestoreSecret",
            "TagResource",
            "UntagResource",
        ],
    ),
    // Which have no value is said after a deploy.
    row(&[kind::SECRET], On::Everything, "secretsmanager", &["ListSecrets"]),
];
