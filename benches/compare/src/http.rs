//! A client of one keep-alive connection to loopback, as small as can be: it shares the machine with what it measures.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer is waited for.
pub const ANSWER_WAIT_MAX: Duration = Duration::from_secs(120);
/// Rest before a request that was pushed back is sent again, and how often that is done.
pub const SENT_AGAIN_AFTER: Duration = Duration::from_millis(100);
pub const SENT_AGAIN_MAX: usize = 1_200;

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
    let text = std::str::from_utf8(&answer[..end]).unwrap_or_default();
    let status = text.split(' ').nth(1).and_then(|status| status.parse().ok());
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    Some(match (status, length) {
        (Some(status), Some(length)) => Ok((status, length, end + 4)),
        (Some(status @ 204), None) => Ok((status, 0, end + 4)),
        _ => Err(format!("an answer that can't be read: {text}")),
    })
}

/// Status and body of an answer; `None` while it is not whole.
pub fn whole(answer: &[u8]) -> Option<Result<(u16, &[u8]), String>> {
    match head(answer)? {
        Ok((status, length, begin)) => answer.get(begin..begin + length).map(|body| Ok((status, body))),
        Err(why) => Some(Err(why)),
    }
}

/// Appends a request as it goes over the wire.
pub fn request(into: &mut Vec<u8>, (method, path): (&str, &str), authorization: &str, body: &str) {
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: {authorization}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    into.extend_from_slice(head.as_bytes());
    into.extend_from_slice(body.as_bytes());
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
        let mut bytes = Vec::new();
        request(&mut bytes, (method, path), &self.authorization, body);
        let why = |error: std::io::Error| format!("{method} {path}: {error}");
        self.stream.write_all(&bytes).map_err(why)?;
        self.answer.clear();
        let mut part = [0; 16_384];
        loop {
            let read = self.stream.read(&mut part).map_err(why)?;
            if read == 0 {
                return Err(format!("{method} {path}: the connection was closed"));
            }
            self.answer.extend_from_slice(&part[..read]);
            if whole(&self.answer).is_some() {
                break;
            }
        }
        whole(&self.answer).unwrap_or_else(|| Err("no answer".to_owned()))
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
