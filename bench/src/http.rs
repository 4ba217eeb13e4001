//! The smallest HTTP/1.1 client that can load a service: one connection, kept alive, requests made
//! beforehand.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longer than any call of the service may take.
const LIMIT: Duration = Duration::from_secs(60);

pub struct Connection {
    stream: TcpStream,
    /// Bytes received: the last answer, from 0 to `end`, and nothing after it.
    buffer: Vec<u8>,
}

/// An answer; its body lies in the connection until the next request.
pub struct Answer<'a> {
    pub status: u16,
    pub body: &'a [u8],
}

impl Connection {
    /// # Errors
    /// When nobody listens there.
    pub async fn open(at: SocketAddr) -> Result<Self> {
        let stream = timeout(LIMIT, TcpStream::connect(at)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::with_capacity(16 * 1024) })
    }

    /// Sends the bytes of a request and reads the whole answer.
    ///
    /// # Errors
    /// When the connection breaks, 60 s pass, or the answer has no `Content-Length`.
    pub async fn ask(&mut self, request: &[u8]) -> Result<Answer<'_>> {
        self.ask_within(request, LIMIT).await
    }

    /// Like [`ask`](Self::ask), with an own limit.
    ///
    /// # Errors
    /// As there.
    pub async fn ask_within(&mut self, request: &[u8], limit: Duration) -> Result<Answer<'_>> {
        let (status, body) =
            timeout(limit, self.exchange(request)).await.context("no answer in time")??;
        Ok(Answer { status, body: &self.buffer[body..] })
    }

    /// Status, and where the body begins.
    async fn exchange(&mut self, request: &[u8]) -> Result<(u16, usize)> {
        self.stream.write_all(request).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                bail!("the connection was closed before the answer was complete");
            }
            let Some(head) = head(&self.buffer)? else { continue };
            let end = head.body + head.length;
            if self.buffer.len() == end {
                return Ok((head.status, head.body));
            }
            if self.buffer.len() > end {
                bail!("the answer is longer than its Content-Length");
            }
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    /// Where the body begins.
    body: usize,
    length: usize,
}

/// `None` while the head is not complete.
fn head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end])?;
    let mut lines = text.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1)?.parse().ok());
    let status = status.context("the answer is no HTTP")?;
    let length = lines.find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    match length {
        Some(length) => Ok(Some(Head { status, body: end + 4, length })),
        None if status == 204 => Ok(Some(Head { status, body: end + 4, length: 0 })),
        None => bail!("the answer (status {status}) has no Content-Length"),
    }
}

/// The bytes of a request. `headers` are whole lines without their ends.
pub fn request(method: &str, path: &str, headers: &[String], body: &str) -> Vec<u8> {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: kaeru\r\n");
    for header in headers {
        text.push_str(header);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str("Content-Type: application/json\r\n");
    }
    if !body.is_empty() || method != "GET" {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read() {
        let cases = [
            ("HTTP/1.1 201 Created\r\ncontent-length: 2\r\n\r\n{}", Some((201, 43, 2))),
            ("HTTP/1.1 204 No Content\r\nDate: x\r\n\r\n", Some((204, 36, 0))),
            ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n", None),
        ];
        for (text, expected) in cases {
            let found = head(text.as_bytes()).expect(text);
            let found = found.map(|head| (head.status, head.body, head.length));
            assert_eq!(found, expected, "{text}");
        }
        assert!(head(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").is_err());
        assert!(head(b"garbage\r\n\r\n").is_err());
    }

    #[tokio::test]
    async fn an_answer_in_pieces_is_put_together() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("an address");
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a client");
            let mut bytes = [0; 1024];
            for _ in 0..2 {
                let read = stream.read(&mut bytes).await.expect("a request");
                assert!(bytes[..read].starts_with(b"GET /a HTTP/1.1\r\n"));
                for piece in ["HTTP/1.1 200 OK\r\nContent-Le", "ngth: 5\r\n\r\nhe", "llo"] {
                    stream.write_all(piece.as_bytes()).await.expect("to write");
                    tokio::task::yield_now().await;
                }
            }
        });
        let mut connection = Connection::open(at).await.expect("a connection");
        for _ in 0..2 {
            let answer = connection.ask(&request("GET", "/a", &[], "")).await.expect("an answer");
            assert_eq!((answer.status, answer.body), (200, &b"hello"[..]));
        }
        assert!(connection.ask(b"GET /a HTTP/1.1\r\n\r\n").await.is_err(), "it was closed");
    }
}
