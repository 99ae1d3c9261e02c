//! A request's body has to arrive within a time.

use super::AdminState;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{Request, State};
use http_body_util::BodyExt;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// A body with the instant at which it breaks off.
struct Timed {
    body: Body,
    end: Pin<Box<Sleep>>,
}

impl HttpBody for Timed {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<hyper::body::Frame<Bytes>, axum::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(cx) {
            return Poll::Ready(frame);
        }
        let late = || axum::Error::new(std::io::Error::from(std::io::ErrorKind::TimedOut));
        self.end.as_mut().poll(cx).map(|()| Some(Err(late())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        self.body.size_hint()
    }
}

/// Puts an end to the wait for a body.
pub(super) async fn body_wait(State(state): State<AdminState>, request: Request) -> Request {
    if request.body().is_end_stream() {
        return request;
    }
    let wait = state.body_wait;
    request.map(|body| timed(body, wait))
}

fn timed(body: Body, wait: Duration) -> Body {
    Body::new(Timed { body, end: Box::pin(tokio::time::sleep(wait)) }.boxed_unsync())
}
