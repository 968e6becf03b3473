//! A TCP proxy between the server and what it depends on, with faults at will: Postgres, an AI provider.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

/// Where the proxy leads.
#[derive(Clone, Debug)]
pub enum Target {
    Tcp(SocketAddr),
    Unix(std::path::PathBuf),
}

#[derive(Default)]
struct Faults {
    /// New connections are closed at once.
    refusing: AtomicBool,
    /// Every connection waits this long before its first byte passes.
    delay_ms: AtomicU64,
    cut: Notify,
}

pub struct ChaosProxy {
    pub address: SocketAddr,
    faults: Arc<Faults>,
    listener: JoinHandle<()>,
}

impl ChaosProxy {
    pub async fn start(target: Target) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let faults = Arc::new(Faults::default());
        let shared = faults.clone();
        let listener = tokio::spawn(async move {
            while let Ok((inbound, _)) = listener.accept().await {
                if !shared.refusing.load(SeqCst) {
                    tokio::spawn(carry(inbound, target.clone(), shared.clone()));
                }
            }
        });
        Self { address, faults, listener }
    }

    /// Ends every connection that stands now; new ones pass.
    pub fn cut(&self) {
        self.faults.cut.notify_waiters();
    }

    /// Ends every connection and refuses new ones until [`restore`](Self::restore).
    pub fn take_down(&self) {
        self.faults.refusing.store(true, SeqCst);
        self.cut();
    }

    pub fn restore(&self) {
        self.faults.refusing.store(false, SeqCst);
    }

    pub fn delay(&self, delay: Duration) {
        self.faults.delay_ms.store(delay.as_millis() as u64, SeqCst);
    }
}

impl Drop for ChaosProxy {
    fn drop(&mut self) {
        self.listener.abort();
        self.cut();
    }
}

async fn carry(mut inbound: TcpStream, target: Target, faults: Arc<Faults>) {
    let cut = faults.cut.notified();
    let carried = async {
        tokio::time::sleep(Duration::from_millis(faults.delay_ms.load(SeqCst))).await;
        // Either side's end ends the other: nothing is left to tell.
        match target {
            Target::Tcp(address) => {
                if let Ok(mut outbound) = TcpStream::connect(address).await {
                    let _ = copy_bidirectional(&mut inbound, &mut outbound).await;
                }
            }
            Target::Unix(path) => {
                if let Ok(mut outbound) = UnixStream::connect(path).await {
                    let _ = copy_bidirectional(&mut inbound, &mut outbound).await;
                }
            }
        }
    };
    tokio::select! {
        () = cut => {}
        () = carried => {}
    }
}
