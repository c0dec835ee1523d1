//! A headless Chromium, driven through its DevTools protocol.

#![allow(unreachable_pub, reason = "it is a module of a test")]

use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};
use tungstenite::stream::MaybeTlsStream;
use tungstenite::{Message, WebSocket};

/// A page in a browser of its own.
pub struct Page {
    browser: Child,
    socket: WebSocket<MaybeTlsStream<TcpStream>>,
    session: String,
    id: u64,
    /// What the page complained of.
    complaints: Vec<String>,
    /// What it asked for.
    requests: Vec<String>,
    _profile: tempfile::TempDir,
}

impl Page {
    pub fn start() -> Page {
        let profile = tempfile::tempdir().unwrap();
        let mut browser = Command::new("chromium")
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--remote-debugging-port=0",
                "--no-first-run",
            ])
            .args(["--disable-background-networking", "--disable-component-update", "--hide-scrollbars"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("chromium starts");
        let mut said = BufReader::new(browser.stderr.take().unwrap()).lines();
        let url =
            said.find_map(|line| line.unwrap().strip_prefix("DevTools listening on ").map(str::to_owned));
        // It must not stop because nobody reads what it says.
        std::thread::spawn(move || said.for_each(drop));
        let (socket, _) = tungstenite::connect(url.unwrap()).unwrap();
        let mut page = Page {
            browser,
            socket,
            session: String::new(),
            id: 0,
            complaints: Vec::new(),
            requests: Vec::new(),
            _profile: profile,
        };
        let target = page.call("Target.createTarget", &json!({"url": "about:blank"}));
        let attached =
            page.call("Target.attachToTarget", &json!({"targetId": target["targetId"], "flatten": true}));
        attached["sessionId"].as_str().unwrap().clone_into(&mut page.session);
        for domain in ["Page", "Runtime", "Log", "Network"] {
            page.call(&format!("{domain}.enable"), &json!({}));
        }
        page
    }

    /// Calls a method, and returns what it answers.
    fn call(&mut self, method: &str, params: &Value) -> Value {
        self.id += 1;
        let mut message = json!({"id": self.id, "method": method, "params": params});
        if !self.session.is_empty() {
            message["sessionId"] = self.session.clone().into();
        }
        self.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let Message::Text(text) = self.socket.read().unwrap() else { continue };
            let message: Value = serde_json::from_str(&text).unwrap();
            if message["id"] == self.id {
                assert!(message.get("error").is_none(), "{method}: {message}");
                return message["result"].clone();
            }
            self.hear(&message);
        }
    }

    fn hear(&mut self, event: &Value) {
        let params = &event["params"];
        match event["method"].as_str().unwrap_or_default() {
            "Runtime.exceptionThrown" => self.complaints.push(params["exceptionDetails"].to_string()),
            "Runtime.consoleAPICalled" if params["type"] == "error" => {
                self.complaints.push(params.to_string());
            }
            "Log.entryAdded" if params["entry"]["level"] == "error" => {
                self.complaints.push(params.to_string());
            }
            "Network.requestWillBeSent" => {
                self.requests.push(params["request"]["url"].as_str().unwrap_or_default().to_owned());
            }
            _ => {}
        }
    }

    pub fn open(&mut self, url: &str) {
        // Another part of the same page would not be fetched anew.
        self.call("Page.navigate", &json!({"url": "about:blank"}));
        self.call("Page.navigate", &json!({"url": url}));
    }

    pub fn resize(&mut self, width: u32, height: u32) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.call("Emulation.setDeviceMetricsOverride", &metrics);
    }

    /// The value of an expression, awaited if it is a promise. `null` while the page is not there yet.
    pub fn run(&mut self, expression: &str) -> Value {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.call("Runtime.evaluate", &params);
        assert!(answer.get("exceptionDetails").is_none(), "{answer}");
        answer["result"]["value"].clone()
    }

    pub fn picture(&mut self, path: &Path) {
        use std::io::Write;
        let answer =
            self.call("Page.captureScreenshot", &json!({"format": "png", "captureBeyondViewport": true}));
        let mut decode = Command::new("base64")
            .arg("-d")
            .stdin(Stdio::piped())
            .stdout(std::fs::File::create(path).unwrap())
            .spawn()
            .unwrap();
        decode.stdin.take().unwrap().write_all(answer["data"].as_str().unwrap().as_bytes()).unwrap();
        assert!(decode.wait().unwrap().success());
    }

    /// Presses the mouse at a point, moves it to the right, and lets go.
    pub fn drag(&mut self, (x, y): (f64, f64), by: f64) {
        let steps =
            [("mousePressed", 0.0), ("mouseMoved", by / 2.0), ("mouseMoved", by), ("mouseReleased", by)];
        for (kind, moved) in steps {
            let event = json!({"type": kind, "x": x + moved, "y": y, "button": "left", "buttons": 1, "clickCount": 1});
            self.call("Input.dispatchMouseEvent", &event);
        }
    }

    /// What the page complained of so far was to be expected: its daemon was gone.
    pub fn forgive(&mut self) {
        self.complaints.retain(|complaint| !complaint.contains("net::ERR_"));
    }

    /// How many scripts the policy of the page refused so far; that was to be expected.
    pub fn refusals(&mut self) -> usize {
        self.run("0");
        let before = self.complaints.len();
        self.complaints.retain(|complaint| !complaint.contains("Content Security Policy"));
        before - self.complaints.len()
    }

    /// Nothing was wrong, and nothing came from elsewhere. Returns how many requests there were.
    pub fn assert_clean(&mut self, origin: &str) -> usize {
        self.run("0");
        self.forgive();
        assert!(self.complaints.is_empty(), "{:#?}", self.complaints);
        let other: Vec<_> =
            self.requests.iter().filter(|url| !url.starts_with(origin) && *url != "about:blank").collect();
        assert!(other.is_empty(), "{other:?}");
        self.requests.len()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let _ = self.browser.kill();
        let _ = self.browser.wait();
    }
}
