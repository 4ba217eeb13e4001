//! One browser window, and what can be done in it.

use anyhow::Context;
use serde_json::Value;
use std::{
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};
use thirtyfour::prelude::*;
use tokio::time::Instant;

const PATIENCE: Duration = Duration::from_secs(30);
/// Selects inside the widget's shadow root.
const WIDGET: &str = "const w = document.querySelector('kaeru-points').shadowRoot;";

/// Fields end in this order: the session first, then its driver, then the profile.
pub struct Page {
    pub driver: WebDriver,
    _chromedriver: Chromedriver,
    url: String,
    client: reqwest::Client,
    _profile: tempfile::TempDir,
}

struct Chromedriver(Child);

impl Drop for Chromedriver {
    fn drop(&mut self) {
        // Gone already is as good.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Page {
    /// A window of this size. `dark`: as for someone who prefers that.
    pub async fn open(width: u32, dark: bool) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let chromedriver = Command::new("chromedriver")
            .arg(format!("--port={port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .context("chromedriver is missing: `cargo xtask test` installs it")?;
        let profile = tempfile::tempdir()?;
        let mut capabilities = DesiredCapabilities::chrome();
        for argument in [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
        ] {
            capabilities.add_arg(argument)?;
        }
        capabilities.add_arg(&format!("--user-data-dir={}", profile.path().display()))?;
        let url = format!("http://127.0.0.1:{port}");
        let deadline = Instant::now() + PATIENCE;
        let driver = loop {
            match WebDriver::new(&url, capabilities.clone()).await {
                Ok(driver) => break driver,
                Err(error) if Instant::now() > deadline => return Err(error.into()),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        };
        let client = reqwest::Client::builder().no_proxy().build()?;
        let page = Self {
            driver,
            _chromedriver: Chromedriver(chromedriver),
            url,
            client,
            _profile: profile,
        };
        page.resize(width, 1000).await?;
        if dark {
            let dark = serde_json::json!([{"name": "prefers-color-scheme", "value": "dark"}]);
            let features = serde_json::json!({ "features": dark });
            page.devtools("Emulation.setEmulatedMedia", features).await?;
        }
        Ok(page)
    }

    /// The viewport's size: headless windows may not be narrower than 500 px by themselves.
    pub async fn resize(&self, width: u32, height: u32) -> anyhow::Result<()> {
        let metrics = serde_json::json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await
    }

    /// A command of the browser's own protocol, which chromedriver passes on.
    async fn devtools(&self, command: &str, params: Value) -> anyhow::Result<()> {
        let session = self.driver.handle().session_id().to_string();
        let url = format!("{}/session/{session}/goog/cdp/execute", self.url);
        let body = serde_json::json!({"cmd": command, "params": params});
        self.client.post(url).json(&body).send().await?.error_for_status()?;
        Ok(())
    }

    pub async fn script(&self, script: &str) -> anyhow::Result<Value> {
        Ok(self.driver.execute(script, vec![]).await?.json().clone())
    }

    /// Runs the script inside the widget, as `w`.
    pub async fn widget(&self, script: &str) -> anyhow::Result<Value> {
        self.script(&format!("{WIDGET} {script}")).await
    }

    /// Waits until the expression is true.
    pub async fn until(&self, expression: &str) -> anyhow::Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let script = format!(
            "const w = document.querySelector('kaeru-points')?.shadowRoot; \
             return Boolean({expression});"
        );
        while self.script(&script).await.ok() != Some(Value::Bool(true)) {
            if Instant::now() > deadline {
                let seen = self.widget("return w.textContent").await.unwrap_or_default();
                anyhow::bail!("never came true: {expression}; the widget says {seen}");
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Ok(())
    }

    pub async fn sign_in(&self, base: &str, customer: usize) -> anyhow::Result<()> {
        self.driver.goto(format!("{base}/shop")).await?;
        self.until("document.querySelector('#customers button')").await?;
        let pick = format!("document.querySelectorAll('#customers button')[{customer}].click()");
        self.script(&pick).await?;
        self.until("w && w.querySelector('form .pri')").await
    }

    pub async fn press(&self, selector: &str) -> anyhow::Result<()> {
        self.widget(&format!("w.querySelector('{selector}').click()")).await.map(drop)
    }

    /// For people to look at: `target/screenshots/NAME.png`.
    pub async fn screenshot(&self, name: &str) -> anyhow::Result<()> {
        let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../target/screenshots"));
        std::fs::create_dir_all(folder)?;
        let width = self.script("return innerWidth").await?.as_u64().unwrap_or(1280);
        let height = self.script("return document.documentElement.scrollHeight").await?;
        let (width, height) = (u32::try_from(width)?, u32::try_from(height.as_u64().unwrap_or(0))?);
        self.resize(width, height.clamp(600, 6000)).await?;
        self.driver.screenshot(&folder.join(format!("{name}.png"))).await?;
        self.resize(width, 1000).await
    }

    pub async fn fits(&self) -> anyhow::Result<bool> {
        let wide = "return document.documentElement.scrollWidth <= innerWidth";
        Ok(self.script(wide).await? == Value::Bool(true))
    }
}
