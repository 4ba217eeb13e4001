//! A wire between one service and its PostgreSQL, which can be cut, mended, and made to know no
//! LISTEN.

use crate::postgres_server::Postgres;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::{TcpListener, TcpStream, UnixStream},
    sync::watch,
};

/// What the other end makes of LISTEN.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listen {
    Works,
    /// As databases that do not know it: a mistake in the syntax.
    Refused,
    /// As poolers that give each transaction another connection: taken, and nothing is heard.
    Lost,
}

pub struct Proxy {
    port: u16,
    cut: watch::Sender<bool>,
    refused: Arc<AtomicBool>,
}

impl Proxy {
    pub async fn start(postgres: &Postgres, listen: Listen) -> anyhow::Result<Self> {
        let socket = postgres.socket().join(".s.PGSQL.5432");
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        let (cut, watched) = watch::channel(false);
        let refused = Arc::new(AtomicBool::new(false));
        tokio::spawn(accept(listener, socket, listen, watched, Arc::clone(&refused)));
        Ok(Self { port, cut, refused })
    }

    /// The database's address through this wire.
    pub fn database(&self, name: &str) -> String {
        format!("postgres://kaeru@127.0.0.1:{}/{name}?sslmode=disable", self.port)
    }

    /// Nothing goes through any more, either way.
    pub fn cut(&self) {
        self.cut.send_replace(true);
    }

    pub fn mend(&self) {
        self.cut.send_replace(false);
    }

    /// Whether anybody has tried while it was cut.
    pub fn tried(&self) -> bool {
        self.refused.load(Ordering::Relaxed)
    }
}

async fn accept(
    listener: TcpListener,
    socket: PathBuf,
    listen: Listen,
    cut: watch::Receiver<bool>,
    refused: Arc<AtomicBool>,
) {
    while let Ok((near, _)) = listener.accept().await {
        if *cut.borrow() {
            refused.store(true, Ordering::Relaxed);
            continue;
        }
        let (socket, cut) = (socket.clone(), cut.clone());
        tokio::spawn(async move {
            if let Ok(far) = UnixStream::connect(socket).await {
                carry(near, far, listen, cut).await;
            }
        });
    }
}

async fn carry(near: TcpStream, far: UnixStream, listen: Listen, mut cut: watch::Receiver<bool>) {
    let (near_in, near_out) = near.into_split();
    let (far_in, far_out) = far.into_split();
    tokio::select! {
        () = pass(near_in, far_out, listen) => {}
        () = pass(far_in, near_out, Listen::Works) => {}
        _ = cut.wait_for(|cut| *cut) => {}
    }
}

async fn pass(mut from: impl AsyncRead + Unpin, mut into: impl AsyncWrite + Unpin, listen: Listen) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        let sent = &mut buffer[..count];
        match listen {
            Listen::Works => {}
            Listen::Refused => replace(sent, b"LISTEN \"kaeru", b"LISSEN \"kaeru"),
            Listen::Lost => replace(sent, b"LISTEN \"kaeru", b"LISTEN \"karee"),
        }
        if into.write_all(sent).await.is_err() {
            return;
        }
    }
}

fn replace<const N: usize>(bytes: &mut [u8], old: &[u8; N], new: &[u8; N]) {
    if let Some(at) = bytes.windows(N).position(|part| part == old) {
        bytes[at..at + N].copy_from_slice(new);
    }
}
