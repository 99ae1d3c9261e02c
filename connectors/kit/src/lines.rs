//! Files of a line for each record, streamed: memory does not grow with their length.

use crate::failure::Failure;
use crate::http::{HttpClient, Request, read, reason};
use bytes::{Buf, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use std::time::Duration;

/// Bytes of one line.
pub const LINE_BYTES_MAX: usize = 4 << 20;
/// Nothing came for this long: the connection is given up.
const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Bytes of an answer that says why there is no file.
const REFUSAL_BYTES_MAX: usize = 4_096;

/// The lines of a file, from a place on.
pub struct Lines {
    stream: BoxStream<'static, Result<bytes::Bytes, reqwest::Error>>,
    buffer: BytesMut,
    /// How far of the buffer no line ends.
    searched: usize,
    position: u64,
    ended: bool,
}

impl Lines {
    /// Opens a file whose address carries its own right, `position` bytes from its beginning.
    pub async fn open(http: &HttpClient, url: &str, position: u64) -> Result<Lines, Failure> {
        let mut request = Request::get(url);
        if position > 0 {
            request = request.header("range", format!("bytes={position}-"));
        }
        let response = http.open(request, None).await?;
        let status = response.status().as_u16();
        if status == 416 && position > 0 {
            // Everything was read before.
            let stream = futures_util::stream::empty().boxed();
            return Ok(Lines { stream, buffer: BytesMut::new(), searched: 0, position, ended: true });
        }
        if !response.status().is_success() {
            let answer = read(response, REFUSAL_BYTES_MAX).await?;
            return Err(match answer.success() {
                Err(Failure::NeedsAuthorization(why)) => {
                    Failure::retry(format!("the file's address is no good any more: {why}"), None)
                }
                Err(other) => other,
                Ok(_) => Failure::retry("no file", None),
            });
        }
        // A server that knows no ranges sends everything again.
        let mut skip = if status == 206 { 0 } else { position };
        let stream = response.bytes_stream().map(move |part| {
            part.map(|mut part| {
                let passed = skip.min(part.len() as u64);
                skip -= passed;
                part.advance(usize::try_from(passed).unwrap_or(part.len()));
                part
            })
        });
        Ok(Lines { stream: stream.boxed(), buffer: BytesMut::new(), searched: 0, position, ended: false })
    }

    /// The next line without its end; `None` at the end of the file.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        loop {
            let fresh = self.buffer.get(self.searched..).unwrap_or_default();
            if let Some(at) = fresh.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(self.searched + at);
                self.buffer.advance(1);
                self.searched = 0;
                self.position += line.len() as u64 + 1;
                return Ok(Some(line.to_vec()));
            }
            self.searched = self.buffer.len();
            if self.buffer.len() > LINE_BYTES_MAX {
                return Err(Failure::PlatformChanged(format!("a line of more than {LINE_BYTES_MAX} bytes")));
            }
            if self.ended {
                let rest = self.buffer.split();
                self.searched = 0;
                self.position += rest.len() as u64;
                return Ok(Some(rest.to_vec()).filter(|rest| !rest.is_empty()));
            }
            let part = tokio::time::timeout(SILENCE_MAX, self.stream.next()).await;
            match part.map_err(|_| Failure::retry("the file stopped coming", None))? {
                Some(part) => self.buffer.extend_from_slice(&part.map_err(|why| Failure::retry(reason(&why), None))?),
                None => self.ended = true,
            }
        }
    }

    /// How many bytes from the beginning of the file the next line begins.
    pub fn position(&self) -> u64 {
        self.position
    }
}
