//! Mail over a real SMTP server in a process of its own: what it takes, what it refuses, and what
//! is lost on the way.

use crate::{
    kill::{config, free_port, token},
    process::{Process, start},
};
use anyhow::Context;
use mailin::{Action, AuthMechanism, Handler, Response, SessionBuilder, response};
use serde_json::{Value, json};
use server::mail::{Failure, Mailer, Place, Settings, letters};
use std::{
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::time::Instant;

/// Where the server process keeps its messages; `script` there says how it answers them, a word a
/// message: `ok`, a code, `data-` and a code, or `taken-but-gone`. Where there is a `password`,
/// only the user `shop` who knows it is let in.
const FOLDER: &str = "KAERU_TEST_SMTP";

struct Inbox {
    folder: PathBuf,
    taken: Arc<AtomicUsize>,
    word: String,
    message: Vec<u8>,
}

fn answer(code: &str) -> Response {
    match code.parse() {
        // With the address in it, as servers like to do.
        Ok(code) => Response::custom(code, "sorry, secret@example.test".to_owned()),
        Err(_) => response::OK,
    }
}

impl Handler for Inbox {
    fn mail(&mut self, _: std::net::IpAddr, _: &str, _: &str) -> Response {
        let nth = self.taken.fetch_add(1, Ordering::SeqCst);
        let script = std::fs::read_to_string(self.folder.join("script")).unwrap_or_default();
        self.word = script.split_whitespace().nth(nth).unwrap_or("ok").to_owned();
        self.message.clear();
        response::OK
    }

    fn rcpt(&mut self, _: &str) -> Response {
        answer(&self.word)
    }

    fn auth_plain(&mut self, _: &str, user: &str, password: &str) -> Response {
        let known = std::fs::read_to_string(self.folder.join("password")).unwrap_or_default();
        match user == "shop" && password == known {
            true => response::AUTH_OK,
            false => response::INVALID_CREDENTIALS,
        }
    }

    fn data(&mut self, part: &[u8]) -> std::io::Result<()> {
        self.message.extend_from_slice(part);
        Ok(())
    }

    fn data_end(&mut self) -> Response {
        let nth = self.taken.load(Ordering::SeqCst);
        let refused = self.word.strip_prefix("data-");
        if refused.is_none() {
            let (part, whole) = (self.folder.join("part"), self.folder.join(format!("{nth}.eml")));
            let kept =
                std::fs::write(&part, &self.message).and_then(|()| std::fs::rename(&part, &whole));
            kept.expect("the message is kept");
        }
        if self.word == "taken-but-gone" {
            // The message is taken, and its sender never hears of it.
            std::process::exit(0);
        }
        refused.map_or(response::OK, answer)
    }
}

/// Not a test: the process that the tests below start.
#[test]
#[ignore = "the SMTP server's own process"]
fn an_smtp_server() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let address = std::fs::read_to_string(Path::new(&folder).join("address")).expect("an address");
    let listener = TcpListener::bind(address.trim()).expect("the address is free");
    println!("ready");
    let taken = Arc::new(AtomicUsize::new(0));
    for stream in listener.incoming().map_while(Result::ok) {
        let inbox = Inbox {
            folder: PathBuf::from(&folder),
            taken: Arc::clone(&taken),
            word: String::new(),
            message: vec![],
        };
        // Whoever hangs up early has said all that is wanted.
        std::thread::spawn(move || converse(stream, inbox).unwrap_or_default());
    }
}

fn converse(stream: TcpStream, inbox: Inbox) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?);
    let mut builder = SessionBuilder::new("mail.example.test");
    if inbox.folder.join("password").exists() {
        builder.enable_auth(AuthMechanism::Plain).insecure_enable_plaintext_auth();
    }
    let mut session = builder.build(stream.peer_addr()?.ip(), inbox);
    let mut said = session.greeting();
    loop {
        if said.action != Action::NoReply {
            // At once, or a small answer waits for the next one.
            (&stream).write_all(&said.buffer()?)?;
        }
        let mut line = Vec::new();
        // The library takes what follows a refused message for more of it.
        if said.is_error || said.action == Action::Close || lines.read_until(b'\n', &mut line)? == 0
        {
            return Ok(());
        }
        said = session.process(&line);
    }
}

struct Smtp {
    folder: tempfile::TempDir,
    address: String,
    child: Child,
}

impl Drop for Smtp {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path) -> anyhow::Result<Child> {
    let mut child = Command::new(std::env::current_exe()?)
        .args(["smtp::an_smtp_server", "--exact", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let output = child.stdout.take().context("stdout")?;
    let ready = BufReader::new(output).lines().map_while(Result::ok).any(|line| line == "ready");
    anyhow::ensure!(ready, "the SMTP server did not start");
    Ok(child)
}

impl Smtp {
    fn start(script: &str) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let address = format!("127.0.0.1:{}", free_port()?);
        std::fs::write(folder.path().join("address"), &address)?;
        std::fs::write(folder.path().join("script"), script)?;
        let child = spawn(folder.path())?;
        Ok(Self { folder, address, child })
    }

    /// Every message so far, in the order in which they came.
    fn taken(&self) -> anyhow::Result<Vec<String>> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(self.folder.path())?
            .map(|entry| Ok(entry?.path()))
            .collect::<anyhow::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|extension| extension == "eml"));
        files.sort();
        files.iter().map(|file| Ok(std::fs::read_to_string(file)?)).collect()
    }

    async fn wait_for(&self, count: usize) -> anyhow::Result<Vec<String>> {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let taken = self.taken()?;
            if taken.len() >= count {
                return Ok(taken);
            }
            anyhow::ensure!(Instant::now() < deadline, "{} of {count} mails came", taken.len());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

fn mailer(address: &str) -> anyhow::Result<Mailer> {
    Mailer::open(Settings {
        place: Place::parse(&format!("smtp://{address}"), None)?,
        from: "Example Shop <points@example.test>".parse()?,
        reply_to: Some("Help <help@example.test>".parse()?),
        admins: vec![],
    })
}

fn letter() -> server::mail::Letter {
    let start = engine::conformance::start(1, 12345);
    let reader = letters::Reader {
        language: server::i18n::Language::Japanese,
        name: Some("山田 太郎".to_owned()),
        zone: jiff::tz::TimeZone::UTC,
        shop: "Example Shop".to_owned(),
        contact: "help@example.test".to_owned(),
    };
    letters::cancelled::letter(
        &reader,
        start.flow.terms().expect("a conversion"),
        true,
        Some(1_250),
    )
}

#[tokio::test]
async fn each_answer_of_the_server_means_what_it_says() -> anyhow::Result<()> {
    let smtp = Smtp::start("ok 550 451 data-554 data-452 530 ok")?;
    let mailer = mailer(&smtp.address)?;
    let later = |code: &str| Err(Failure::Later(code.to_owned()));
    let refused = |code: &str| Err(Failure::Refused(code.to_owned()));
    for (nth, wanted) in [
        Ok(()),
        refused("smtp-550"),
        later("smtp-451"),
        refused("smtp-554"),
        later("smtp-452"),
        // Who we are is a matter of configuration.
        later("smtp-530"),
        Ok(()),
    ]
    .into_iter()
    .enumerate()
    {
        let to = "山田 太郎 <taro@example.test>".parse()?;
        let id = format!("<{nth}@example.test>");
        let came = mailer.deliver(&letter(), to, &id, engine::conformance::NOON).await;
        assert_eq!(came, wanted, "message {nth}");
    }
    let taken = smtp.taken()?;
    assert_eq!(taken.len(), 2);
    for part in [
        "From: \"Example Shop\" <points@example.test>",
        "Reply-To: Help <help@example.test>",
        "Message-ID: <0@example.test>",
        "Auto-Submitted: auto-generated",
        "multipart/alternative",
        "text/plain; charset=utf-8",
        "text/html; charset=utf-8",
    ] {
        assert!(taken[0].contains(part), "{part} is missing in {}", taken[0]);
    }
    Ok(())
}

#[tokio::test]
async fn whoever_knows_the_password_is_let_in() -> anyhow::Result<()> {
    let smtp = Smtp::start("")?;
    std::fs::write(smtp.folder.path().join("password"), "right")?;
    let later = |code: &str| Err(Failure::Later(code.to_owned()));
    for (login, wanted, count) in [
        ("shop:right@", Ok(()), 1),
        ("shop:wrong@", later("smtp-535"), 1),
        ("other:right@", later("smtp-535"), 1),
    ] {
        let mailer = mailer(&format!("{login}{}", smtp.address))?;
        assert_eq!(mailer.reach().await, wanted, "{login}");
        let to = "taro@example.test".parse()?;
        let letter = letter();
        let came = mailer.deliver(&letter, to, "<1@example.test>", engine::conformance::NOON).await;
        assert_eq!(came, wanted, "{login}");
        assert_eq!(smtp.taken()?.len(), count, "{login}");
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_is_not_there_is_tried_again_later() -> anyhow::Result<()> {
    let mailer = mailer(&format!("127.0.0.1:{}", free_port()?))?;
    let to = "taro@example.test".parse()?;
    let came = mailer.deliver(&letter(), to, "<1@example.test>", engine::conformance::NOON).await;
    assert_eq!(came, Err(Failure::Later("connection".to_owned())));
    Ok(())
}

struct Service {
    base: String,
    file: String,
    client: reqwest::Client,
    _processes: [Process; 2],
    _folder: tempfile::TempDir,
}

impl Service {
    fn start(smtp: &Smtp) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let (sandbox, peers) = start(&["sandbox", "--listen", "127.0.0.1:0"])?;
        let database = format!("sqlite://{}", folder.path().join("kaeru.db").display());
        let file = folder.path().join("kaeru.toml").display().to_string();
        let mail = format!(
            "[mail]\nurl = \"smtp://{}\"\nfrom = \"Example Shop <points@example.test>\"\n",
            smtp.address
        );
        let rest = "[shop.mail]\nreceipt = true\n";
        let text = format!("{mail}{}{rest}", config(&database, &peers, free_port()?));
        std::fs::write(&file, text)?;
        let (service, base) = start(&["serve", "--config", &file])?;
        let client = reqwest::Client::new();
        Ok(Self { base, file, client, _processes: [service, sandbox], _folder: folder })
    }

    async fn post(&self, path: &str, key: &str, body: Value) -> anyhow::Result<Value> {
        let url = format!("{}/storefront/v1{path}", self.base);
        let request = self.client.post(url).bearer_auth(token(&self.file, 12345)?);
        let answer = request.header("Idempotency-Key", key).json(&body).send().await?;
        Ok(answer.json().await?)
    }
}

fn id(mail: &str) -> &str {
    mail.lines().find(|line| line.starts_with("Message-ID")).unwrap_or_default()
}

/// The receipt is refused for now and comes later; the cancellation's mail is taken by a server
/// that dies before it says so, and comes again under the same number.
#[tokio::test(flavor = "multi_thread")]
async fn each_mail_comes_at_least_once() -> anyhow::Result<()> {
    let mut smtp = Smtp::start("451 ok taken-but-gone")?;
    let service = Service::start(&smtp)?;
    let done = service.post("/conversions", "one", json!({"points": 500})).await?;
    let code = done["coupon"]["code"].as_str().context("converted")?.to_owned();
    let taken = smtp.wait_for(1).await?;
    assert!(taken[0].contains(&code), "{}", taken[0]);
    assert!(taken[0].contains("yamada.taro@example.test"));

    let undone = service.post(&format!("/coupons/{code}/cancel"), "two", json!({})).await?;
    anyhow::ensure!(undone["status"] == "completed", "{undone}");
    let taken = smtp.wait_for(2).await?;
    smtp.child.wait()?;
    std::fs::write(smtp.folder.path().join("script"), "")?;
    let before = smtp.folder.path().join("first.mail");
    std::fs::rename(smtp.folder.path().join("3.eml"), &before)?;
    smtp.child = spawn(smtp.folder.path())?;
    let again = smtp.wait_for(2).await?;
    assert_eq!(id(&again[0]), id(&taken[1]));
    assert_ne!(id(&taken[0]), id(&taken[1]));
    Ok(())
}
