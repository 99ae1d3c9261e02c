//! A client of one keep-alive connection to loopback, as small as can be: it shares the machine with what it measures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer is waited for.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(120);
/// Rest before a request that was pushed back is sent again, and how often that is done.
const SENT_AGAIN_AFTER: Duration = Duration::from_millis(100);
const SENT_AGAIN_MAX: usize = 1_200;

/// A connection.
pub struct Connection {
    stream: TcpStream,
    authorization: String,
    answer: Vec<u8>,
}

/// Says who asks the administration.
pub fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

/// Says which source sends.
pub fn basic(write_key: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{write_key}:")))
}

/// Status and length of an answer, and where its body begins; `None` while the head is not there.
fn head(answer: &[u8]) -> Option<Result<(u16, usize, usize), String>> {
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let text = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = text.split_whitespace().nth(1).and_then(|status| status.parse().ok());
    let length = text.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    Some(match (status, length) {
        (Some(status), Some(length)) => Ok((status, length, end + 4)),
        (Some(status @ 204), None) => Ok((status, 0, end + 4)),
        _ => Err(format!("an answer that can't be read: {text}")),
    })
}

impl Connection {
    /// Opens one.
    pub fn open(port: u16, authorization: String) -> Result<Connection, String> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(|why| why.to_string())?;
        let set = stream.set_nodelay(true).and_then(|()| stream.set_read_timeout(Some(ANSWER_WAIT_MAX)));
        set.map_err(|why| why.to_string())?;
        Ok(Connection { stream, authorization, answer: Vec::new() })
    }

    /// A request and its answer: status and body.
    pub fn exchange(&mut self, method: &str, path: &str, body: &str) -> Result<(u16, &[u8]), String> {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.authorization,
            body.len()
        );
        let why = |error: std::io::Error| format!("{method} {path}: {error}");
        self.stream.write_all(request.as_bytes()).map_err(why)?;
        self.answer.clear();
        let mut part = [0; 16_384];
        loop {
            let read = self.stream.read(&mut part).map_err(why)?;
            if read == 0 {
                return Err(format!("{method} {path}: the connection was closed"));
            }
            self.answer.extend_from_slice(&part[..read]);
            let Some(head) = head(&self.answer) else { continue };
            let (status, length, begin) = head?;
            if self.answer.len() >= begin + length {
                return Ok((status, &self.answer[begin..begin + length]));
            }
        }
    }

    /// Sends until it is taken, as SDKs do.
    pub fn send(&mut self, path: &str, body: &str) -> Result<(), String> {
        for _ in 0..SENT_AGAIN_MAX {
            match self.exchange("POST", path, body)? {
                (200..=299, _) => return Ok(()),
                (429 | 503, _) => std::thread::sleep(SENT_AGAIN_AFTER),
                (status, answer) => return Err(format!("{path}: {status} {}", String::from_utf8_lossy(answer))),
            }
        }
        Err(format!("{path}: pushed back too often"))
    }

    /// A call of the administration, and what it answers.
    pub fn call(&mut self, method: &str, path: &str, body: &str) -> Result<Value, String> {
        let path = format!("/api/v1{path}");
        let (status, answer) = self.exchange(method, &path, body)?;
        if !(200..=299).contains(&status) {
            return Err(format!("{method} {path}: {status} {}", String::from_utf8_lossy(answer)));
        }
        if answer.is_empty() { Ok(Value::Null) } else { serde_json::from_slice(answer).map_err(|why| why.to_string()) }
    }
}

#[cfg(test)]
mod tests {
    use super::{basic, head};

    #[test]
    fn answers_are_read() {
        assert_eq!(head(b"HTTP/1.1 200 OK\r\ncontent-le"), None);
        assert_eq!(head(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"), Some(Ok((200, 2, 38))));
        assert_eq!(head(b"HTTP/1.1 204 No Content\r\n\r\n"), Some(Ok((204, 0, 27))));
        assert!(head(b"HTTP/1.1 200 OK\r\n\r\n").is_some_and(|read| read.is_err()));
        assert_eq!(basic("k"), "Basic azo=");
    }
}
