//! What must hold after all the kills, found out by reading the rooms back as anybody could.

use std::collections::{BTreeMap, HashMap};

use super::talkers::Talkers;
use crate::measure::Verdict;
use crate::native::{Seat, ids};
use crate::scenarios::audit::Stored;

/// What each user had used before and after, if the plan limits it.
pub type Used = BTreeMap<usize, Option<u64>>;

/// A message of the run that asked for a reply, and what came of it.
fn reply_fault(message: &Stored, replies: usize) -> Option<String> {
    let over = message.replies.iter().filter(|reply| reply.is_over()).count();
    let open = message.replies.len() - over;
    match (replies, over, open) {
        (1, 0, 0) | (0, 1, 0) => None,
        _ => Some(format!(
            "message {} (`{}`) has {replies} replies, {over} that ended badly, {open} open",
            message.id, message.content
        )),
    }
}

/// Messages that still wait for a reply.
pub fn open_replies(rooms: &BTreeMap<usize, Vec<Stored>>) -> usize {
    let replies = rooms.values().flatten().flat_map(|message| &message.replies);
    replies.filter(|reply| !reply.is_over()).count()
}

/// Asked messages whose reply ended badly without a part that stands: these are refunded.
fn refunded(messages: &[Stored], replied: &HashMap<&str, usize>, user: &str) -> u64 {
    let own = messages.iter().filter(|message| message.sender.id == user && message.sender.kind == "user");
    own.filter(|message| {
        !replied.contains_key(message.id.as_str())
            && message.replies.iter().any(|reply| reply.state == "failed")
    })
    .count() as u64
}

/// `rooms` holds, by room number, all messages that were stored since `first` of that room.
pub fn judge(
    verdict: &mut Verdict,
    talkers: &Talkers,
    seats: &[Seat],
    rooms: &BTreeMap<usize, Vec<Stored>>,
    before: &Used,
    after: &Used,
) {
    let stored_count: usize = rooms.values().map(Vec::len).sum();
    let stored = format!("{stored_count} stored messages");
    let acked = format!("{} acked messages", talkers.acked());
    let (mut lost, mut foreign, mut order, mut replies, mut views) = (vec![], vec![], vec![], vec![], vec![]);
    let mut refunds: BTreeMap<usize, u64> = BTreeMap::new();
    let nothing = Vec::new();

    for (room, messages) in rooms {
        for pair in messages.windows(2) {
            if pair[0].offset >= pair[1].offset {
                order.push(format!("room {room}: {} before {}", pair[0].offset, pair[1].offset));
            }
        }
        let mut replied: HashMap<&str, usize> = HashMap::new();
        for message in messages.iter().filter(|message| message.sender.kind == "character") {
            if let Some(asked) = &message.reply_to {
                *replied.entry(asked).or_default() += 1;
            }
        }
        let mut said = HashMap::new();
        for (number, _) in seats.iter().enumerate().filter(|(_, seat)| seat.room == *room) {
            said.extend(
                talkers.users[number].said.iter().map(|said| (format!("says {}", said.client_id), said)),
            );
        }
        let mut found: HashMap<&str, usize> = HashMap::new();
        for message in messages.iter().filter(|message| message.sender.kind == "user") {
            *found.entry(&message.content).or_default() += 1;
            let Some(said) = said.get(&message.content) else {
                foreign.push(format!("room {room}: `{}` was never acked", message.content));
                continue;
            };
            if said.message_id != message.id || said.offset != message.offset {
                lost.push(format!("room {room}: {said:?} is stored as {} at {}", message.id, message.offset));
            }
            let count = replied.get(message.id.as_str()).copied().unwrap_or(0);
            let fault = match said.wants_reply {
                true => reply_fault(message, count),
                false => {
                    (count > 0).then(|| format!("message {} wanted no reply and got {count}", message.id))
                }
            };
            replies.extend(fault);
        }
        for (content, said) in &said {
            match found.get(content.as_str()) {
                Some(1) => {}
                count => lost.push(format!("room {room}: {said:?} is stored {} times", count.unwrap_or(&0))),
            }
        }
        for (number, seat) in seats.iter().enumerate().filter(|(_, seat)| seat.room == *room) {
            let user = ids::user(seat.user).to_string();
            *refunds.entry(seat.user).or_default() += refunded(messages, &replied, &user);
            let talker = &talkers.users[number];
            let fresh = messages.iter().filter(|message| message.offset > talker.since);
            let held: Vec<_> = talker.seen.iter().map(|(offset, id)| (*offset, id.as_str())).collect();
            if !fresh.map(|message| (message.offset, message.id.as_str())).eq(held.iter().copied()) {
                let fresh = messages.iter().filter(|message| message.offset > talker.since).count();
                views.push(format!("seat {number} holds {} messages, a fresh client {fresh}", held.len()));
            }
        }
    }
    for (number, seat) in seats.iter().enumerate() {
        let room = rooms.get(&seat.room).unwrap_or(&nothing);
        if room.is_empty() && !talkers.users[number].said.is_empty() {
            lost.push(format!("room {}: nothing is stored", seat.room));
        }
    }
    verdict.none("each acked message is stored once, as acked", &lost, &acked);
    verdict.none("nothing is stored that was not acked in the end", &foreign, &stored);
    verdict.none("stored messages are in order", &order, &stored);
    verdict.none("one reply per asked message, or one final failure", &replies, &acked);
    verdict.none(
        "a client that resumed holds what a fresh one loads",
        &views,
        &format!("{} clients", seats.len()),
    );
    verdict.none("acks and resumes keep their promises", &talkers.faults, &acked);
    judge_usage(verdict, talkers, seats, &refunds, before, after);
}

fn judge_usage(
    verdict: &mut Verdict,
    talkers: &Talkers,
    seats: &[Seat],
    refunds: &BTreeMap<usize, u64>,
    before: &Used,
    after: &Used,
) {
    let mut acked: BTreeMap<usize, u64> = BTreeMap::new();
    for (number, seat) in seats.iter().enumerate() {
        *acked.entry(seat.user).or_default() += talkers.users[number].said.len() as u64;
    }
    let mut limited = 0;
    let mut wrong = Vec::new();
    for (user, acked) in acked {
        let Some(after) = after.get(&user).copied().flatten() else { continue };
        limited += 1;
        // A user who never sent has no row yet.
        let counted = after.saturating_sub(before.get(&user).copied().flatten().unwrap_or(0));
        let refunded = refunds.get(&user).copied().unwrap_or(0);
        if counted + refunded != acked {
            wrong.push(format!("user {user}: {acked} acked, {refunded} refunded, {counted} counted"));
        }
    }
    verdict.none("usage is exact", &wrong, &format!("{limited} users with a limit"));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenarios::audit::{OpenReply, Sender};

    fn asked(replies: Vec<&str>) -> Stored {
        let reply = |state: &str| OpenReply { message_id: "r".to_owned(), state: state.to_owned() };
        Stored {
            id: "m".to_owned(),
            offset: 1,
            revision: 1,
            sender: Sender { kind: "user".to_owned(), id: "u".to_owned() },
            content: "says 1".to_owned(),
            client_id: None,
            reply_to: None,
            finish: "complete".to_owned(),
            replies: replies.into_iter().map(reply).collect(),
        }
    }

    #[test]
    fn one_reply_or_one_final_failure_is_right_and_nothing_else() {
        assert_eq!(reply_fault(&asked(vec![]), 1), None);
        assert_eq!(reply_fault(&asked(vec!["failed"]), 0), None);
        for (states, replies) in [
            (vec![], 0),
            (vec![], 2),
            (vec!["failed"], 1),
            (vec!["streaming"], 0),
            (vec!["failed", "failed"], 0),
        ] {
            assert!(reply_fault(&asked(states.clone()), replies).is_some(), "{states:?} {replies}");
        }
    }

    #[test]
    fn only_a_failure_without_a_part_is_refunded() {
        let none = HashMap::new();
        assert_eq!(refunded(&[asked(vec!["failed"])], &none, "u"), 1);
        assert_eq!(refunded(&[asked(vec!["failed"])], &HashMap::from([("m", 1)]), "u"), 0);
        assert_eq!(refunded(&[asked(vec!["failed"])], &none, "other"), 0);
        assert_eq!(refunded(&[asked(vec![])], &none, "u"), 0);
    }
}
