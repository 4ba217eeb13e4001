//! A peer for tests: it speaks just enough HTTP/1.1 to go wrong in every way, and remembers what
//! it was sent.

use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
};

/// What the peer does with one request.
#[derive(Clone, Debug)]
pub enum Act {
    /// Status, further headers (each line ended), body.
    Reply(u16, &'static str, String),
    /// Reads the request and closes.
    Close,
    /// Reads the request and resets the connection.
    Reset,
    /// Announces the whole body, sends half of it, and resets.
    CutBody(u16, String),
    /// Reads the request and never answers.
    Never,
    /// Sends the head and never the body.
    NeverBody,
    /// Answers with what is no HTTP.
    Garbage,
}

impl Act {
    pub fn ok(body: impl Into<String>) -> Self {
        Self::Reply(200, "", body.into())
    }

    pub fn status(status: u16) -> Self {
        Self::Reply(status, "", String::new())
    }
}

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST /path?query`.
    pub line: String,
    /// Lower case names.
    pub headers: Vec<(String, String)>,
    pub body: String,
}

impl Seen {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct Script {
    acts: VecDeque<Act>,
    /// When the script is at its end.
    last: Option<Act>,
    seen: Vec<Seen>,
}

/// The peer, listening until the test's runtime ends.
pub struct Stub {
    pub url: String,
    script: Arc<Mutex<Script>>,
}

impl Stub {
    /// Performs the acts in turn, the last one for ever.
    pub async fn playing(acts: impl IntoIterator<Item = Act>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let acts: VecDeque<Act> = acts.into_iter().collect();
        let last = acts.back().cloned();
        let script = Arc::new(Mutex::new(Script { acts, last, seen: Vec::new() }));
        let shared = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let script = Arc::clone(&shared);
                // A broken connection is what the test wanted.
                tokio::spawn(async move { drop(serve(stream, &script).await) });
            }
        });
        Self { url, script }
    }

    pub fn seen(&self) -> Vec<Seen> {
        lock(&self.script).seen.clone()
    }
}

/// An address where nobody listens.
pub async fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn lock(script: &Mutex<Script>) -> MutexGuard<'_, Script> {
    script.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn serve(stream: TcpStream, script: &Mutex<Script>) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(seen) = request(&mut stream).await? {
        let act = {
            let mut script = lock(script);
            script.seen.push(seen);
            script.acts.pop_front().or_else(|| script.last.clone()).unwrap_or(Act::Close)
        };
        let socket = stream.get_mut();
        match act {
            Act::Reply(status, headers, body) => {
                let length = body.len();
                let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n");
                socket.write_all(format!("{head}\r\n{body}").as_bytes()).await?;
            }
            Act::CutBody(status, body) => {
                let (length, half) = (body.len(), &body[..body.len() / 2]);
                let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n\r\n{half}");
                socket.write_all(head.as_bytes()).await?;
                return Ok(());
            }
            Act::NeverBody => {
                socket.write_all(b"HTTP/1.1 200 X\r\ncontent-length: 9\r\n\r\n").await?;
                forever().await;
            }
            Act::Garbage => socket.write_all(b"\x16\x03\x01 no HTTP at all\r\n\r\n").await?,
            Act::Reset => return socket.set_zero_linger(),
            Act::Close => return Ok(()),
            Act::Never => forever().await,
        }
    }
    Ok(())
}

async fn forever() {
    tokio::time::sleep(Duration::from_secs(3600)).await;
}

async fn request(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Seen>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let line = line.trim_end().trim_end_matches(" HTTP/1.1").to_owned();
    let mut headers = Vec::new();
    loop {
        let mut header = String::new();
        stream.read_line(&mut header).await?;
        match header.trim_end().split_once(": ") {
            Some((name, value)) => headers.push((name.to_lowercase(), value.to_owned())),
            None => break,
        }
    }
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    let body = String::from_utf8(body).unwrap();
    Ok(Some(Seen { line, headers, body }))
}
