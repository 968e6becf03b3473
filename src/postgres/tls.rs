//! `DATABASE_URL` and the encryption that it asks for.
//!
//! | `sslmode` | what it does here |
//! |---|---|
//! | `disable` | no TLS |
//! | `prefer` (default) | TLS if the server offers it, its certificate not checked; a failed handshake is an error, not a reason to speak in clear |
//! | `require` | TLS or nothing, certificate not checked, as in libpq; with `sslrootcert` it is `verify-full` |
//! | `verify-ca`, `verify-full` | TLS with a certificate of a known authority and the host's name; `verify-ca` checks the name too |
//!
//! `sslrootcert` names a PEM file of authorities (or `system`); without it the machine's own store is used. Client
//! certificates (`sslcert`, `sslkey`) are not supported. Over a Unix socket there is no TLS.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::Config;
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::error::DatabaseError;

/// Whose certificate is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Trust {
    Anyone,
    SystemRoots,
    RootsOf(String),
}

/// Reads a connection string, as a URL or as `key=value` pairs.
pub(super) fn parse(url: &str) -> Result<(Config, MakeRustlsConnect), DatabaseError> {
    let (config, trust) = split(url)?;
    Ok((config, connector(&trust)?))
}

/// For connections that never use TLS: the private cluster's socket.
pub(super) fn none() -> Result<MakeRustlsConnect, DatabaseError> {
    connector(&Trust::Anyone)
}

/// Takes out of the string what `tokio-postgres` does not know, and parses the rest.
fn split(url: &str) -> Result<(Config, Trust), DatabaseError> {
    let mut mode: Option<String> = None;
    let mut roots: Option<String> = None;
    let mut keep = |pair: &str| match pair.split_once('=') {
        Some(("sslmode", value)) => {
            mode = Some(value.to_owned());
            false
        }
        Some(("sslrootcert", value)) => {
            roots = Some(value.to_owned());
            false
        }
        _ => true,
    };
    let rest = if url.starts_with("postgres://") || url.starts_with("postgresql://") {
        match url.split_once('?') {
            None => url.to_owned(),
            Some((base, query)) => {
                let kept: Vec<&str> = query.split('&').filter(|pair| keep(pair)).collect();
                format!("{base}?{}", kept.join("&"))
            }
        }
    } else {
        url.split_whitespace().filter(|pair| keep(pair)).collect::<Vec<_>>().join(" ")
    };
    let mut config: Config = rest.trim_end_matches('?').parse().map_err(|error: tokio_postgres::Error| {
        use std::error::Error as _;
        // The source names the option that is wrong, never its value.
        DatabaseError::Url(error.source().map_or_else(|| error.to_string(), ToString::to_string))
    })?;
    let known_roots = || match roots.as_deref().map(decode_percent) {
        None => Trust::SystemRoots,
        Some(path) if path == "system" => Trust::SystemRoots,
        Some(path) => Trust::RootsOf(path),
    };
    let (mode, trust) = match mode.as_deref() {
        Some("disable") => (SslMode::Disable, Trust::Anyone),
        None | Some("prefer" | "allow") => (SslMode::Prefer, Trust::Anyone),
        Some("require") if roots.is_none() => (SslMode::Require, Trust::Anyone),
        Some("require" | "verify-ca" | "verify-full") => (SslMode::Require, known_roots()),
        Some(_) => {
            let known = "disable, prefer, require, verify-ca, verify-full";
            return Err(DatabaseError::Url(format!("sslmode takes one of {known}")));
        }
    };
    config.ssl_mode(mode);
    Ok((config, trust))
}

/// `%2F` and the like in a URL's value. What is not valid stays as it is.
fn decode_percent(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'%').then(|| text.get(at + 1..at + 3)).flatten();
        match hex.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap_or_else(|_| text.to_owned())
}

fn connector(trust: &Trust) -> Result<MakeRustlsConnect, DatabaseError> {
    // One crypto provider for all crates; whoever came first has chosen the same.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let roots = match trust {
        Trust::SystemRoots => {
            let (connector, problems) = MakeRustlsConnect::with_native_certs().map_err(|errors| {
                DatabaseError::Tls(format!("this machine has no certificates of authorities {errors:?}"))
            })?;
            for problem in problems {
                tracing::warn!(%problem, "a certificate of this machine's store cannot be read");
            }
            return Ok(connector);
        }
        Trust::Anyone => None,
        Trust::RootsOf(path) => Some(read_roots(path)?),
    };
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| DatabaseError::Tls(error.to_string()))?;
    let config = match roots {
        Some(roots) => builder.with_root_certificates(roots),
        None => builder.dangerous().with_custom_certificate_verifier(Arc::new(AnyCertificate(provider))),
    };
    Ok(MakeRustlsConnect::new(config.with_no_client_auth()))
}

fn read_roots(path: &str) -> Result<RootCertStore, DatabaseError> {
    let unreadable =
        |error: &dyn std::fmt::Display| DatabaseError::Tls(format!("sslrootcert {path}: {error}"));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(&error))? {
        let certificate = certificate.map_err(|error| unreadable(&error))?;
        roots.add(certificate).map_err(|error| unreadable(&error))?;
    }
    if roots.is_empty() { Err(unreadable(&"holds no certificate")) } else { Ok(roots) }
}

/// Encrypts to whoever answers, as `sslmode=require` means in libpq: guards against listeners, not against impostors.
#[derive(Debug)]
struct AnyCertificate(Arc<CryptoProvider>);

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(url: &str) -> (SslMode, Trust) {
        let (config, trust) = split(url).unwrap();
        (config.get_ssl_mode(), trust)
    }

    #[test]
    fn sslmode_says_whether_and_whom_to_trust() {
        assert_eq!(trust("postgres://a@b/c"), (SslMode::Prefer, Trust::Anyone));
        assert_eq!(trust("postgres://a@b/c?sslmode=disable"), (SslMode::Disable, Trust::Anyone));
        assert_eq!(trust("postgres://a@b/c?sslmode=require"), (SslMode::Require, Trust::Anyone));
        assert_eq!(
            trust("postgresql://a:p@b:1/c?application_name=x&sslmode=verify-full"),
            (SslMode::Require, Trust::SystemRoots)
        );
        assert_eq!(
            trust("host=b user=a sslmode=verify-ca sslrootcert=/etc/ca.pem"),
            (SslMode::Require, Trust::RootsOf("/etc/ca.pem".into()))
        );
        assert_eq!(
            trust("postgres://a@b/c?sslrootcert=%2Fetc%2Fca.pem&sslmode=require"),
            (SslMode::Require, Trust::RootsOf("/etc/ca.pem".into()))
        );
    }

    #[test]
    fn a_bad_url_is_refused_without_its_secrets() {
        for url in
            ["postgres://u:topsecret@h/d?sslmode=sometimes", "postgres://u:topsecret@h/d?nonsense=topsecret"]
        {
            let error = split(url).unwrap_err().to_string();
            assert!(!error.contains("topsecret"), "{error}");
        }
    }
}
