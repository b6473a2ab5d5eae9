//! The services: how each is addressed and signed.

/// A service of AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Service {
    ApiGateway,
    ApiManagement,
    CloudWatch,
    DynamoDb,
    Iam,
    Lambda,
    Logs,
    S3,
    Scheduler,
    SecretsManager,
    Sns,
    Sqs,
    Sts,
    Tagging,
}

/// An operation of a service, as its API reference calls it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    pub(crate) service: Service,
    pub(crate) name: &'static str,
}

impl Operation {
    /// Whether it may be made again when nobody knows whether it took effect: a message that is sent twice is two messages.
    pub(super) fn is_repeatable(self) -> bool {
        !matches!(self.name, "Invoke" | "Publish" | "SendMessage")
    }
}

impl Service {
    /// The name of an operation of it.
    pub(crate) const fn operation(self, name: &'static str) -> Operation {
        Operation { service: self, name }
    }

    /// The first part of its host.
    pub(super) fn host_prefix(self) -> &'static str {
        match self {
            Self::ApiGateway => "apigateway",
            Self::ApiManagement => "execute-api",
            Self::CloudWatch => "monitoring",
            Self::DynamoDb => "dynamodb",
            Self::Iam => "iam",
            Self::Lambda => "lambda",
            Self::Logs => "logs",
            Self::S3 => "s3",
            Self::Scheduler => "scheduler",
            Self::SecretsManager => "secretsmanager",
            Self::Sns => "sns",
            Self::Sqs => "sqs",
            Self::Sts => "sts",
            Self::Tagging => "tagging",
        }
    }

    /// The name that requests to it are signed for.
    pub(super) fn signing_name(self) -> &'static str {
        self.host_prefix()
    }

    /// What stands before the operation in `X-Amz-Target`, and the version of the protocol; `None` for services that speak no AWS JSON.
    pub(super) fn json_target(self) -> Option<(&'static str, &'static str)> {
        match self {
            Self::DynamoDb => Some(("DynamoDB_20120810", "1.0")),
            Self::Logs => Some(("Logs_20140328", "1.1")),
            Self::SecretsManager => Some(("secretsmanager", "1.1")),
            Self::Sqs => Some(("AmazonSQS", "1.0")),
            Self::Tagging => Some(("ResourceGroupsTaggingAPI_20170126", "1.1")),
            Self::CloudWatch => Some(("GraniteServiceVersion20100801", "1.0")),
            _ => None,
        }
    }

    /// The version in requests of the query protocol; `None` for services that do not speak it.
    pub(super) fn query_version(self) -> Option<&'static str> {
        match self {
            Self::Iam => Some("2010-05-08"),
            Self::Sns => Some("2010-03-31"),
            Self::Sts => Some("2011-06-15"),
            _ => None,
        }
    }

    /// What AWS calls it where a service has an endpoint of its own: `AWS_ENDPOINT_URL_CLOUDWATCH_LOGS`, and `cloudwatch_logs` in the
    /// `services` of a profile. <https://docs.aws.amazon.com/sdkref/latest/guide/ss-endpoints-table.html>
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::ApiGateway => "ApiGatewayV2",
            Self::ApiManagement => "ApiGatewayManagementApi",
            Self::CloudWatch => "CloudWatch",
            Self::DynamoDb => "DynamoDB",
            Self::Iam => "IAM",
            Self::Lambda => "Lambda",
            Self::Logs => "CloudWatch Logs",
            Self::S3 => "S3",
            Self::Scheduler => "Scheduler",
            Self::SecretsManager => "Secrets Manager",
            Self::Sns => "SNS",
            Self::Sqs => "SQS",
            Self::Sts => "STS",
            Self::Tagging => "Resource Groups Tagging API",
        }
    }

    /// All of them.
    pub(super) const ALL: [Self; 14] = [
        Self::ApiGateway,
        Self::ApiManagement,
        Self::CloudWatch,
        Self::DynamoDb,
        Self::Iam,
        Self::Lambda,
        Self::Logs,
        Self::S3,
        Self::Scheduler,
        Self::SecretsManager,
        Self::Sns,
        Self::Sqs,
        Self::Sts,
        Self::Tagging,
    ];
}

impl Service {
    /// What actions of IAM begin with.
    pub(super) fn iam_prefix(self) -> &'static str {
        match self {
            Self::Tagging => "tag",
            Self::CloudWatch => "cloudwatch",
            other => other.host_prefix(),
        }
    }
}
