//! The address that a request comes from: the peer's, or what a trusted proxy says of it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use actix_web::http::header::{HeaderMap, HeaderName};

use crate::config::Network;

const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
/// Proxies that are followed back from the peer; nobody has more of his own.
const HOPS_MAX: usize = 16;

/// Walks `X-Forwarded-For` from its end as long as the one who wrote it is trusted. What an untrusted client puts into
/// the header is never reached, whatever it looks like.
#[must_use]
pub fn client_address(peer: Option<IpAddr>, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    // Only a socket that is already gone has no peer.
    let mut address = peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).to_canonical();
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    if trusted.is_empty() || !is_trusted(address) {
        return address;
    }
    let said: Vec<&[u8]> =
        headers.get_all(&FORWARDED_FOR).flat_map(|value| value.as_bytes().split(comma)).collect();
    let hops = said.iter().rev().map(|hop| hop.trim_ascii()).filter(|hop| !hop.is_empty());
    for hop in hops.take(HOPS_MAX) {
        let Some(next) = parse(hop) else { break };
        address = next.to_canonical();
        if !is_trusted(address) {
            break;
        }
    }
    address
}

fn comma(byte: &u8) -> bool {
    *byte == b','
}

/// An address as proxies write it: alone, or with a port (`9.9.9.9:4711`, `[2001:db8::1]:4711`).
fn parse(hop: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(hop).ok()?;
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    bare.unwrap_or(text).parse().ok().or_else(with_port)
}

/// What limits by address count by: an IPv6 customer has a whole /64.
#[must_use]
pub fn limited_part(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() & (u128::MAX << 64)).into()),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderValue;

    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for value in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        client_address(Some(peer.parse().unwrap()), &headers, &trusted).to_string()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed() {
        assert_eq!(seen("9.9.9.9", &["1.1.1.1"], &[]), "9.9.9.9");
        assert_eq!(seen("9.9.9.9", &["1.1.1.1"], &["10.0.0.0/8"]), "9.9.9.9");
        assert_eq!(seen("10.0.0.1", &["1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
    }

    #[test]
    fn what_a_client_writes_before_the_proxies_is_not_reached() {
        assert_eq!(seen("10.0.0.1", &["6.6.6.6, 1.1.1.1, 10.0.0.2"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "1.1.1.1"], &["10.0.0.0/8"]), "1.1.1.1");
        assert_eq!(seen("10.0.0.1", &["nonsense"], &["10.0.0.0/8"]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[], &["10.0.0.0/8"]), "10.0.0.1");
    }

    #[test]
    fn nothing_that_a_client_writes_hides_what_the_proxy_added() {
        let proxy = &["10.0.0.0/8"];
        assert_eq!(seen("10.0.0.1", &["10.0.0.9, 127.0.0.1, 1.1.1.1"], proxy), "1.1.1.1");
        assert_eq!(seen("10.0.0.1", &["\u{e9}\u{f1}, 1.1.1.1"], proxy), "1.1.1.1", "letters that are none");
        assert_eq!(seen("10.0.0.1", &[", ,1.1.1.1 ,"], proxy), "1.1.1.1");
        assert_eq!(seen("10.0.0.1", &["6.6.6.6,".repeat(1_000).as_str(), "1.1.1.1"], proxy), "1.1.1.1");
        // Whoever sends more trusted hops than there can be is counted as a proxy, with all who do so.
        let many = "10.0.0.2,".repeat(100);
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", many.as_str()], proxy), "10.0.0.2");
    }

    #[test]
    fn proxies_write_addresses_in_several_ways() {
        for said in ["9.9.9.9", "9.9.9.9:4711", "::ffff:9.9.9.9", "[::ffff:9.9.9.9]:80"] {
            assert_eq!(seen("::ffff:10.0.0.1", &[said], &["10.0.0.0/8"]), "9.9.9.9", "{said}");
        }
        for said in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711"] {
            assert_eq!(seen("fd00::1", &[said], &["fd00::/8"]), "2001:db8::1", "{said}");
        }
    }

    #[test]
    fn an_ipv6_customer_is_one() {
        let part = |text: &str| limited_part(text.parse().unwrap()).to_string();
        assert_eq!(part("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
        assert_eq!(part("9.9.9.9"), "9.9.9.9");
        assert_eq!(part("::ffff:9.9.9.9"), "9.9.9.9", "all of IPv4 is not one customer");
    }
}
