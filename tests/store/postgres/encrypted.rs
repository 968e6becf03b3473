//! TLS to the database, against a door that speaks it with a certificate for `localhost`.

use std::io::{ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use greenroom::postgres::{Database, DatabaseError, Options};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use secrecy::SecretString;

use crate::support::database::TestDatabase;

/// Length and code of the message in which a client asks for TLS.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];
const TURN: Duration = Duration::from_millis(2);

/// Carries connections to the cluster's socket, which itself offers no TLS, and counts the handshakes that succeeded.
struct Door {
    port: u16,
    certificate: PathBuf,
    handshakes: Arc<AtomicUsize>,
}

/// `None` where there is no `openssl` to make the certificate.
fn open_door(folder: &Path, socket: PathBuf) -> Option<Door> {
    let (key, certificate) = (folder.join("server.key"), folder.join("server.crt"));
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
            "-days",
            "2",
        ])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:false", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output();
    if !made.is_ok_and(|output| output.status.success()) {
        return None;
    }
    let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, PrivateKeyDer::from_pem_file(&key).unwrap())
        .unwrap();
    let (config, handshakes) = (Arc::new(config), Arc::new(AtomicUsize::new(0)));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let counted = handshakes.clone();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (config, counted, socket) = (config.clone(), counted.clone(), socket.clone());
            std::thread::spawn(move || carry(stream, &socket, &config, &counted));
        }
    });
    Some(Door { port, certificate, handshakes })
}

fn carry(mut stream: TcpStream, socket: &Path, config: &Arc<ServerConfig>, handshakes: &AtomicUsize) {
    let mut first = [0; 8];
    let Ok(()) = stream.read_exact(&mut first) else { return };
    let mut inner = UnixStream::connect(socket).unwrap();
    if first == SSL_REQUEST {
        stream.write_all(b"S").unwrap();
        let mut connection = ServerConnection::new(config.clone()).unwrap();
        while connection.is_handshaking() {
            let Ok(_) = connection.complete_io(&mut stream) else { return };
        }
        handshakes.fetch_add(1, Ordering::Relaxed);
        stream.set_read_timeout(Some(TURN)).unwrap();
        shuttle(&mut StreamOwned::new(connection, stream), &mut inner);
    } else {
        inner.write_all(&first).unwrap();
        stream.set_read_timeout(Some(TURN)).unwrap();
        shuttle(&mut stream, &mut inner);
    }
}

/// To and fro by turns, until either side ends.
fn shuttle(outer: &mut (impl Read + Write), inner: &mut UnixStream) {
    inner.set_read_timeout(Some(TURN)).unwrap();
    while pass(outer, inner) && pass(inner, outer) {}
}

fn pass(from: &mut impl Read, to: &mut impl Write) -> bool {
    let mut bytes = [0; 4096];
    match from.read(&mut bytes) {
        Ok(0) => false,
        Ok(read) => to.write_all(&bytes[..read]).and_then(|()| to.flush()).is_ok(),
        Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
    }
}

#[tokio::test]
async fn sslmode_decides_whether_to_encrypt_and_whom_to_trust() {
    let test = TestDatabase::create().await;
    let folder = tempfile::tempdir().unwrap();
    let url = test.url();
    let part =
        |name: &str| url.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=')).unwrap();
    let (sockets, name) = (part("host"), part("dbname"));
    let Some(door) = open_door(folder.path(), Path::new(sockets).join(".s.PGSQL.5432")) else { return };
    let connect = async |host: &str, more: &str| {
        let before = door.handshakes.load(Ordering::Relaxed);
        let url = format!("postgres://greenroom@{host}:{}/{name}?hostaddr=127.0.0.1&{more}", door.port);
        let options = Options {
            url: Some(SecretString::from(url)),
            // A certificate that is not trusted is told at once, and not tried again and again.
            start_timeout: Duration::from_secs(3_600),
            ..Options::default()
        };
        let database = Database::open(&options, Path::new("/nonexistent")).await?;
        database.pool().get().await?.query_one("SELECT 1", &[]).await?;
        Ok::<bool, DatabaseError>(door.handshakes.load(Ordering::Relaxed) > before)
    };
    let roots = format!("sslrootcert={}", door.certificate.display());
    for (host, more, encrypted) in [
        ("localhost", "sslmode=disable".to_owned(), false),
        ("localhost", "sslmode=prefer".to_owned(), true),
        ("localhost", "sslmode=require".to_owned(), true),
        ("localhost", format!("sslmode=verify-full&{roots}"), true),
    ] {
        assert_eq!(connect(host, &more).await.unwrap(), encrypted, "{more}");
    }
    for (host, more) in [
        // No authority of this machine's made it; and it is not for that name.
        ("localhost", "sslmode=verify-full".to_owned()),
        ("example.org", format!("sslmode=verify-full&{roots}")),
        ("example.org", format!("sslmode=require&{roots}")),
    ] {
        let refused = connect(host, &more).await.unwrap_err().to_string();
        assert!(refused.contains("TLS") || refused.contains("certificate"), "{refused}");
    }
}
