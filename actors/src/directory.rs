//! Who is in memory: one directory each for rooms, users and personas.
//!
//! An actor starts when something is sent to its key and leaves when it was idle. A successor starts only when its
//! predecessor has ended: what is sent in between is parked and handed over. The supervisor (`supervisor.rs`) tells the
//! directory of ends and crashes. Mailboxes are unbounded in `ractor`, so the bound is here: a mailbox deeper than
//! [`MAILBOX_MAX`] gives the message back.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use ractor::{Actor, ActorCell, ActorId, ActorRef, ActorRuntime, MessagingErr};
use tokio::runtime::Handle;
use tokio::time::Instant;
use uuid::Uuid;

use crate::engine::{Branch, Context, Leaf};

/// Messages that wait in one actor's mailbox before the next one is given back.
const MAILBOX_MAX: usize = 4_096;
/// Messages parked for a successor.
const PARKED_MAX: usize = 256;
/// Leaves that a branch names.
const LEAVES_MAX: usize = 100;

/// An actor that lives in a directory.
pub(crate) trait Resident: Actor<Arguments = Lodging<<Self as Resident>::Key>> + Sized {
    type Key: Copy + Eq + Hash + Send + Sync + Into<Uuid> + 'static;
    /// Names the branch of the tree.
    const KIND: &'static str;

    fn new(context: &Arc<Context>) -> Self;
    /// Asks the actor to leave if it has nothing to do.
    fn passivate() -> Self::Msg;
}

/// What an actor gets from the directory when it starts.
pub(crate) struct Lodging<K> {
    pub key: K,
    /// Its predecessor crashed: what it left behind is to be put in order first.
    pub after_crash: bool,
    /// Counts the mailbox; the actor takes one off per message.
    pub mailbox: Mailbox,
}

#[derive(Clone, Default)]
pub(crate) struct Mailbox(Arc<AtomicUsize>);

impl Mailbox {
    /// To be called for a message that an actor sends itself but that others send it too.
    pub fn announced(&self) {
        self.0.fetch_add(1, Relaxed);
    }

    /// To be called once for each message handled.
    pub fn handled(&self) {
        // Never below zero, whatever a crash left uncounted.
        let _ = self.0.fetch_update(Relaxed, Relaxed, |depth| depth.checked_sub(1));
    }
}

/// Why a message came back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NotTaken {
    /// Too many messages wait there.
    Full,
    /// It crashed too often; it is left alone for a while.
    Quarantined,
}

enum Occupant<M> {
    Living(ActorRef<M>),
    /// It drains or has crashed, and its end is awaited.
    Ending,
    /// Nobody; the entry stands for its record of crashes.
    Gone,
}

struct Slot<M> {
    occupant: Occupant<M>,
    mailbox: Mailbox,
    parked: Vec<M>,
    crashes: Vec<Instant>,
    started: Instant,
    used: Instant,
}

pub(crate) struct Directory<A: Resident> {
    slots: Mutex<HashMap<A::Key, Slot<A::Msg>>>,
    keys: Mutex<HashMap<ActorId, A::Key>>,
    runtime: Handle,
    /// Set once, before anything is sent.
    home: OnceLock<(ActorCell, Weak<Context>)>,
    restarts_max: usize,
    restart_window: Duration,
    started: AtomicU64,
    passivated: AtomicU64,
    crashed: AtomicU64,
}

impl<A: Resident> Directory<A> {
    pub fn new(runtime: Handle, restarts_max: usize, restart_window: Duration) -> Self {
        Self {
            slots: Mutex::default(),
            keys: Mutex::default(),
            runtime,
            home: OnceLock::new(),
            restarts_max,
            restart_window,
            started: AtomicU64::new(0),
            passivated: AtomicU64::new(0),
            crashed: AtomicU64::new(0),
        }
    }

    /// Must be called before anything is sent.
    pub fn supervised_by(&self, supervisor: ActorCell, context: Weak<Context>) {
        assert!(self.home.set((supervisor, context)).is_ok(), "a directory has one supervisor");
    }

    /// Sends to the actor of `key`, starting it if need be.
    pub fn send(&self, key: A::Key, message: A::Msg) -> Result<(), (A::Msg, NotTaken)> {
        let mut slots = lock(&self.slots);
        let now = Instant::now();
        let Some(slot) = slots.get_mut(&key) else {
            let slot = slots.entry(key).or_insert_with(|| Slot::vacant(now));
            self.start(key, slot, false);
            return self.hand_over(slot, message);
        };
        slot.used = now;
        match &slot.occupant {
            Occupant::Living(_) => self.hand_over(slot, message),
            Occupant::Ending => slot.park(message),
            Occupant::Gone => {
                slot.forget_old_crashes(now, self.restart_window);
                if slot.crashes.len() >= self.restarts_max {
                    return Err((message, NotTaken::Quarantined));
                }
                self.start(key, slot, !slot.crashes.is_empty());
                self.hand_over(slot, message)
            }
        }
    }

    /// Sends to the actor of `key` only if it is in memory.
    pub fn send_if_live(&self, key: A::Key, message: A::Msg) -> bool {
        match lock(&self.slots).get_mut(&key) {
            Some(slot) if matches!(slot.occupant, Occupant::Living(_)) => {
                self.hand_over(slot, message).is_ok()
            }
            _ => false,
        }
    }

    /// Sends to all that are in memory, past the bounds of their mailboxes: for what is rare and small.
    pub fn tell_all(&self, message: impl Fn() -> A::Msg) {
        for slot in lock(&self.slots).values() {
            if let Occupant::Living(actor) = &slot.occupant {
                // One that just ends is started anew from the database, where this is known.
                let _ = actor.send_message(message());
            }
        }
    }

    fn hand_over(&self, slot: &mut Slot<A::Msg>, message: A::Msg) -> Result<(), (A::Msg, NotTaken)> {
        let Occupant::Living(actor) = &slot.occupant else { return slot.park(message) };
        if slot.mailbox.0.fetch_add(1, Relaxed) >= MAILBOX_MAX {
            slot.mailbox.handled();
            return Err((message, NotTaken::Full));
        }
        match actor.send_message(message) {
            Ok(()) => Ok(()),
            Err(MessagingErr::SendErr(message)) => {
                slot.mailbox.handled();
                slot.occupant = Occupant::Ending;
                slot.park(message)
            }
            Err(error) => unreachable!("an actor reference of the right type refused: {error:?}"),
        }
    }

    fn start(&self, key: A::Key, slot: &mut Slot<A::Msg>, after_crash: bool) {
        // An HTTP worker's thread may be calling: the actor belongs on the engine's runtime.
        let _runtime = self.runtime.enter();
        let (supervisor, context) = self.home.get().expect("supervised before first use");
        // The engine is gone: what was sent is dropped, and its responders answer.
        let Some(context) = context.upgrade() else { return };
        slot.mailbox = Mailbox::default();
        let lodging = Lodging { key, after_crash, mailbox: slot.mailbox.clone() };
        let (actor, _) =
            ActorRuntime::spawn_linked_instant(None, A::new(&context), lodging, supervisor.clone())
                .expect("an actor without a name cannot collide with another");
        lock(&self.keys).insert(actor.get_id(), key);
        slot.occupant = Occupant::Living(actor);
        slot.started = Instant::now();
        slot.used = slot.started;
        self.started.fetch_add(1, Relaxed);
    }

    /// The actor has ended; `crash` tells that not of its own will. Starts a successor where one is due.
    pub fn ended(&self, actor: ActorId, crash: bool) {
        let Some(key) = lock(&self.keys).remove(&actor) else { return };
        let mut slots = lock(&self.slots);
        let Some(slot) = slots.get_mut(&key) else { return };
        let now = Instant::now();
        slot.occupant = Occupant::Gone;
        slot.forget_old_crashes(now, self.restart_window);
        if crash {
            slot.crashes.push(now);
            self.crashed.fetch_add(1, Relaxed);
        } else {
            self.passivated.fetch_add(1, Relaxed);
        }
        let quarantined = slot.crashes.len() >= self.restarts_max;
        if (crash || !slot.parked.is_empty()) && !quarantined {
            self.start(key, slot, crash);
            for message in std::mem::take(&mut slot.parked) {
                // Fewer are parked than a mailbox holds.
                let _ = self.hand_over(slot, message);
            }
        } else if slot.crashes.is_empty() {
            slots.remove(&key);
        } else {
            // Parked commands are answered by their responders as they drop.
            slot.parked.clear();
        }
    }

    /// The actor has nothing to do and wants to leave. True: nothing waits for it and nothing more is sent to it; it is to
    /// drain itself now. What it asked of others would not be answered any more, so a command that is already on its way
    /// keeps it.
    pub fn leave(&self, key: A::Key) -> bool {
        match lock(&self.slots).get_mut(&key) {
            Some(slot) if slot.mailbox.0.load(Relaxed) == 0 => {
                slot.occupant = Occupant::Ending;
                true
            }
            Some(_) => false,
            // Nobody knows it: it was sent away before.
            None => true,
        }
    }

    /// Asks those that nobody used for `idle` to leave, and forgets old crashes.
    pub fn sweep(&self, idle: Duration) {
        let now = Instant::now();
        lock(&self.slots).retain(|_, slot| match &slot.occupant {
            Occupant::Living(actor) => {
                if now.duration_since(slot.used) >= idle {
                    let _ = actor.send_message(A::passivate());
                }
                true
            }
            Occupant::Ending => true,
            Occupant::Gone => {
                slot.forget_old_crashes(now, self.restart_window);
                !slot.crashes.is_empty()
            }
        });
    }

    pub fn branch(&self) -> Branch {
        let now = Instant::now();
        let mut actors: Vec<Leaf> = lock(&self.slots)
            .iter()
            .filter(|(_, slot)| !matches!(slot.occupant, Occupant::Gone))
            .map(|(key, slot)| Leaf {
                id: (*key).into(),
                mailbox: slot.mailbox.0.load(Relaxed),
                restarts: slot.crashes.len(),
                age: now.duration_since(slot.started),
            })
            .collect();
        let live = actors.len();
        actors.sort_by_key(|leaf| (std::cmp::Reverse((leaf.mailbox, leaf.restarts)), leaf.id));
        actors.truncate(LEAVES_MAX);
        Branch {
            kind: A::KIND,
            live,
            started: self.started.load(Relaxed),
            passivated: self.passivated.load(Relaxed),
            crashed: self.crashed.load(Relaxed),
            actors,
        }
    }
}

impl<M> Slot<M> {
    fn vacant(now: Instant) -> Self {
        Self {
            occupant: Occupant::Gone,
            mailbox: Mailbox::default(),
            parked: Vec::new(),
            crashes: Vec::new(),
            started: now,
            used: now,
        }
    }

    fn park(&mut self, message: M) -> Result<(), (M, NotTaken)> {
        if self.parked.len() >= PARKED_MAX {
            return Err((message, NotTaken::Full));
        }
        self.parked.push(message);
        Ok(())
    }

    fn forget_old_crashes(&mut self, now: Instant, window: Duration) {
        self.crashes.retain(|crash| now.duration_since(*crash) < window);
    }
}

/// A panic while the lock was held leaves a map that is still whole: every change above is one insert or assignment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
