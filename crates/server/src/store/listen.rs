//! PostgreSQL's NOTIFY and LISTEN, by which processes on one database wake each other. SQLite has
//! one process, which needs neither.
//!
//! A transaction that notifies waits at its commit for every other that does, in the whole server.
//! So nothing is told in the transaction that makes it true, but afterwards, by a statement of its
//! own: whoever was not told finds it when it looks next.

use super::{
    Database,
    postgres::{Connected, Postgres},
    tx::{DbError, values},
};
use engine::store::StoreError;
use futures::future::poll_fn;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::mpsc,
};
use tokio_postgres::{AsyncMessage, Connection, Socket};

/// Each schema of a database has its own. Names that are too long may share one, which does no
/// harm.
const CHANNEL: &str = "SELECT left('kaeru_' || current_schema(), 40)";
const TELL: &str = "SELECT pg_notify(left('kaeru_' || current_schema(), 40), ?1)::text";

/// A connection of its own that hears what the processes on the database tell each other.
#[derive(Debug)]
pub struct Listener {
    /// The connection lives as long as this does.
    _client: tokio_postgres::Client,
    words: mpsc::UnboundedReceiver<String>,
}

impl Listener {
    /// What was told next; `None` once the connection is gone.
    pub async fn next(&mut self) -> Option<String> {
        self.words.recv().await
    }
}

impl Database {
    /// Tells every process that listens, this one too.
    ///
    /// # Errors
    /// Where the database does not answer, or knows no NOTIFY.
    pub async fn tell(&self, word: &str) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(_) => Ok(()),
            Self::Postgres(_) => self.read(TELL, values![word.to_owned()].to_vec()).await.map(drop),
        }
    }

    /// Begins to listen; `None` where there is only one process.
    ///
    /// # Errors
    /// Where the database cannot be reached, or knows no LISTEN.
    pub async fn listen(&self) -> Result<Option<Listener>, StoreError> {
        match self {
            Self::Sqlite(_) => Ok(None),
            Self::Postgres(postgres) => Ok(Some(listen(postgres).await?)),
        }
    }
}

async fn listen(postgres: &Postgres) -> Result<Listener, DbError> {
    let (sender, words) = mpsc::unbounded_channel();
    let client = match postgres.apart().await? {
        Connected::Plain(client, connection) => {
            tokio::spawn(follow(*connection, sender));
            client
        }
        Connected::Tls(client, connection) => {
            tokio::spawn(follow(*connection, sender));
            client
        }
    };
    let channel: String = client.query_one(CHANNEL, &[]).await?.try_get(0)?;
    client.batch_execute(&format!("LISTEN \"{}\"", channel.replace('"', "\"\""))).await?;
    Ok(Listener { _client: client, words })
}

/// Drives the connection until it ends; then the other end hears nothing more.
async fn follow<S>(mut connection: Connection<Socket, S>, words: mpsc::UnboundedSender<String>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if let AsyncMessage::Notification(told) = message {
            // Whoever listened may have gone; the connection ends right after.
            let _ = words.send(told.payload().to_owned());
        }
    }
}
