//! Which buckets there are, and what they are called outside.

use s3s::{S3Error, S3ErrorCode, S3Result};
use sf_data::AppId;

/// A bucket of an app.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketName {
    /// Whose.
    pub app: AppId,
    /// Its name in the manifest.
    pub bucket: String,
}

impl BucketName {
    /// Its name for S3 clients.
    pub fn physical(&self) -> String {
        format!("{}-{}-{}", self.app.project, self.app.stage, self.bucket)
    }
}

/// The buckets that there are. Asked at every request, so that a deploy takes effect at once.
pub trait Names: Send + Sync + 'static {
    /// All of them.
    fn all(&self) -> Vec<BucketName>;

    /// Those of this physical name. Since names may hold hyphens, there may be more than one.
    fn named(&self, physical: &str) -> Vec<BucketName> {
        self.all().into_iter().filter(|name| name.physical() == physical).collect()
    }
}

/// The one bucket of this physical name.
pub(crate) fn resolve(names: &dyn Names, physical: &str) -> S3Result<BucketName> {
    let mut found = names.named(physical);
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(_), false) => Err(S3Error::with_message(
            S3ErrorCode::InvalidBucketName,
            format!(
                "two buckets are called `{physical}`: their projects, stages and names differ only in where the hyphens stand"
            ),
        )),
        (None, _) => Err(S3Error::with_message(
            S3ErrorCode::NoSuchBucket,
            format!("no deployed app has a bucket `{physical}` (PROJECT-STAGE-BUCKET)"),
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct These(Vec<BucketName>);

    impl Names for These {
        fn all(&self) -> Vec<BucketName> {
            self.0.clone()
        }
    }

    fn bucket(project: &str, stage: &str, bucket: &str) -> BucketName {
        let app = AppId { project: project.into(), stage: stage.into() };
        BucketName { app, bucket: bucket.into() }
    }

    #[test]
    fn hyphens_are_resolved_by_what_exists() {
        let names = These(vec![bucket("my-shop", "dev", "raw-files"), bucket("my", "shop-dev", "other")]);
        assert_eq!(resolve(&names, "my-shop-dev-raw-files").unwrap(), bucket("my-shop", "dev", "raw-files"));
        assert_eq!(resolve(&names, "my-shop-dev-other").unwrap(), bucket("my", "shop-dev", "other"));
        assert_eq!(resolve(&names, "my-shop-dev").unwrap_err().code(), &S3ErrorCode::NoSuchBucket);
    }

    #[test]
    fn a_name_that_means_two_buckets_means_none() {
        let names = These(vec![bucket("my-shop", "dev", "raw"), bucket("my", "shop-dev", "raw")]);
        let error = resolve(&names, "my-shop-dev-raw").unwrap_err();
        assert!(error.message().unwrap().contains("two buckets"), "{error}");
    }
}
