//! The calls that concern one project's stage.

use reqwest::Method;

use super::request::{Request, segment};
use super::{Client, ClientError, LogLines, LogsQuery};
use crate::rollout::RolloutStatus;
use crate::types::{AppStatus, InvokeRequest, InvokeResponse, Resource, ResourcePut};

/// The calls below `/v1/apps/{project}/{stage}`.
#[derive(Clone, Debug)]
pub struct AppClient {
    pub(super) client: Client,
    /// `/v1/apps/{project}/{stage}`, encoded.
    path: String,
    /// `project/stage`, for messages.
    pub(super) name: String,
}

impl AppClient {
    pub(super) fn new(client: Client, project: &str, stage: &str) -> Result<Self, ClientError> {
        Ok(Self {
            path: format!("/v1/apps/{}/{}", segment(project)?, segment(stage)?),
            name: format!("{project}/{stage}"),
            client,
        })
    }

    /// What is deployed; `None` if nothing is.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn status(&self) -> Result<Option<AppStatus>, ClientError> {
        let operation = format!("ask for the status of {}", self.name);
        found(self.request(Method::GET, "", &operation).json().await)
    }

    /// Every stored resource; none if the app does not exist.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn resources(&self) -> Result<Vec<Resource>, ClientError> {
        let operation = format!("list the resources of {}", self.name);
        let listed = found(self.request(Method::GET, "/resources", &operation).json().await)?;
        Ok(listed.unwrap_or_default())
    }

    /// One resource; `None` if it does not exist.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn resource(&self, kind: &str, name: &str) -> Result<Option<Resource>, ClientError> {
        let operation = format!("read {kind}/{name}");
        let path = resource_path(kind, name)?;
        found(self.request(Method::GET, &path, &operation).json().await)
    }

    /// Creates or changes a resource.
    ///
    /// # Errors
    /// As [`ClientError`] says; 409 `artifact-missing` and `unknown-revision` name what is missing.
    pub async fn put_resource(
        &self,
        kind: &str,
        name: &str,
        put: &ResourcePut,
    ) -> Result<Resource, ClientError> {
        let operation = format!("put {kind}/{name}");
        let path = resource_path(kind, name)?;
        self.request(Method::PUT, &path, &operation).body(put).json().await
    }

    /// Deletes a resource; `false` if it was gone already.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn delete_resource(&self, kind: &str, name: &str) -> Result<bool, ClientError> {
        let operation = format!("delete {kind}/{name}");
        let path = resource_path(kind, name)?;
        let deleted = found(self.request(Method::DELETE, &path, &operation).send().await)?;
        Ok(deleted.is_some())
    }

    /// Puts a release that takes over in steps; at once where no function asks for steps and changes. The same one again is joined.
    ///
    /// # Errors
    /// As [`Self::put_resource`].
    pub async fn roll_out(&self, put: &ResourcePut) -> Result<RolloutStatus, ClientError> {
        let operation = "put release/current";
        self.request(Method::PUT, "/rollout", operation).body(put).json().await
    }

    /// How the last release is taking over; `None` if nothing is released.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn rollout(&self) -> Result<Option<RolloutStatus>, ClientError> {
        let operation = format!("ask for the rollout of {}", self.name);
        found(self.request(Method::GET, "/rollout", &operation).json().await)
    }

    /// Takes a rollout back, if it is still under way; `None` if nothing is released.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn take_back(&self) -> Result<Option<RolloutStatus>, ClientError> {
        let operation = format!("take back the rollout of {}", self.name);
        found(self.request(Method::DELETE, "/rollout", &operation).json().await)
    }

    /// Calls a function and waits for its answer, as long as the function's own time limit lets it run.
    ///
    /// # Errors
    /// As [`ClientError`] says. A function that threw is an answer, not an error.
    pub async fn invoke(
        &self,
        function: &str,
        request: &InvokeRequest,
    ) -> Result<InvokeResponse, ClientError> {
        let path = format!("/functions/{}/invoke", segment(function)?);
        self.request(Method::POST, &path, &format!("invoke function `{function}`"))
            .unlimited()
            .body(request)
            .json()
            .await
    }

    /// Log lines, oldest first.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn logs(&self, query: &LogsQuery) -> Result<LogLines, ClientError> {
        let operation = format!("read the logs of {}", self.name);
        let response = self
            .request(Method::GET, &format!("/logs?{}", query.to_query()), &operation)
            .unlimited()
            .send()
            .await?;
        Ok(LogLines::new(response, operation, self.client.base.clone()))
    }

    pub(super) fn request(&self, method: Method, below: &str, operation: &str) -> Request<'_> {
        self.client.request(method, &format!("{}{below}", self.path), operation)
    }
}

fn resource_path(kind: &str, name: &str) -> Result<String, ClientError> {
    Ok(format!("/resources/{}/{}", segment(kind)?, segment(name)?))
}

pub(super) fn found<T>(result: Result<T, ClientError>) -> Result<Option<T>, ClientError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}
