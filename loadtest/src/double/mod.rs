//! A small stand-in for the server: enough of the native protocol, in memory and in an append-only file, to try the
//! scenarios themselves. It can be told to break a promise, so that a test can see whether the scenario notices.
//!
//! It is no model of the real server: one thread, no limits of its own beyond a queue per socket, no retries.

mod provider;
mod reading;
mod rooms;
mod session;

use std::cell::RefCell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::rc::Rc;

use tokio::net::TcpSocket;
use tokio::task::LocalSet;

use rooms::House;

/// What everybody in the stand-in signs in with.
pub const PASSWORD: &str = "one-for-all-of-them";
/// Of each socket, in bytes.
const SEND_BUFFER: u32 = 32 * 1024;

/// A promise to break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Breach {
    /// An event is not delivered.
    LoseEvent,
    /// An event is delivered twice.
    DoubleEvent,
    /// An acked message is not stored.
    ForgetMessage,
    /// A message is answered twice.
    DoubleReply,
    /// A message is not counted.
    MiscountUsage,
    /// A sign-in says that there is no such account.
    TellUnknown,
    /// A search leaves out the newest that fits.
    HideHit,
}

#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// 0 takes any free port.
    #[arg(long, default_value_t = 0)]
    pub port: u16,
    #[arg(long, env = "JWT_SECRET", hide_env_values = true)]
    pub jwt_secret: String,
    /// What is stored is appended to this file, and read from it at the start.
    #[arg(long, value_name = "FILE")]
    pub data: Option<PathBuf>,
    /// The provider of replies; without it they are made up.
    #[arg(long, value_name = "URL")]
    pub provider: Option<String>,
    /// Fill the first rooms as the seeder does, with so many messages each.
    #[arg(long, value_name = "MESSAGES,…", value_delimiter = ',')]
    pub messages: Vec<u64>,
    /// A promise to break.
    #[arg(long, value_enum)]
    pub breach: Option<Breach>,
    /// At each so-manyth occasion.
    #[arg(long, default_value_t = 50)]
    pub breach_every: u64,
}

/// Serves on the loopback address until the process ends; `ready` gets the address once.
pub fn run(options: &Options, ready: impl FnOnce(SocketAddr)) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let house = Rc::new(RefCell::new(House::open(options)?));
    LocalSet::new().block_on(&runtime, async {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        // Little, so that a reader that stops is noticed soon.
        socket.set_send_buffer_size(SEND_BUFFER)?;
        socket.bind((Ipv4Addr::LOCALHOST, options.port).into())?;
        let listener = socket.listen(1024)?;
        ready(listener.local_addr()?);
        for (room, question) in house.borrow().unanswered() {
            tokio::task::spawn_local(provider::answer(house.clone(), room, question));
        }
        let mut ended = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
        loop {
            let stream = tokio::select! {
                accepted = listener.accept() => accepted.map(|(stream, _)| stream),
                _ = ended.recv() => return Ok(()),
            };
            let Ok(stream) = stream else { continue };
            let house = house.clone();
            tokio::task::spawn_local(async move {
                // A broken socket ends its own task; nobody waits for the reason.
                let _: io::Result<()> = session::serve(stream, house).await;
            });
        }
    })
}
