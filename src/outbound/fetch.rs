//! Fetching what a person's address leads to, and nothing that only this machine can reach.
//!
//! The address is somebody else's choice: it may name this machine, its network, or the cloud's own services, by number, by
//! a name that leads there, or by a redirect. So names are resolved here and what they lead to is looked at before a
//! connection is made, at each redirect too, and what is fetched is bounded in size, kind and time.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Url, redirect};

/// Redirects that are followed.
const REDIRECTS_MAX: usize = 3;

/// Why nothing was fetched. For admins and the log: no secret in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// It leads where nobody may be led, or is no address at all.
    #[error("this address is not fetched: {0}")]
    Refused(&'static str),
    /// The other side said no for good.
    #[error("the other side answered {0}")]
    Gone(u16),
    #[error("it is larger than {0} bytes")]
    TooLarge(u64),
    #[error("it is of another kind than expected")]
    OtherKind,
    /// It may go better later.
    #[error("it cannot be fetched just now: {0}")]
    Again(String),
}

/// Whether this machine and its network may be reached.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// Only what everybody reaches, by https.
    #[default]
    Public,
    /// All, for tests.
    Private,
}

/// Cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    http: Client,
    reach: Reach,
    max: u64,
}

/// What came.
#[derive(Clone, Debug)]
pub struct Fetched {
    pub bytes: Bytes,
    /// The media type that the other side named, without its parameters.
    pub mime: String,
}

impl Fetcher {
    /// Of at most `max` bytes, within `timeout`.
    pub fn new(reach: Reach, max: u64, timeout: Duration) -> Result<Self, String> {
        let follow = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS_MAX {
                return attempt.error(FetchError::Refused("it leads on and on"));
            }
            match may_go(attempt.url(), reach) {
                Ok(()) => attempt.follow(),
                Err(error) => attempt.error(error),
            }
        });
        let http = Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout)
            .redirect(follow)
            // Through a proxy, names would be resolved elsewhere.
            .no_proxy()
            .referer(false)
            .dns_resolver(Arc::new(Guarded(reach)))
            .build()
            .map_err(|error| error.to_string())?;
        Ok(Self { http, reach, max })
    }

    /// The file at this address. Its media type must begin with one of these.
    pub async fn get(&self, address: &str, kinds: &[&str]) -> Result<Fetched, FetchError> {
        self.get_within(address, kinds, self.max).await
    }

    /// The same, of at most so many bytes.
    pub async fn get_within(&self, address: &str, kinds: &[&str], max: u64) -> Result<Fetched, FetchError> {
        let url = Url::parse(address).map_err(|_| FetchError::Refused("it is no address"))?;
        may_go(&url, self.reach)?;
        let mut answer = self.http.get(url).send().await.map_err(why)?;
        let status = answer.status();
        if !status.is_success() {
            let code = status.as_u16();
            let passes = status.is_server_error() || matches!(code, 408 | 425 | 429);
            return Err(if passes {
                FetchError::Again(format!("it answered {code}"))
            } else {
                FetchError::Gone(code)
            });
        }
        let mime =
            answer.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let mime = mime.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if !kinds.iter().any(|kind| mime.starts_with(kind)) {
            return Err(FetchError::OtherKind);
        }
        if answer.content_length().is_some_and(|length| length > max) {
            return Err(FetchError::TooLarge(max));
        }
        let mut bytes = BytesMut::new();
        while let Some(more) = answer.chunk().await.map_err(why)? {
            if (bytes.len() + more.len()) as u64 > max {
                return Err(FetchError::TooLarge(max));
            }
            bytes.extend_from_slice(&more);
        }
        Ok(Fetched { bytes: bytes.freeze(), mime })
    }
}

/// Whether a request may go there as far as the address says. What a name leads to is looked at when it is resolved.
fn may_go(url: &Url, reach: Reach) -> Result<(), FetchError> {
    if reach == Reach::Private {
        return Ok(());
    }
    if url.scheme() != "https" {
        return Err(FetchError::Refused("it is not https"));
    }
    let number = match url.host() {
        Some(url::Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(url::Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        Some(url::Host::Domain(_)) => None,
        None => return Err(FetchError::Refused("it names nobody")),
    };
    if number.is_some_and(|address| !is_public(address)) {
        return Err(FetchError::Refused("it leads into a private network"));
    }
    Ok(())
}

/// The cause, which may be a refusal of ours that the client wrapped.
fn why(error: reqwest::Error) -> FetchError {
    let error = error.without_url();
    let mut cause: Option<&dyn std::error::Error> = Some(&error);
    while let Some(one) = cause {
        if let Some(ours) = one.downcast_ref::<FetchError>() {
            return ours.clone();
        }
        cause = one.source();
    }
    FetchError::Again(if error.is_timeout() { "it took too long".to_owned() } else { error.to_string() })
}

/// Resolves names, and refuses those of which any address is not public: a name that leads to both is a trick.
struct Guarded(Reach);

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let addresses = checked(found, reach)?;
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

fn checked(found: Vec<SocketAddr>, reach: Reach) -> Result<Vec<SocketAddr>, FetchError> {
    if reach == Reach::Public && !found.iter().all(|address| is_public(address.ip())) {
        return Err(FetchError::Refused("it leads into a private network"));
    }
    Ok(found)
}

/// Whether everybody reaches it, and not only this machine or its network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let reserved = match (a, b, c) {
        // "This network", and what is reserved for the future.
        (0 | 240..=255, ..) => true,
        // Shared by providers; benchmarks; protocol assignments; what was for 6to4.
        (100, 64..=127, _) | (198, 18 | 19, _) | (192, 0, 0) | (192, 88, 99) => true,
        _ => false,
    };
    !(reserved
        || address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation())
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let segments = address.segments();
    if let Some(address) = address.to_ipv4_mapped() {
        return is_public_v4(address);
    }
    match segments {
        // An IPv4 address in another coat: NAT64.
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(Ipv4Addr::from((u32::from(high) << 16) | u32::from(low)))
        }
        // Protocol assignments with Teredo, documentation, 6to4.
        [0x2001, 0..=0x1ff | 0xdb8, ..] | [0x2002 | 0x3fff, ..] => false,
        // Global unicast is all that is given out.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    fn fetcher(reach: Reach) -> Fetcher {
        Fetcher::new(reach, 1_000, Duration::from_secs(5)).unwrap()
    }

    /// Answers every request with this, once for each connection.
    async fn server(answer: String) -> u16 {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut asked = [0_u8; 4_096];
                let _ = socket.read(&mut asked).await;
                let _ = socket.write_all(answer.as_bytes()).await;
            }
        });
        port
    }

    fn answer(head: &str, body: &str) -> String {
        format!("HTTP/1.1 {head}\r\nconnection: close\r\n\r\n{body}")
    }

    #[test]
    fn what_only_this_machine_reaches_is_not_public() {
        for private in [
            "127.0.0.1",
            "127.8.8.8",
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "0.1.2.3",
            "100.64.0.1",
            "192.0.0.8",
            "198.18.0.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "fe80::1",
            "fec0::1",
            "fc00::1",
            "fd12::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "2002:7f00:1::",
            "64:ff9b::7f00:1",
            "64:ff9b:1::1",
            "100::1",
        ] {
            assert!(!is_public(private.parse().unwrap()), "{private}");
        }
        for public in [
            "1.1.1.1",
            "93.184.216.34",
            "172.32.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
            "64:ff9b::101:101",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
    }

    #[tokio::test]
    async fn addresses_that_lead_inside_are_refused_however_they_are_written() {
        let fetcher = fetcher(Reach::Public);
        for address in [
            "https://127.0.0.1/a.ogg",
            "https://[::1]/a.ogg",
            "https://[::ffff:127.0.0.1]/",
            "https://169.254.169.254/latest/meta-data",
            "https://2130706433/",
            "https://0x7f.1/",
            "https://0177.0.0.1/",
            "https://localhost/a.ogg",
            "http://example.com/a.ogg",
            "file:///etc/passwd",
            "ftp://example.com/a",
            "not an address",
        ] {
            let refused = fetcher.get(address, &["audio/"]).await.unwrap_err();
            assert!(matches!(refused, FetchError::Refused(_)), "{address}: {refused}");
        }
    }

    #[test]
    fn a_name_of_which_one_address_is_private_is_refused() {
        let of = |ip: &str| SocketAddr::new(ip.parse().unwrap(), 0);
        assert!(checked(vec![of("1.1.1.1"), of("10.0.0.1")], Reach::Public).is_err());
        assert!(checked(vec![of("1.1.1.1"), of("2606:4700::1111")], Reach::Public).is_ok());
        assert!(checked(vec![of("127.0.0.1")], Reach::Private).is_ok());
    }

    #[test]
    fn a_redirect_is_judged_as_the_address_is() {
        let judge = |url: &str| may_go(&Url::parse(url).unwrap(), Reach::Public);
        assert!(judge("https://example.com/a").is_ok());
        assert!(judge("http://example.com/a").is_err());
        assert!(judge("https://192.168.0.1/a").is_err());
    }

    #[tokio::test]
    async fn what_comes_is_bounded_in_size_and_kind() {
        let fetcher = fetcher(Reach::Private);
        let get = async |answer: String| {
            let port = server(answer).await;
            fetcher
                .get(&format!("http://127.0.0.1:{port}/a"), &["audio/"])
                .await
                .map(|file| (file.bytes, file.mime))
        };
        let good = get(answer("200 OK\r\ncontent-type: Audio/OGG; codecs=opus", "abc")).await.unwrap();
        assert_eq!(good, (Bytes::from_static(b"abc"), "audio/ogg".to_owned()));
        let page = get(answer("200 OK\r\ncontent-type: text/html", "<p>")).await;
        assert_eq!(page.unwrap_err(), FetchError::OtherKind);
        let large = get(answer("200 OK\r\ncontent-type: audio/ogg", &"a".repeat(1_001))).await;
        assert_eq!(large.unwrap_err(), FetchError::TooLarge(1_000));
        let told = get(answer("200 OK\r\ncontent-type: audio/ogg\r\ncontent-length: 9999", "")).await;
        assert_eq!(told.unwrap_err(), FetchError::TooLarge(1_000));
        assert_eq!(get(answer("404 Not Found", "")).await.unwrap_err(), FetchError::Gone(404));
        assert!(matches!(get(answer("503 Later", "")).await.unwrap_err(), FetchError::Again(_)));
    }

    #[tokio::test]
    async fn nobody_is_led_in_circles() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let mut asked = [0_u8; 4_096];
                let _ = socket.read(&mut asked).await;
                let again = answer(&format!("302 Found\r\nlocation: http://127.0.0.1:{port}/again"), "");
                let _ = socket.write_all(again.as_bytes()).await;
            }
        });
        let led = fetcher(Reach::Private).get(&format!("http://127.0.0.1:{port}/a"), &["audio/"]).await;
        assert_eq!(led.unwrap_err(), FetchError::Refused("it leads on and on"));
    }
}
