//! A stand-in for an SMS provider: real HTTP/1.1 on a local port that takes a form, with faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use crate::support::request::Request;

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Act {
    Status(u16, &'static str),
    Hang,
}

#[derive(Clone, Debug)]
pub struct Asked {
    pub path: String,
    headers: Vec<(String, String)>,
    pub form: Vec<(String, String)>,
    pub at: std::time::Instant,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value.as_str())
    }

    pub fn field(&self, name: &str) -> &str {
        self.form.iter().find(|(it, _)| it == name).map_or("", |(_, value)| value.as_str())
    }
}

#[derive(Default)]
struct State {
    script: Mutex<VecDeque<Act>>,
    asked: Mutex<Vec<Asked>>,
}

pub struct SmsProvider {
    pub port: u16,
    state: Arc<State>,
}

impl SmsProvider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(serve(socket, shared.clone()));
            }
        });
        Self { port, state }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/Messages.json", self.port)
    }

    /// The next requests are answered so, one after the other; then with 201. `headers` and a body may follow the status.
    pub fn script(&self, acts: impl IntoIterator<Item = Act>) {
        *self.state.script.lock().unwrap() = acts.into_iter().collect();
    }

    pub fn asked(&self) -> Vec<Asked> {
        self.state.asked.lock().unwrap().clone()
    }
}

async fn serve(socket: TcpStream, state: Arc<State>) {
    let mut socket = BufReader::new(socket);
    while let Some(asked) = Request::read(&mut socket).await.and_then(asked) {
        let act = state.script.lock().unwrap().pop_front().unwrap_or(Act::Status(201, ""));
        let body = format!(r#"{{"code": 21211, "message": "no: {}"}}"#, asked.field("Body"));
        state.asked.lock().unwrap().push(asked);
        match act {
            Act::Hang => std::future::pending().await,
            Act::Status(status, headers) => {
                let head = format!("HTTP/1.1 {status} X\r\n{headers}content-length: {}\r\n\r\n", body.len());
                if socket.write_all((head + &body).as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What was asked with a form.
fn asked(request: Request) -> Option<Asked> {
    assert_eq!(request.method, "POST", "{}", request.path);
    request.header("content-length")?;
    let Request { path, headers, body, .. } = request;
    let url = reqwest::Url::parse(&format!("http://x/?{}", String::from_utf8(body).ok()?)).ok()?;
    let form = url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    Some(Asked { path, headers, form, at: std::time::Instant::now() })
}
