//! Who gets what, and who is woken, without a transport.

use futures_util::task::{ArcWake, waker};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::*;

#[derive(Default)]
struct Woken(AtomicUsize);

impl ArcWake for Woken {
    fn wake_by_ref(woken: &Arc<Self>) {
        woken.0.fetch_add(1, Relaxed);
    }
}

fn outbox() -> Outbox {
    Outbox::new("sid".into(), &Arc::default(), BySocket::Perhaps)
}

fn payload(outbox: &Outbox) -> Poll<Option<String>> {
    outbox.poll_payload(&Context::from_waker(Waker::noop()), 20)
}

#[test]
fn a_poll_takes_what_fits_and_hangs_when_there_is_nothing() {
    let outbox = outbox();
    outbox.begin_poll().unwrap();
    assert!(payload(&outbox).is_pending());
    for packet in ["4first", "4second", "4third, which is longer than a payload may be", "4last"] {
        outbox.push(packet.into());
    }
    assert_eq!(payload(&outbox), Poll::Ready(Some("4first\u{1e}4second".to_owned())));
    let long = "4third, which is longer than a payload may be";
    assert_eq!(payload(&outbox), Poll::Ready(Some(long.to_owned())));
    outbox.close(None, Timestamp::UNIX_EPOCH);
    assert_eq!(payload(&outbox), Poll::Ready(Some("4last\u{1e}1".to_owned())));
    assert_eq!(payload(&outbox), Poll::Ready(None));
}

#[test]
fn a_session_waits_while_its_client_has_too_much_to_take() {
    let (outbox, woken) = (outbox(), Arc::new(Woken::default()));
    let session = waker(woken.clone());
    let room = || outbox.poll_room(&Context::from_waker(&session));
    assert_eq!(room(), Poll::Ready(Room::There));
    outbox.push("x".repeat(GATE_BYTES).into());
    assert!(room().is_pending());
    outbox.begin_poll().unwrap();
    assert!(matches!(payload(&outbox), Poll::Ready(Some(_))));
    assert_eq!((woken.0.load(Relaxed), room()), (1, Poll::Ready(Room::There)));
    outbox.kill();
    assert_eq!((woken.0.load(Relaxed), room()), (2, Poll::Ready(Room::Over)));
}

#[test]
fn a_poll_that_ends_after_the_upgrade_takes_neither_packets_nor_the_waker() {
    let (outbox, woken) = (outbox(), Arc::new(Woken::default()));
    let socket = waker(woken.clone());
    outbox.begin_poll().unwrap();
    assert!(payload(&outbox).is_pending());
    outbox.probe().unwrap();
    assert_eq!(payload(&outbox), Poll::Ready(Some(NOOP.to_owned())));
    outbox.upgrade();
    outbox.push("4packet".into());
    assert_eq!(payload(&outbox), Poll::Ready(Some(NOOP.to_owned())));
    let mut taken = Vec::new();
    let mut take =
        || outbox.poll_packets(&Context::from_waker(&socket), 99, |packet| taken.push(packet.to_string()));
    assert_eq!(take(), Standing::Open);
    assert_eq!(taken, ["4packet"]);
    outbox.end_poll();
    outbox.push("4another".into());
    assert_eq!(woken.0.load(Relaxed), 1);
    assert_eq!(outbox.begin_poll(), Err(NotNow::Elsewhere));
}
