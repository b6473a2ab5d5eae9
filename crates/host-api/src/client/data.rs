//! The calls that concern an app's messages, secrets and data.

use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Method, Response};

use super::app::found;
use super::request::segment;
use super::{AppClient, ClientError};
use crate::data::{InboxStatus, MessageView, Moved, SecretInfo};

impl AppClient {
    /// `GET …/inboxes`: every queue, and every subscription that has an inbox of its own. None if the app does not exist.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn inboxes(&self) -> Result<Vec<InboxStatus>, ClientError> {
        let operation = format!("list the inboxes of {}", self.name);
        let listed = found(self.request(Method::GET, "/inboxes", &operation).json().await)?;
        Ok(listed.unwrap_or_default())
    }

    /// One inbox, `kind` being `queue` or `subscription`; `None` if there is none.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn inbox(&self, kind: &str, name: &str) -> Result<Option<InboxStatus>, ClientError> {
        let path = inbox_path(kind, name)?;
        found(self.request(Method::GET, &path, &format!("look at {kind} `{name}`")).json().await)
    }

    /// The oldest messages of an inbox, or its dead letters, without taking them.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn messages(
        &self,
        kind: &str,
        name: &str,
        dead: bool,
        limit: usize,
    ) -> Result<Vec<MessageView>, ClientError> {
        let path = format!("{}/messages?dead={dead}&limit={limit}", inbox_path(kind, name)?);
        self.request(Method::GET, &path, &format!("look at the messages of {kind} `{name}`")).json().await
    }

    /// Has the dead letters of an inbox delivered again.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn redrive(&self, kind: &str, name: &str) -> Result<Moved, ClientError> {
        let path = format!("{}/redrive", inbox_path(kind, name)?);
        self.request(Method::POST, &path, &format!("redrive {kind} `{name}`")).json().await
    }

    /// Deletes the messages of an inbox that are not being handled, or its dead letters.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn purge(&self, kind: &str, name: &str, dead: bool) -> Result<Moved, ClientError> {
        let path = format!("{}/purge?dead={dead}", inbox_path(kind, name)?);
        self.request(Method::POST, &path, &format!("purge {kind} `{name}`")).json().await
    }

    /// Every secret that the app declares or that was set, without its value.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn secrets(&self) -> Result<Vec<SecretInfo>, ClientError> {
        let operation = format!("list the secrets of {}", self.name);
        self.request(Method::GET, "/secrets", &operation).json().await
    }

    /// Sets a secret's value, whether or not the app is deployed yet.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn set_secret(&self, name: &str, value: impl Into<Body>) -> Result<(), ClientError> {
        let path = format!("/secrets/{}", segment(name)?);
        self.request(Method::PUT, &path, &format!("set secret `{name}`"))
            .header(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"))
            .stream(value.into())
            .send()
            .await
            .map(drop)
    }

    /// Deletes a secret's value; `false` if it had none.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn remove_secret(&self, name: &str) -> Result<bool, ClientError> {
        let path = format!("/secrets/{}", segment(name)?);
        let operation = format!("remove secret `{name}`");
        Ok(found(self.request(Method::DELETE, &path, &operation).send().await)?.is_some())
    }

    /// A call of the data API (`docs/data-api.md`), as large and as long as it takes: `path` begins below `…/data` (`/tables/profiles/get`),
    /// with names encoded by [`encode_segment`]. Only an answer that is a success comes back as one.
    ///
    /// # Errors
    /// As [`ClientError`] says.
    pub async fn data(
        &self,
        method: Method,
        path: &str,
        headers: HeaderMap,
        body: impl Into<Body>,
    ) -> Result<Response, ClientError> {
        // A query may hold what is no business of a message: a prefix of keys, a cursor.
        let shown = path.split_once('?').map_or(path, |(path, _)| path);
        let operation = format!("{method} {shown} of {}", self.name);
        self.request(method, &format!("/data{path}"), &operation)
            .unlimited()
            .headers(headers)
            .stream(body.into())
            .send()
            .await
    }
}

/// A name (of a table, a key of an object) as one segment of a path of [`AppClient::data`].
///
/// # Errors
/// [`ClientError::BadName`] for the names that no URL can hold: the empty one, `.` and `..`.
pub fn encode_segment(name: &str) -> Result<String, ClientError> {
    segment(name)
}

fn inbox_path(kind: &str, name: &str) -> Result<String, ClientError> {
    Ok(format!("/inboxes/{}/{}", segment(kind)?, segment(name)?))
}
