//! Where mails go: `smtp://`, `smtps://` or `file://`.

use anyhow::{Context, bail};
use secrecy::SecretString;
use std::path::PathBuf;

/// Read from `mail.url`.
#[derive(Clone, Debug)]
pub enum Place {
    Smtp(Server),
    /// Each mail becomes a file there.
    Folder(PathBuf),
}

#[derive(Clone, Debug)]
pub struct Server {
    pub host: String,
    pub port: u16,
    pub tls: Encryption,
    pub login: Option<(String, SecretString)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte.
    Wrapped,
    /// STARTTLS or nothing is sent.
    Required,
    /// STARTTLS where the server offers it.
    Offered,
}

impl Place {
    /// Reads `smtp://user@host:587`, `smtps://host` or `file://mail/`. With a login, an encrypted
    /// connection is required, but to this machine.
    ///
    /// # Errors
    /// Where it is none of them, saying what it may be. The URL is not repeated: it may hold a
    /// password.
    pub fn parse(url: &str, password: Option<SecretString>) -> anyhow::Result<Self> {
        if let Some(folder) = url.strip_prefix("file://") {
            if folder.is_empty() {
                bail!("names no folder. Use file://mail/ or file:///var/lib/kaeru/mail/");
            }
            if password.is_some() {
                bail!("a folder takes no password");
            }
            return Ok(Self::Folder(PathBuf::from(folder)));
        }
        let url =
            url::Url::parse(url).ok().context("is not a URL such as smtp://localhost:1025")?;
        let wrapped = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => bail!("must begin with smtp://, smtps:// or file://"),
        };
        let host = url.host_str().filter(|host| !host.is_empty()).context("names no server")?;
        if !matches!(url.path(), "" | "/") || url.query().is_some() {
            bail!("only smtp://USER:PASSWORD@HOST:PORT is known: no path and no query");
        }
        let decoded =
            |text: &str| percent_encoding::percent_decode_str(text).decode_utf8().map(String::from);
        let user = decoded(url.username()).context("the user is not UTF-8")?;
        let inside =
            url.password().map(decoded).transpose().context("the password is not UTF-8")?;
        let password = match (inside, password) {
            (Some(_), Some(_)) => bail!("the password is given twice: here and as password"),
            (Some(inside), None) => Some(SecretString::from(inside)),
            (None, given) => given,
        };
        let login = match (user.is_empty(), password) {
            (true, None) => None,
            (false, Some(password)) => Some((user, password)),
            (true, Some(_)) => bail!("there is a password but no user: smtp://USER@HOST"),
            (false, None) => bail!("there is a user but no password: give password_file"),
        };
        let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
        let (tls, port) = match (wrapped, &login) {
            (true, _) => (Encryption::Wrapped, 465),
            (false, Some(_)) if !here => (Encryption::Required, 587),
            (false, Some(_)) => (Encryption::Offered, 587),
            (false, None) => (Encryption::Offered, 25),
        };
        let port = url.port().unwrap_or(port);
        Ok(Self::Smtp(Server { host: host.to_owned(), port, tls, login }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_say_where_and_how() {
        use Encryption::*;
        for (url, host, port, tls, user) in [
            ("smtp://localhost:1025", "localhost", 1025, Offered, None),
            ("smtp://mail.example.test", "mail.example.test", 25, Offered, None),
            ("smtp://shop:pw@mail.example.test", "mail.example.test", 587, Required, Some("shop")),
            ("smtp://shop:pw@127.0.0.1:2525", "127.0.0.1", 2525, Offered, Some("shop")),
            ("smtps://a%40b:pw@mail.example.test/", "mail.example.test", 465, Wrapped, Some("a@b")),
        ] {
            let Place::Smtp(server) = Place::parse(url, None).unwrap() else { panic!("{url}") };
            assert_eq!((server.host.as_str(), server.port, server.tls), (host, port, tls), "{url}");
            assert_eq!(server.login.as_ref().map(|(user, _)| user.as_str()), user, "{url}");
        }
        let Place::Folder(folder) = Place::parse("file://mail/", None).unwrap() else { panic!() };
        assert_eq!(folder, PathBuf::from("mail/"));
    }

    #[test]
    fn a_wrong_url_is_refused_without_its_password() {
        for (url, given, message) in [
            ("http://mail.example.test", None, "must begin with smtp://"),
            ("mail.example.test", None, "is not a URL"),
            ("smtp://shop:hush@mail.example.test", Some("hush"), "given twice"),
            ("smtp://shop@mail.example.test", None, "no password"),
            ("smtp://mail.example.test", Some("hush"), "no user"),
            ("smtp://a:hush@mail.example.test?tls=no", None, "no query"),
            ("file://", None, "names no folder"),
        ] {
            let given = given.map(|text: &str| SecretString::from(text.to_owned()));
            let error = format!("{:#}", Place::parse(url, given).unwrap_err());
            assert!(error.contains(message), "{url}: {error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
