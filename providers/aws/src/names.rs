//! Every name that this backend gives to a remote thing, the tags by which it knows its own, and the placeholders that stand for
//! the account in everything that is planned and recorded.

pub(crate) mod addr;
pub(crate) mod arn;
pub(crate) mod statement;

use sf_model::{Schedule, ScheduleExpr};
use sf_plan::ObjectKey;
use sf_provider::Scope;
use sha2::{Digest as _, Sha256};

/// The tag that names the project.
pub(crate) const PROJECT_TAG: &str = "sf:project";
/// The tag that names the stage.
pub(crate) const STAGE_TAG: &str = "sf:stage";
/// The tag that names the object: `KIND/NAME@GENERATION`.
pub(crate) const OBJECT_TAG: &str = "sf:object";
/// Tag: that it is protected, where AWS has no protection of its own for it.
pub(crate) const PROTECT_TAG: &str = "sf:protect";

/// The alias that everything calls.
pub(crate) const LIVE: &str = "live";

/// `aws`, `aws-cn`, `aws-us-gov`.
pub(crate) const PARTITION: &str = "{aws:partition}";
/// `eu-west-1`
pub(crate) const REGION: &str = "{aws:region}";
/// Twelve digits.
pub(crate) const ACCOUNT: &str = "{aws:account}";
/// Eight digits that stand for account and region in names that must be unique in all of AWS.
pub(crate) const SUFFIX: &str = "{aws:suffix}";

/// Hexadecimal digits of a hash in a name.
const HASH_DIGITS: usize = 8;

/// What the longest names of each service are.
pub(crate) mod longest {
    /// Lambda: CreateFunction.
    pub(crate) const FUNCTION: usize = 64;
    /// IAM: CreateRole.
    pub(crate) const ROLE: usize = 64;
    /// SQS: CreateQueue.
    pub(crate) const QUEUE: usize = 80;
    /// SNS: CreateTopic.
    pub(crate) const TOPIC: usize = 256;
    /// DynamoDB: CreateTable.
    pub(crate) const TABLE: usize = 255;
    /// S3: CreateBucket, less the hyphen and the suffix.
    pub(crate) const BUCKET: usize = 63 - 1 - super::HASH_DIGITS;
    /// Scheduler: CreateSchedule and CreateScheduleGroup.
    pub(crate) const SCHEDULE: usize = 64;
    /// API Gateway: CreateApi.
    pub(crate) const API: usize = 128;
}

/// `shop-dev-profile`; cut and ended with a hash where it is longer than `longest`, so that different names stay different.
pub(crate) fn physical(scope: &Scope, name: &str, longest: usize) -> String {
    fit(&format!("{}-{}-{name}", scope.project, scope.stage), longest)
}

/// `shop-dev-profile`
pub(crate) fn function(scope: &Scope, name: &str) -> String {
    physical(scope, name, longest::FUNCTION)
}

/// The role of a function: called as the function is.
pub(crate) fn role(scope: &Scope, function: &str) -> String {
    physical(scope, function, longest::ROLE)
}

/// What [`schedules_role`] would be the role of: the one name of a function that it takes.
pub(crate) const SCHEDULES: &str = "schedules";

/// `shop-dev-schedules`
pub(crate) fn schedules_role(scope: &Scope) -> String {
    role(scope, SCHEDULES)
}

/// `shop-dev-mail`
pub(crate) fn queue(scope: &Scope, name: &str) -> String {
    physical(scope, name, longest::QUEUE)
}

/// What a queue of the manifest must not be called, for its dead letters' name would be this one's: `mail-dead`.
pub(crate) fn dead_letters_of(queue: &str) -> String {
    format!("{queue}-dead")
}

/// The same of what a function could not handle: `announce-failed`.
pub(crate) fn failures_of(function: &str) -> String {
    format!("{function}-failed")
}

/// `shop-dev-projects`
pub(crate) fn topic(scope: &Scope, name: &str) -> String {
    physical(scope, name, longest::TOPIC)
}

/// `shop-dev-profiles`
pub(crate) fn table(scope: &Scope, name: &str) -> String {
    physical(scope, name, longest::TABLE)
}

/// `shop-dev-chat`
pub(crate) fn websocket_api(scope: &Scope, name: &str) -> String {
    physical(scope, name, longest::API)
}

/// `report-1a2b3c4d`: from what it says, so that another order in the manifest is the same schedule. The scope is in its group's name.
pub(crate) fn schedule(function: &str, schedule: &Schedule) -> String {
    let said = format!("{}\n{}", expression(&schedule.expr), schedule.timezone);
    fit(&format!("{function}-{}", short_hash(&said)), longest::SCHEDULE)
}

/// A schedule's expression as every provider's kit tells it: five cron fields, or `rate(300 seconds)`.
pub(crate) fn expression(expr: &ScheduleExpr) -> String {
    match expr {
        ScheduleExpr::Cron(fields) => fields.clone(),
        ScheduleExpr::Rate(every) => format!("rate({} seconds)", every.as_secs()),
    }
}

/// What the bucket for artifacts is called among the manifest's.
pub(crate) const ARTIFACTS: &str = "sf-artifacts";

/// A bucket's name: [`physical`], then the placeholder of account and region.
pub(crate) fn bucket(scope: &Scope, name: &str) -> String {
    format!("{}-{SUFFIX}", physical(scope, name, longest::BUCKET))
}

/// `shop/dev/smtp-password`
pub(crate) fn secret(scope: &Scope, name: &str) -> String {
    format!("{}/{}/{name}", scope.project, scope.stage)
}

/// The path of the scope's roles: what makes them findable, since IAM's own listing goes by path.
pub(crate) fn role_path(scope: &Scope) -> String {
    format!("/sf/{}/{}/", scope.project, scope.stage)
}

/// `/aws/lambda/shop-dev-profile`
pub(crate) fn log_group(function: &str) -> String {
    format!("/aws/lambda/{function}")
}

/// What the names of all log groups of the scope's functions begin with, and perhaps others.
pub(crate) fn log_groups(scope: &Scope) -> String {
    let mut prefix = format!("{}-{}-", scope.project, scope.stage);
    prefix.truncate(longest::FUNCTION - HASH_DIGITS - 1);
    log_group(prefix.trim_end_matches('-'))
}

/// `shop-dev`: the API and the group of schedules, one of each.
pub(crate) fn whole(scope: &Scope, longest: usize) -> String {
    fit(&format!("{}-{}", scope.project, scope.stage), longest)
}

/// What the object tag of an object says.
pub(crate) fn object_tag(key: &ObjectKey) -> String {
    key.to_string()
}

/// Eight hexadecimal digits of a text's SHA-256.
pub(crate) fn short_hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    let mut hash = hex::encode(digest);
    hash.truncate(HASH_DIGITS);
    hash
}

fn fit(name: &str, longest: usize) -> String {
    if name.len() <= longest {
        return name.to_owned();
    }
    let mut cut = longest.saturating_sub(HASH_DIGITS + 1);
    while !name.is_char_boundary(cut) {
        cut -= 1;
    }
    format!("{}-{}", name[..cut].trim_end_matches('-'), short_hash(name))
}

/// An account and a region: what the placeholders stand for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) partition: String,
    pub(crate) region: String,
    pub(crate) account: String,
}

impl Place {
    /// Eight digits for this account and region.
    pub(crate) fn suffix(&self) -> String {
        short_hash(&format!("{}/{}", self.account, self.region))
    }

    /// The text with the values in the place of the placeholders.
    pub(crate) fn concrete(&self, text: &str) -> String {
        if !text.contains("{aws:") {
            return text.to_owned();
        }
        text.replace(PARTITION, &self.partition)
            .replace(REGION, &self.region)
            .replace(ACCOUNT, &self.account)
            .replace(SUFFIX, &self.suffix())
    }

    /// The text with placeholders for account and region wherever AWS puts them: in ARNs, in the addresses of services, in names that end
    /// with the suffix. The inverse of [`Place::concrete`] for what this backend makes.
    pub(crate) fn general(&self, text: &str) -> String {
        let arn = format!("arn:{}:", self.partition);
        let mut general = text.replace(&arn, &format!("arn:{PARTITION}:"));
        if text.contains(&arn) || text.contains("://") {
            general = general.replace(&self.account, ACCOUNT);
            for (before, after) in [(":", ":"), (".", "."), (":", "/")] {
                let concrete = format!("{before}{}{after}", self.region);
                general = general.replace(&concrete, &format!("{before}{REGION}{after}"));
            }
        }
        self.with_general_suffix(&general)
    }

    /// The text with the placeholder for the suffix in names that end with it, and nothing else changed.
    pub(crate) fn with_general_suffix(&self, text: &str) -> String {
        text.replace(&format!("-{}", self.suffix()), &format!("-{SUFFIX}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope() -> Scope {
        Scope { project: "shop".into(), stage: "dev".into() }
    }

    fn place() -> Place {
        Place { partition: "aws".into(), region: "eu-west-1".into(), account: "123456789012".into() }
    }

    #[test]
    fn long_names_are_cut_and_stay_different() {
        assert_eq!(physical(&scope(), "profile", longest::FUNCTION), "shop-dev-profile");
        let (one, two) = ("a".repeat(60), format!("{}b", "a".repeat(60)));
        let names = [&one, &two].map(|name| physical(&scope(), name, longest::FUNCTION));
        assert_ne!(names[0], names[1]);
        assert!(names.iter().all(|name| name.len() <= 64), "{names:?}");
    }

    #[test]
    fn every_log_group_is_among_those_of_the_scope() {
        for project in ["shop".to_owned(), "s".repeat(45), "s".repeat(50), "s".repeat(60)] {
            let scope = Scope { project, stage: "dev-eu-west".into() };
            for name in ["f".to_owned(), "f".repeat(60)] {
                let group = log_group(&physical(&scope, &name, longest::FUNCTION));
                assert!(group.starts_with(&log_groups(&scope)), "{group}");
            }
        }
    }

    #[test]
    fn what_is_made_concrete_is_made_general_again() {
        for general in [
            "arn:{aws:partition}:lambda:{aws:region}:{aws:account}:function:shop-dev-profile:live",
            "arn:{aws:partition}:iam::{aws:account}:role/sf/shop/dev/shop-dev-profile",
            "https://sqs.{aws:region}.amazonaws.com/{aws:account}/shop-dev-mail",
            "https://abcd1234.execute-api.{aws:region}.amazonaws.com/live",
            "shop-dev-portraits-{aws:suffix}",
            "arn:{aws:partition}:s3:::shop-dev-portraits-{aws:suffix}/*",
        ] {
            let concrete = place().concrete(general);
            assert!(!concrete.contains('{'), "{concrete}");
            assert_eq!(place().general(&concrete), general);
        }
    }

    #[test]
    fn an_account_in_a_users_text_is_left_alone() {
        assert_eq!(place().general("call 123456789012 in eu-west-1"), "call 123456789012 in eu-west-1");
    }
}
