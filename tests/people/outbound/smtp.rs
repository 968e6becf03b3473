//! A stand-in for an SMTP server: the real protocol on a local port, in clear, with STARTTLS or TLS from the first byte,
//! with sign-in and with faults. It keeps what it was given.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// What a client is about to hear the answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Greeting,
    Auth,
    Mail,
    Recipient,
    Data,
    /// The letter is there.
    End,
}

/// How one connection goes.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Accept,
    /// This answer at this stage.
    Say(Stage, &'static str),
    /// Silence at this stage, for ever. What is there by then is kept.
    Hang(Stage),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    Clear,
    StartTls,
    Implicit,
}

/// A letter that was handed over.
#[derive(Clone, Debug)]
pub struct Received {
    pub from: String,
    pub to: Vec<String>,
    pub data: String,
    pub encrypted: bool,
    pub user: Option<String>,
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Act>>,
    /// What goes on when the script is over; `None` accepts.
    otherwise: Mutex<Option<Act>>,
    received: Mutex<Vec<Received>>,
    /// Lines that came in clear.
    overheard: Mutex<Vec<String>>,
    connections: AtomicUsize,
    hanging: AtomicUsize,
}

struct House {
    door: Door,
    login: Option<(&'static str, &'static str)>,
    tls: Option<Arc<ServerConfig>>,
    state: Arc<State>,
}

pub struct SmtpServer {
    pub port: u16,
    state: Arc<State>,
}

impl SmtpServer {
    pub fn start() -> Self {
        Self::with(Door::Clear, None, None)
    }

    pub fn with(
        door: Door,
        certificate: Option<&Certificate>,
        login: Option<(&'static str, &'static str)>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let tls = certificate.map(Certificate::server);
        let house = Arc::new(House { door, login, tls, state: state.clone() });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let house = house.clone();
                std::thread::spawn(move || serve(stream, &house));
            }
        });
        Self { port, state }
    }

    /// The next connections go so, one after the other; then all is well.
    pub fn script(&self, acts: impl IntoIterator<Item = Act>) {
        *self.state.script.lock().unwrap() = acts.into_iter().collect();
    }

    /// All connections go so from now on.
    pub fn always(&self, act: Act) {
        *self.state.otherwise.lock().unwrap() = Some(act);
    }

    pub fn received(&self) -> Vec<Received> {
        self.state.received.lock().unwrap().clone()
    }

    pub fn overheard(&self) -> Vec<String> {
        self.state.overheard.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.state.connections.load(SeqCst)
    }

    /// Connections that are held in silence.
    pub fn hanging(&self) -> usize {
        self.state.hanging.load(SeqCst)
    }
}

enum Wire {
    Clear(BufReader<TcpStream>),
    Tls(Box<BufReader<StreamOwned<ServerConnection, TcpStream>>>),
}

impl Wire {
    fn encrypt(self, config: &Arc<ServerConfig>) -> Option<Self> {
        let Self::Clear(reader) = self else { return None };
        let mut stream = reader.into_inner();
        let mut connection = ServerConnection::new(config.clone()).unwrap();
        while connection.is_handshaking() {
            connection.complete_io(&mut stream).ok()?;
        }
        Some(Self::Tls(Box::new(BufReader::new(StreamOwned::new(connection, stream)))))
    }

    fn is_encrypted(&self) -> bool {
        matches!(self, Self::Tls(_))
    }

    fn line(&mut self) -> Option<String> {
        let mut bytes = Vec::new();
        let reader: &mut dyn BufRead = match self {
            Self::Clear(reader) => reader,
            Self::Tls(reader) => reader.as_mut(),
        };
        reader.take(1_000_000).read_until(b'\n', &mut bytes).ok()?;
        let text = String::from_utf8(bytes).ok()?;
        text.strip_suffix("\r\n").map(ToOwned::to_owned)
    }

    fn say(&mut self, text: &str) -> Option<()> {
        let bytes = format!("{text}\r\n");
        let sent = match self {
            Self::Clear(reader) => reader.get_mut().write_all(bytes.as_bytes()),
            Self::Tls(reader) => reader.get_mut().write_all(bytes.as_bytes()),
        };
        sent.ok()
    }
}

fn serve(stream: TcpStream, house: &House) -> Option<()> {
    house.state.connections.fetch_add(1, SeqCst);
    let act = house.state.script.lock().unwrap().pop_front();
    let act = act.or(*house.state.otherwise.lock().unwrap()).unwrap_or(Act::Accept);
    let mut wire = Wire::Clear(BufReader::new(stream));
    if house.door == Door::Implicit {
        wire = wire.encrypt(house.tls.as_ref()?)?;
    }
    Conversation { house, act, user: None, from: None, to: Vec::new() }.hold(wire)
}

struct Conversation<'a> {
    house: &'a House,
    act: Act,
    user: Option<String>,
    from: Option<String>,
    to: Vec<String>,
}

impl Conversation<'_> {
    fn hold(&mut self, mut wire: Wire) -> Option<()> {
        self.answer(&mut wire, Stage::Greeting, "220 stand-in ESMTP")?;
        loop {
            let line = wire.line()?;
            if !wire.is_encrypted() {
                self.house.state.overheard.lock().unwrap().push(line.clone());
            }
            let verb = line.split([' ', ':']).next().unwrap_or_default().to_uppercase();
            match verb.as_str() {
                "EHLO" => wire.say(&self.capabilities(wire.is_encrypted()))?,
                "STARTTLS" if self.house.door == Door::StartTls => {
                    wire.say("220 go ahead")?;
                    wire = wire.encrypt(self.house.tls.as_ref()?)?;
                }
                "AUTH" => {
                    let good = self.sign_in(&line);
                    let answer = if good { "235 2.7.0 welcome" } else { "535 5.7.8 not you" };
                    self.answer(&mut wire, Stage::Auth, answer)?;
                }
                "MAIL" if self.house.login.is_some() && self.user.is_none() => wire.say("530 5.7.0 who?")?,
                "MAIL" => {
                    self.from = Some(between(&line));
                    self.answer(&mut wire, Stage::Mail, "250 2.1.0 ok")?;
                }
                "RCPT" => {
                    self.to.push(between(&line));
                    self.answer(&mut wire, Stage::Recipient, "250 2.1.5 ok")?;
                }
                "DATA" => {
                    if self.answer(&mut wire, Stage::Data, "354 go on")?.starts_with('3') {
                        let received = self.receive(&mut wire)?;
                        let answer = self.said(Stage::End).unwrap_or("250 2.0.0 kept");
                        let silent = matches!(self.act, Act::Hang(Stage::End));
                        if silent || answer.starts_with('2') {
                            self.house.state.received.lock().unwrap().push(received);
                        }
                        self.answer(&mut wire, Stage::End, "250 2.0.0 kept")?;
                    }
                }
                "NOOP" | "RSET" => wire.say("250 ok")?,
                "QUIT" => return wire.say("221 bye"),
                _ => wire.say("502 5.5.1 what?")?,
            }
        }
    }

    fn said(&self, stage: Stage) -> Option<&'static str> {
        match self.act {
            Act::Say(at, answer) if at == stage => Some(answer),
            _ => None,
        }
    }

    fn answer(&self, wire: &mut Wire, stage: Stage, usual: &'static str) -> Option<&'static str> {
        if matches!(self.act, Act::Hang(at) if at == stage) {
            self.house.state.hanging.fetch_add(1, SeqCst);
            // Until the client gives up.
            wire.line();
            self.house.state.hanging.fetch_sub(1, SeqCst);
            return None;
        }
        let answer = self.said(stage).unwrap_or(usual);
        wire.say(answer)?;
        Some(answer)
    }

    fn capabilities(&self, encrypted: bool) -> String {
        let mut lines = vec!["stand-in", "8BITMIME", "SMTPUTF8"];
        if self.house.door == Door::StartTls && !encrypted {
            lines.push("STARTTLS");
        } else if self.house.login.is_some() {
            lines.push("AUTH PLAIN LOGIN");
        }
        let last = lines.pop().unwrap_or_default();
        let lines: String = lines.iter().map(|line| format!("250-{line}\r\n")).collect();
        format!("{lines}250 {last}")
    }

    fn sign_in(&mut self, line: &str) -> bool {
        let given = line.split(' ').nth(2).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
        let given = String::from_utf8(given).unwrap_or_default();
        let good = self.house.login.is_some_and(|(user, word)| given == format!("\0{user}\0{word}"));
        if good {
            self.user = given.split('\0').nth(1).map(ToOwned::to_owned);
        }
        good
    }

    fn receive(&mut self, wire: &mut Wire) -> Option<Received> {
        let mut data = String::new();
        loop {
            let line = wire.line()?;
            if line == "." {
                break;
            }
            data.push_str(line.strip_prefix('.').unwrap_or(&line));
            data.push_str("\r\n");
        }
        Some(Received {
            from: self.from.take()?,
            to: std::mem::take(&mut self.to),
            data,
            encrypted: wire.is_encrypted(),
            user: self.user.clone(),
        })
    }
}

fn between(line: &str) -> String {
    line.split(['<', '>']).nth(1).unwrap_or_default().to_owned()
}

/// A certificate for `localhost` and its key.
pub struct Certificate {
    key: PathBuf,
    pub file: PathBuf,
}

impl Certificate {
    /// `None` where there is no `openssl` to make one.
    pub fn make(folder: &Path, name: &str) -> Option<Self> {
        let (key, file) = (folder.join(format!("{name}.key")), folder.join(format!("{name}.crt")));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:false", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&file)
            .output();
        made.is_ok_and(|output| output.status.success()).then_some(Self { key, file })
    }

    fn server(&self) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let chain = vec![CertificateDer::from_pem_file(&self.file).unwrap()];
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, PrivateKeyDer::from_pem_file(&self.key).unwrap())
            .unwrap();
        Arc::new(config)
    }
}

/// Waits for something that this stand-in sees, from a test without a runtime.
pub fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < Duration::from_secs(60), "{what}: never");
        std::thread::sleep(Duration::from_millis(10));
    }
}
