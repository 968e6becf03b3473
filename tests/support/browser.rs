//! Headless Chromium, and a page in it that is driven by `data-testid`.

use chromiumoxide::browser::{Browser, BrowserConfig};
use chromiumoxide::cdp::browser_protocol::dom::SetFileInputFilesParams;
use chromiumoxide::cdp::browser_protocol::log::EventEntryAdded;
use chromiumoxide::page::ScreenshotParams;
use futures_util::StreamExt;
use serde_json::Value;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::socket::PATIENCE;

const POLL: Duration = Duration::from_millis(25);

pub struct Tab {
    page: chromiumoxide::Page,
    browser: Browser,
    /// Errors that the browser logged: scripts that failed, policies that were broken.
    errors: Arc<Mutex<Vec<String>>>,
    _profile: tempfile::TempDir,
}

impl Tab {
    /// Opens `url` in a window of that size.
    pub async fn open(url: &str, width: u32, height: u32) -> Self {
        let profile = tempfile::tempdir().expect("a folder");
        let quiet = [
            "disable-gpu",
            "disable-quic",
            "disable-background-networking",
            "disable-component-update",
            "disable-sync",
            "no-first-run",
            "force-prefers-reduced-motion",
            // A microphone that is made up, and that every page may use.
            "use-fake-device-for-media-stream",
            "use-fake-ui-for-media-stream",
        ];
        let config = BrowserConfig::builder()
            .no_sandbox()
            .new_headless_mode()
            .window_size(width, height)
            .viewport(None)
            .user_data_dir(profile.path())
            .launch_timeout(Duration::from_secs(60))
            .args(quiet)
            .build()
            .expect("Chromium is installed: bin/test installs it");
        let (browser, mut handler) = Browser::launch(config).await.expect("Chromium starts");
        tokio::spawn(async move { while handler.next().await.is_some() {} });
        let page = browser.new_page("about:blank").await.expect("a page");
        let errors = Arc::new(Mutex::new(Vec::new()));
        page.enable_log().await.expect("a log");
        let mut log = page.event_listener::<EventEntryAdded>().await.expect("a log");
        let seen = errors.clone();
        tokio::spawn(async move {
            while let Some(entry) = log.next().await {
                if matches!(
                    entry.entry.level,
                    chromiumoxide::cdp::browser_protocol::log::LogEntryLevel::Error
                ) {
                    seen.lock().unwrap().push(entry.entry.text.clone());
                }
            }
        });
        page.goto(url).await.expect("the page");
        Self { page, browser, errors, _profile: profile }
    }

    pub async fn script(&self, script: &str) -> Value {
        self.page
            .evaluate(script)
            .await
            .ok()
            .and_then(|result| result.value().cloned())
            .unwrap_or(Value::Null)
    }

    /// Waits until the script gives something true.
    pub async fn until(&self, what: &str, script: &str) {
        let wait = async {
            while !truthy(&self.script(script).await) {
                tokio::time::sleep(POLL).await;
            }
        };
        if tokio::time::timeout(PATIENCE, wait).await.is_err() {
            let shot = std::env::temp_dir().join("greenroom-console.png");
            let _ = self.page.save_screenshot(ScreenshotParams::builder().build(), &shot).await;
            let focused = self.script("document.activeElement?.outerHTML.slice(0, 200)").await;
            panic!("{what}: never; see {}; the focus is in {focused}; {:?}", shot.display(), self.errors());
        }
    }

    /// Clicks what has this `data-testid`, as soon as it is there.
    pub async fn click(&self, id: &str) {
        let found = format!("document.querySelector('[data-testid=\"{id}\"]:not([disabled])')");
        self.until(id, &format!("{found} !== null && {found}.offsetParent !== null")).await;
        self.script(&format!("{found}.click()")).await;
    }

    /// Types into what has this `data-testid`. A page whose styles still come does not give the focus yet, and what is typed then
    /// goes elsewhere: so it is asked for until it is given.
    pub async fn fill(&self, id: &str, text: &str) {
        let found = format!("document.querySelector('[data-testid=\"{id}\"]')");
        let focused = format!("{found}?.focus(), {found} !== null && document.activeElement === {found}");
        self.until(&format!("the focus in {id}"), &focused).await;
        self.element(id).await.type_str(text).await.expect("it takes text");
    }

    /// Chooses files in the file input that has this `data-testid`.
    pub async fn choose(&self, id: &str, files: &[&std::path::Path]) {
        self.until(id, &format!("document.querySelector('[data-testid=\"{id}\"]') !== null")).await;
        let element = self.element(id).await;
        let names = files.iter().map(|file| file.display().to_string());
        let mut chosen = SetFileInputFilesParams::new(names.collect::<Vec<_>>());
        chosen.backend_node_id = Some(element.backend_node_id);
        self.page.execute(chosen).await.expect("it takes files");
    }

    /// Presses a key in what has this `data-testid`, as soon as it has the focus: the page or what was done before gives it.
    pub async fn press(&self, id: &str, key: &str) {
        let focused = format!("document.activeElement?.matches('[data-testid=\"{id}\"]')");
        self.until(&format!("the focus in {id}"), &focused).await;
        self.element(id).await.press_key(key).await.expect("a key");
    }

    async fn element(&self, id: &str) -> chromiumoxide::Element {
        self.page.find_element(format!("[data-testid=\"{id}\"]")).await.expect("it is there")
    }

    pub async fn go(&self, url: &str) {
        self.page.goto(url).await.expect("the page");
    }

    pub async fn reload(&self) {
        self.page.reload().await.expect("the page again");
    }

    pub fn errors(&self) -> Vec<String> {
        self.errors.lock().unwrap().clone()
    }

    pub async fn close(mut self) {
        let _ = self.browser.close().await;
        let _ = self.browser.wait().await;
    }
}

fn truthy(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != 0 && value != ""
}
