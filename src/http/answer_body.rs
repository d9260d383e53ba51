//! The body of an answer, by which its connection knows when it is written.

use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use bytes::Bytes;

use crate::fanout::Answering;

/// A body; its connection waits for the next request when it goes.
pub struct AnswerBody {
    pub(super) body: BoxBody,
    pub(super) answering: Option<Answering>,
}

impl MessageBody for AnswerBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }

    fn try_into_bytes(self) -> Result<Bytes, Self> {
        let AnswerBody { body, answering } = self;
        body.try_into_bytes().map_err(|body| AnswerBody { body, answering })
    }
}
