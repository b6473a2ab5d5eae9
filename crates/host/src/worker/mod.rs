//! Workers: child processes that run one revision of one function.

mod bytecode;
mod door;
mod framed;
mod frames;
mod hold;
mod interpreter;
pub(crate) mod launcher;
mod pool;
mod process;
mod request;
mod runtime;
mod sandbox;
mod seats;
mod versions;
mod web;

use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use http_body_util::combinators::BoxBody;

pub(crate) use pool::{FunctionContext, Pool};
pub(crate) use runtime::check as check_runtime;
pub(crate) use sandbox::Sandbox;
pub(crate) use versions::Successor;
pub(crate) use web::full;

/// Any error, boxed: bodies come from several places.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// A body as it streams through.
pub(crate) type Body = BoxBody<Bytes, BoxError>;

/// What a function is called with.
pub(crate) enum Invocation {
    /// An HTTP request, and how it came here.
    Http {
        request: Box<http::Request<Body>>,
        url: String,
        route: Route,
        /// The verified claims of its token: a JSON object.
        auth: Option<Arc<serde_json::Value>>,
        id: String,
        trace: String,
    },
    /// A CloudEvent, and its data.
    Event { event: serde_json::Value, data: Bytes, id: String, trace: String },
}

/// How an HTTP request came to its function.
pub(crate) struct Route {
    /// `GET /profiles/{id}`
    pub(crate) label: Arc<str>,
    /// What the path has in the places of its parameters, decoded.
    pub(crate) params: Vec<(String, String)>,
    /// The address of the connection's other end.
    pub(crate) client: IpAddr,
}

impl Invocation {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Http { id, .. } | Self::Event { id, .. } => id,
        }
    }
}

/// All of a body, if it is at most `limit` bytes.
pub(crate) async fn collect(mut body: Body, limit: usize) -> Result<Bytes, String> {
    let mut bytes = BytesMut::new();
    while let Some(frame) = body.frame().await {
        let data = frame.map_err(|error| error.to_string())?.into_data().unwrap_or_default();
        bytes.extend_from_slice(&data);
        if bytes.len() > limit {
            return Err(format!("the answer is larger than {limit} bytes"));
        }
    }
    Ok(bytes.freeze())
}

/// `1s`, `1.5s`: as in the manifest.
pub(crate) fn seconds(milliseconds: u64) -> String {
    let rest = format!("{:03}", milliseconds % 1000);
    let rest = rest.trim_end_matches('0');
    let point = if rest.is_empty() { "" } else { "." };
    format!("{}{point}{rest}s", milliseconds / 1000)
}

/// Why a call has no answer. Cloned to all who waited for the same worker.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum CallError {
    /// No worker could be started.
    #[error("{message}")]
    Start { code: &'static str, message: String },
    /// The handler threw.
    #[error("{name}: {message}")]
    Threw { name: String, message: String, stack: String },
    /// It took too long.
    #[error("the function did not answer within {}", seconds(*.0))]
    TimedOut(u64),
    /// All of its workers had other calls for too long.
    #[error("the function was busy with other calls for {}", seconds(*.0))]
    Busy(u64),
    /// The worker ended in the middle.
    #[error("the function's process ended before it answered")]
    Crashed,
    /// The worker broke the protocol.
    #[error("{0}")]
    Broken(String),
    /// The client did not send all of its request.
    #[error("{0}")]
    BrokenOff(String),
}

impl CallError {
    fn start(code: &'static str, message: String) -> Self {
        Self::Start { code, message }
    }

    /// The answer that a client of the gateway gets.
    pub(crate) fn status(&self) -> http::StatusCode {
        match self {
            Self::Threw { .. } => http::StatusCode::INTERNAL_SERVER_ERROR,
            Self::TimedOut(_) => http::StatusCode::GATEWAY_TIMEOUT,
            Self::Busy(_) => http::StatusCode::SERVICE_UNAVAILABLE,
            Self::Start { .. } | Self::Crashed | Self::Broken(_) | Self::BrokenOff(_) => {
                http::StatusCode::BAD_GATEWAY
            }
        }
    }

    /// A stable name.
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Start { code, .. } => code,
            Self::Threw { .. } => "function-threw",
            Self::TimedOut(_) => "function-timed-out",
            Self::Busy(_) => "function-busy",
            Self::Crashed => "function-crashed",
            Self::Broken(_) | Self::BrokenOff(_) => "function-broken",
        }
    }
}
