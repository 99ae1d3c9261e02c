//! Why something about a connection can't be done.

use crate::control::ControlError;
use axum::http::StatusCode;
use kit::failure::Failure;

/// Why something about a connection can't be done.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The control plane.
    #[error(transparent)]
    Control(#[from] ControlError),
    /// The platform, or the connector before it asked the platform.
    #[error("{0}")]
    Platform(Failure),
    /// There is no such connection.
    #[error("there is no connection {0}")]
    NoConnection(String),
    /// There is no such connector, or it can't connect to accounts.
    #[error("no connector {0:?} connects to accounts; there is {1}")]
    NoConnector(String, String),
    /// The operator has not set our app up.
    #[error("our app on {0} is not set up: its operator creates it there and sets its client id and secret here")]
    NoApp(String),
    /// The id can't be used.
    #[error("{0}")]
    BadId(String),
    /// Something that was given can't be used.
    #[error("{0}")]
    BadSetting(String),
    /// The same account is connected already.
    #[error("{0} is connected already, as {1}")]
    Taken(String, String),
    /// It is in use.
    #[error("{0} is used by {1}; unlink them first")]
    InUse(String, String),
    /// It is in another state.
    #[error("{0}")]
    NotNow(String),
    /// Nobody made this invitation, or it is too old.
    #[error("this invitation is not known, or it is too old; ask for a new one")]
    BadInvitation,
    /// A browser asks for something that is not there.
    #[error("there is nothing here")]
    NoSuchThing,
    /// An account that no workspace has invited.
    #[error("this account is not known here yet; ask whoever runs this service for an invitation")]
    NotInvited,
    /// The state is not known, was used, is too old, or another browser began it.
    #[error("this authorization was not begun in this browser, or it took too long; please begin again")]
    OtherBrowser,
    /// The merchant agreed for another account than the one that was asked for.
    #[error("the platform answered for another account than the one that was to be connected")]
    OtherAccount,
    /// It is connected by a key.
    #[error("this connection is made with an API key; give a new key instead")]
    NotByOauth,
}

impl ConnectError {
    /// The status of an answer that says it.
    pub fn status(&self) -> StatusCode {
        match self {
            ConnectError::Control(_) => StatusCode::SERVICE_UNAVAILABLE,
            ConnectError::Platform(Failure::Retry { .. }) => StatusCode::SERVICE_UNAVAILABLE,
            ConnectError::NoConnection(_) | ConnectError::NoSuchThing | ConnectError::BadInvitation => {
                StatusCode::NOT_FOUND
            }
            ConnectError::NotInvited => StatusCode::FORBIDDEN,
            ConnectError::Taken(..) | ConnectError::InUse(..) | ConnectError::NotNow(_) => StatusCode::CONFLICT,
            ConnectError::OtherBrowser | ConnectError::OtherAccount => StatusCode::BAD_REQUEST,
            _ => StatusCode::UNPROCESSABLE_ENTITY,
        }
    }
}
