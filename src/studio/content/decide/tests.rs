use super::*;

const PATIENCE: Patience = Patience {
    tries: 3,
    retry: Duration::from_secs(5),
    look: Duration::from_secs(2),
    looks_max: 4,
    store_look: Duration::from_secs(1),
};

fn asked(kind: Kind, wording: Wording) -> Standing {
    Standing {
        kind,
        state: State::Queued,
        progress: 0,
        wording,
        worded: false,
        ticketed: false,
        attempt: 0,
        looks: 0,
    }
}

const EVENTS: [Happened; 15] = [
    Happened::Begun,
    Happened::Worded,
    Happened::Ticketed,
    Happened::Looked(40),
    Happened::Made,
    Happened::Processing,
    Happened::Ready,
    Happened::Failed(Fault::Unavailable, None),
    Happened::Failed(Fault::Timeout, Some(Duration::from_secs(60))),
    Happened::Failed(Fault::Refused, None),
    Happened::Failed(Fault::ContentRefused, None),
    Happened::Lost(Fault::BadResult),
    Happened::Lost(Fault::Timeout),
    Happened::Canceled,
    Happened::Again,
];

fn moved(standing: &mut Standing, happened: Happened) -> Option<Move> {
    let next = decide(standing, happened, &PATIENCE)?;
    standing.state = next.state;
    standing.progress = next.progress;
    standing.attempt = next.attempt;
    standing.looks = next.looks;
    match happened {
        Happened::Worded => standing.worded = true,
        Happened::Ticketed => standing.ticketed = true,
        Happened::Again => standing.ticketed = false,
        _ => {}
    }
    Some(next)
}

#[test]
fn a_picture_goes_its_way_and_is_paid_at_its_end() {
    let mut picture = asked(Kind::Image, Wording::Improved);
    let mut way = Vec::new();
    for happened in [Happened::Begun, Happened::Worded, Happened::Made, Happened::Processing, Happened::Ready]
    {
        let next = moved(&mut picture, happened).unwrap();
        way.push((next.state.as_str(), next.progress, next.charge));
    }
    assert_eq!(
        way,
        [
            ("optimizing", 5, Charge::Nothing),
            ("generating", 10, Charge::Nothing),
            ("storing", 92, Charge::Nothing),
            ("storing", 92, Charge::Nothing),
            ("done", 100, Charge::Settle),
        ]
    );
}

#[test]
fn what_is_worded_already_is_not_worded_again() {
    let mut picture = Standing { worded: true, ..asked(Kind::Image, Wording::Improved) };
    assert_eq!(moved(&mut picture, Happened::Begun).unwrap().state, State::Generating);
    let mut plain = asked(Kind::Video, Wording::AsWritten);
    assert_eq!(moved(&mut plain, Happened::Begun).unwrap().state, State::Generating);
}

#[test]
fn a_video_is_looked_at_so_often_and_never_goes_back() {
    let mut video = asked(Kind::Video, Wording::AsWritten);
    moved(&mut video, Happened::Begun).unwrap();
    moved(&mut video, Happened::Ticketed).unwrap();
    let mut told = Vec::new();
    for percent in [50, 20, 100, 255] {
        told.push(moved(&mut video, Happened::Looked(percent)).unwrap().progress);
    }
    assert_eq!(told, [50, 50, 90, 90]);
    let last = moved(&mut video, Happened::Looked(99)).unwrap();
    assert_eq!((last.state, last.fault, last.charge), (State::Failed, Some(Fault::Timeout), Charge::Release));
    assert_eq!(last.leftovers, Leftovers::TakeAway, "it is ended upstream");
}

#[test]
fn what_may_go_better_is_tried_again_with_growing_pauses_and_then_fails() {
    let mut picture = asked(Kind::Image, Wording::AsWritten);
    moved(&mut picture, Happened::Begun).unwrap();
    let failed = Happened::Failed(Fault::Unavailable, None);
    let pause = |next: Move| match next.next {
        Next::After(pause) => pause.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pause(moved(&mut picture, failed).unwrap()), 5);
    assert_eq!(pause(moved(&mut picture, failed).unwrap()), 10);
    let last = moved(&mut picture, failed).unwrap();
    assert_eq!((last.state, last.charge), (State::Failed, Charge::Release));
    let mut asked_to_wait = asked(Kind::Image, Wording::AsWritten);
    moved(&mut asked_to_wait, Happened::Begun).unwrap();
    let long = Happened::Failed(Fault::RateLimited, Some(Duration::from_secs(3_600)));
    assert_eq!(pause(moved(&mut asked_to_wait, long).unwrap()), 300, "but not for ever");
}

#[test]
fn what_was_refused_is_not_asked_again() {
    for fault in [Fault::Refused, Fault::ContentRefused, Fault::SourceGone] {
        let mut picture = asked(Kind::Image, Wording::AsWritten);
        moved(&mut picture, Happened::Begun).unwrap();
        assert_eq!(
            moved(&mut picture, Happened::Failed(fault, None)).unwrap().state,
            State::Failed,
            "{fault:?}"
        );
    }
}

#[test]
fn only_what_has_ended_without_a_result_is_made_again_and_is_held_for_anew() {
    for (state, again) in State::ALL.iter().map(|state| {
        let standing = Standing { state: *state, progress: 30, ..asked(Kind::Image, Wording::AsWritten) };
        (*state, decide(&standing, Happened::Again, &PATIENCE))
    }) {
        match state {
            State::Failed | State::Canceled => {
                let again = again.unwrap();
                assert_eq!((again.state, again.charge, again.progress), (State::Queued, Charge::Hold, 0));
            }
            _ => assert_eq!(again, None, "{state:?}"),
        }
    }
}

/// All that can happen, in every order of six: whatever comes, what is held is ended exactly once before it is held again,
/// paid if and only if it is done, and what has ended stays ended until its user wants it again.
#[test]
fn in_every_order_of_things_each_hold_ends_once() {
    fn walk(standing: Standing, held: bool, depth: u8, seen: &mut u64) {
        if depth == 0 {
            return;
        }
        for happened in EVENTS {
            let mut after = standing;
            let Some(next) = moved(&mut after, happened) else { continue };
            *seen += 1;
            let held_after = match next.charge {
                Charge::Nothing => held,
                Charge::Hold => {
                    assert!(!held, "{standing:?} {happened:?}: held twice");
                    true
                }
                Charge::Settle | Charge::Release => {
                    assert!(held, "{standing:?} {happened:?}: nothing is held");
                    false
                }
            };
            assert_eq!(held_after, after.state.is_open(), "{standing:?} {happened:?}: held while it is open");
            assert_eq!(next.charge == Charge::Settle, after.state == State::Done && held);
            assert_eq!(next.fault.is_some(), next.state == State::Failed, "{happened:?}");
            assert_eq!(next.next == Next::Never, !next.state.is_open());
            assert!(happened == Happened::Again || next.progress >= standing.progress);
            walk(after, held_after, depth - 1, seen);
        }
    }
    let mut seen = 0;
    for kind in Kind::ALL {
        for wording in [Wording::AsWritten, Wording::Improved] {
            walk(asked(*kind, wording), true, 6, &mut seen);
        }
    }
    assert!(seen > 8_000, "{seen}");
}
