//! Randomised operations from a printed seed: say, retry, change, ask, invite, stop, crash, break commits, die and start
//! anew, by each policy of what becomes of replies under way. The invariants of ARCHITECTURE.md §3 hold after each step, clients
//! that heard all of it, or resumed, hold what a fresh one would load, and replies that count have counted each number once. Replay one with `SEED=… cargo nextest run random`; `LIVES=…` makes it longer.

mod client;
mod steps;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use client::{Client, Holes};
use greenroom_actors::domain::{Content, MessageId, Revision, RoomId, Sender, UserId};
use greenroom_actors::protocol::{DetailsChange, RoomChange, RoomEvent};
use greenroom_actors::settings::{Recovery, Settings};
use greenroom_actors::testsuite::{TestEngine, character};

const LIVES: usize = 6;
const STEPS: usize = 120;
const QUOTA: u32 = 3;

/// Crashes are many here, and rooms are not to be left alone for them. Drafts are kept all the time.
fn alive(settings: &mut Settings, recovery: Recovery) {
    settings.supervision.restarts_max = usize::MAX;
    settings.turn.recovery = recovery;
    settings.turn.draft_every = Duration::from_millis(2);
    settings.turn.draft_every_tokens = 2;
}

/// Whether a text that counts has counted each number once, from 1 on; a reply that was continued may have begun again.
fn well_counted(text: &str) -> bool {
    let numbers: Vec<u32> = text.split(' ').map_while(|word| word.parse().ok()).collect();
    let mut last = 0;
    numbers.into_iter().all(|n| {
        let follows = n == last + 1 || n == 1;
        last = n;
        follows
    })
}

pub struct Place {
    room: RoomId,
    owner: UserId,
    /// Comes and goes.
    guest: UserId,
    client: Client,
    holes: Holes,
}

pub struct World {
    test: TestEngine,
    places: Vec<Place>,
    /// What was acked, with its text as long as nobody changed it.
    acked: HashMap<MessageId, (RoomId, Option<String>)>,
    /// Wishes for replies by each user, granted or not.
    asks: HashMap<UserId, usize>,
    said: usize,
    /// Commits that are to fail, at most.
    faults: usize,
    random: fastrand::Rng,
}

impl World {
    async fn start(seed: u64) -> Self {
        let test = TestEngine::start(|settings| alive(settings, Recovery::Continue)).await;
        let [ada, tom] = ["Ada", "Tom"].map(|name| test.store.add_character(character(name)));
        let places = (0..6)
            .map(|n| {
                let (plan, cast) = if n % 2 == 0 { ("premium", vec![ada, tom]) } else { ("free", vec![ada]) };
                let (owner, guest) = (test.store.add_user(plan), test.store.add_user("premium"));
                let room = test.store.add_room(&[owner], &cast);
                Place { room, owner, guest, client: Client::default(), holes: Holes::Never }
            })
            .collect();
        let random = fastrand::Rng::with_seed(seed);
        Self { test, places, acked: HashMap::new(), asks: HashMap::new(), said: 0, faults: 0, random }
    }

    fn check(&mut self) {
        for place in &mut self.places {
            let (room, user) = (place.room, place.owner);
            let messages = self.test.store.messages(room);
            assert!(messages.iter().all(|message| message.revision <= self.test.store.head(room)));
            let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
            assert!(messages.iter().all(|message| ids.insert(message.id)));
            for message in messages.iter().filter(|one| matches!(one.sender, Sender::Character(_))) {
                assert!(well_counted(message.content.as_str()), "{}", message.content.as_str());
            }
            assert!(messages.iter().all(|message| keys.insert((message.sender, message.client_id.clone()))));
            if self.test.store.used(user) > 0 {
                assert!(self.test.store.used(user) <= QUOTA);
            }
            place.client.hear(&self.test, room, place.holes);
        }
        let rooms: HashMap<RoomId, HashMap<MessageId, Content>> = self
            .places
            .iter()
            .map(|place| {
                let messages = self.test.store.messages(place.room);
                (place.room, messages.into_iter().map(|message| (message.id, message.content)).collect())
            })
            .collect();
        for (id, (room, text)) in &self.acked {
            let stored = rooms[room].get(id).expect("what was acked is stored");
            assert!(text.as_ref().is_none_or(|text| stored.as_str() == text));
        }
    }

    /// The node dies; another life starts on what it left.
    async fn die(&mut self) {
        let policies = [Recovery::Continue, Recovery::Continue, Recovery::Restart, Recovery::Report];
        let recovery = policies[self.random.usize(..policies.len())];
        let next = TestEngine::start_on(self.test.store.clone(), |settings| alive(settings, recovery)).await;
        self.test = next;
        for place in &mut self.places {
            // The dead node's last commits may still come in, and nobody tells of them.
            place.holes = Holes::MayBe;
            place.client.reconnect(&self.test, place.room);
        }
        self.test.engine.recover().await.unwrap();
    }

    /// Everything that was asked for comes to an end, and the books are right.
    async fn settle(&mut self) {
        let wait = async {
            while self.test.store.open_turns() > 0 || self.test.engine.snapshot().turns > 0 {
                for place in &self.places {
                    let _ = self.test.stop(place.room, place.owner, None).await;
                }
                // A dead node's last commit may have come in after its turns were taken up: servers look every few seconds.
                self.test.engine.recover().await.unwrap();
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(20), wait).await.is_err() {
            panic!("{} turns do not end: {:?}", self.test.store.open_turns(), self.test.engine.snapshot());
        }
        for _ in 0..std::mem::take(&mut self.faults) {
            self.rename(0).await;
        }
        for at in 0..self.places.len() {
            // Behind all that was on its way.
            let last = self.rename(at).await;
            let heard = |event: &RoomEvent| event.offset().is_some_and(|at| at >= last).then_some(());
            self.test.fanout.wait(self.places[at].room, heard).await;
        }
        self.check();
        for place in &mut self.places {
            if place.holes == Holes::MayBe {
                // The last of what was missed is followed by nothing that would show it.
                place.client.resume(&self.test, place.room);
            }
            place.client.equals_a_fresh_one(&self.test, place.room);
            for event in self.test.fanout.room(place.room) {
                let RoomEvent::Received(message) = event else { continue };
                let streamed = self.test.fanout.streamed(place.room, message.id);
                assert!(message.content.as_str().starts_with(&streamed), "{streamed:?} became {message:?}");
            }
            let mut resumed = Client::default();
            resumed.resume(&self.test, place.room);
            resumed.equals_a_fresh_one(&self.test, place.room);
            let messages = self.test.store.messages(place.room);
            let changed: Revision =
                messages.iter().map(|message| message.revision.max(message.offset)).max().unwrap_or(0);
            assert!(changed <= self.test.store.head(place.room));
            let said = messages.iter().filter(|one| one.sender == Sender::User(place.owner)).count();
            let asked = self.asks.get(&place.owner).copied().unwrap_or_default();
            assert!(
                self.test.store.used(place.owner) as usize <= said + asked,
                "nothing is counted that was not said or asked for"
            );
            place.holes = Holes::Never;
            self.test.tail_is_the_logs_end(place.room).await;
        }
    }

    /// The owner changes the title, however often it takes.
    async fn rename(&mut self, at: usize) -> Revision {
        let place = &self.places[at];
        loop {
            self.said += 1;
            let title = Some(format!("settled {}", self.said).into());
            let details = RoomChange::Details(DetailsChange { title, ..DetailsChange::default() });
            if let Ok(revision) = self.test.change(place.room, place.owner, details).await {
                return revision;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_invariants_hold_under_random_operations() {
    let seed =
        std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or_else(|| fastrand::u64(..));
    let lives = std::env::var("LIVES").ok().and_then(|lives| lives.parse().ok()).unwrap_or(LIVES);
    eprintln!("SEED={seed}");
    let mut world = World::start(seed).await;
    for life in 0..lives {
        for step in 0..STEPS {
            world.step().await;
            world.check();
            if life % 2 == 0 && step % 20 == 19 {
                world.settle().await;
            }
        }
        world.die().await;
    }
    world.settle().await;
}
