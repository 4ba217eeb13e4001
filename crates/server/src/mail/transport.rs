//! How a message leaves: SMTP, or a file.

use super::place::{Encryption, Place, Server};
use anyhow::Context;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    transport::smtp::{
        PoolConfig,
        authentication::Credentials,
        client::{Tls, TlsParameters},
    },
};
use secrecy::ExposeSecret;
use std::{path::PathBuf, time::Duration};

/// One step of a conversation with the server.
const PATIENCE: Duration = Duration::from_secs(20);
/// A whole message. Shorter than the lease, so that one attempt is over before the next begins.
const LONGEST: Duration = Duration::from_secs(60);
const CONNECTIONS: u32 = 4;

/// Why a message did not go. The names are kept with the mail; a server's own words are not, since
/// they repeat the address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It may be tried again.
    Later(String),
    /// The server refuses this message for good.
    Refused(String),
    /// It cannot be written at all.
    Never(&'static str),
}

#[derive(Clone)]
pub enum Transport {
    Smtp(AsyncSmtpTransport<Tokio1Executor>),
    Folder(PathBuf),
}

impl Transport {
    /// # Errors
    /// Where the folder cannot be made, or TLS cannot begin.
    pub fn open(place: Place) -> anyhow::Result<Self> {
        match place {
            Place::Folder(folder) => {
                std::fs::create_dir_all(&folder)
                    .with_context(|| format!("url: cannot create {}", folder.display()))?;
                Ok(Self::Folder(folder))
            }
            Place::Smtp(server) => smtp(server).map(Self::Smtp),
        }
    }

    /// Whether mail could leave now: the server greets us and lets us in, or the folder can be
    /// written. Nothing is sent.
    pub async fn reach(&self) -> Result<(), Failure> {
        let later = |name: &str| Err(Failure::Later(name.to_owned()));
        match self {
            Self::Smtp(smtp) => match tokio::time::timeout(LONGEST, smtp.test_connection()).await {
                Ok(Ok(true)) => Ok(()),
                Ok(Ok(false)) => later("connection"),
                Ok(Err(error)) => Err(failure(&error)),
                Err(_) => later("timeout"),
            },
            Self::Folder(folder) => match tokio::fs::metadata(folder).await {
                Ok(found) if found.is_dir() && !found.permissions().readonly() => Ok(()),
                _ => later("folder"),
            },
        }
    }

    pub async fn send(&self, message_id: &str, message: &Message) -> Result<(), Failure> {
        match self {
            Self::Smtp(smtp) => {
                match tokio::time::timeout(LONGEST, smtp.send(message.clone())).await {
                    Ok(Ok(_)) => Ok(()),
                    Ok(Err(error)) => Err(failure(&error)),
                    Err(_) => Err(Failure::Later("timeout".to_owned())),
                }
            }
            Self::Folder(folder) => {
                let name: String = message_id
                    .split('@')
                    .next()
                    .unwrap_or_default()
                    .chars()
                    .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
                    .collect();
                let (path, part) =
                    (folder.join(format!("{name}.eml")), folder.join(format!("{name}.part")));
                let unwritable = |_| Failure::Later("folder".to_owned());
                // Whoever reads the folder finds whole messages; a repeat replaces the first.
                tokio::fs::write(&part, message.formatted()).await.map_err(unwritable)?;
                tokio::fs::rename(&part, &path).await.map_err(unwritable)
            }
        }
    }
}

fn smtp(server: Server) -> anyhow::Result<AsyncSmtpTransport<Tokio1Executor>> {
    let parameters =
        TlsParameters::new(server.host.clone()).context("the system's root certificates")?;
    let tls = match server.tls {
        Encryption::Wrapped => Tls::Wrapper(parameters),
        Encryption::Required => Tls::Required(parameters),
        Encryption::Offered => Tls::Opportunistic(parameters),
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(server.host)
        .port(server.port)
        .tls(tls)
        .timeout(Some(PATIENCE))
        .pool_config(PoolConfig::new().max_size(CONNECTIONS));
    if let Some((user, password)) = server.login {
        builder = builder.credentials(Credentials::new(user, password.expose_secret().to_owned()));
    }
    Ok(builder.build())
}

/// A refusal of the message is final; one of ours (who we are, how we speak) is a matter of
/// configuration and is tried again, as is everything that is not surely refused.
fn failure(error: &lettre::transport::smtp::Error) -> Failure {
    let Some(code) = error.status() else {
        let name = if error.is_timeout() {
            "timeout"
        } else if error.is_tls() {
            "tls"
        } else {
            "connection"
        };
        return Failure::Later(name.to_owned());
    };
    let code = code.to_string();
    let ours = matches!(code.as_str(), "500" | "501" | "502" | "503" | "504" | "521");
    if error.is_permanent() && !ours && !code.starts_with("53") {
        Failure::Refused(format!("smtp-{code}"))
    } else {
        Failure::Later(format!("smtp-{code}"))
    }
}
