//! What a turn's character knows: from memory where it is there, else read and handed in.

use std::sync::Arc;

use super::patiently;
use crate::copies::Circle;
use crate::domain::{FailureCode, Memory, Message, Revision, UserId};
use crate::engine::Context;
use crate::ports::StoreError;
use crate::room::RoomMsg;
use crate::room::tail::{History, Known, Reach, SummaryCopy, TailRead};
use crate::turn::Arguments;
use crate::user::UserMsg;

/// What was said, up to the last message that the turn is about.
pub(super) async fn history(context: &Context, arguments: &Arguments) -> Result<History, FailureCode> {
    let tails = &context.copies.tails;
    let ticket = match &arguments.known {
        Known::Held(history) => {
            tails.hit();
            return Ok(history.clone());
        }
        Known::Elsewhere => return all_history(context, arguments, SummaryCopy::Unread).await,
        Known::Unread(ticket) => *ticket,
    };
    tails.missed();
    let (turn, most) = (&arguments.turn, context.settings.turn.history_max_messages);
    let archive = &context.ports.archive;
    let read = patiently(|| archive.history(turn.room, 0, Revision::MAX, most)).await?;
    let from = reached(&read, 0, most);
    let messages: Vec<Arc<Message>> = read.into_iter().map(Arc::new).collect();
    let (since, up_to) = (arguments.since, turn.asked_offset);
    let wanted = messages.iter().filter(|message| (since + 1..=up_to).contains(&message.offset));
    let wanted: Vec<_> = wanted.cloned().collect();
    // What was said after it has taken no place of what a prompt takes.
    let whole = from <= since || messages.last().is_none_or(|last| last.offset <= up_to);
    let last = last_of(arguments);
    let read = TailRead { ticket, messages, from };
    let _ = arguments.room.send_message(RoomMsg::TailRead(read));
    if !whole || wanted.last().is_none_or(|message| message.id != last) {
        return exactly(context, arguments, SummaryCopy::Unread).await;
    }
    let reach = if from <= since { Reach::All } else { Reach::Most };
    Ok(History { messages: wanted, from: from.max(since), reach, summary: SummaryCopy::Unread })
}

/// As [`history`], read from the log.
pub(super) async fn all_history(
    context: &Context,
    arguments: &Arguments,
    summary: SummaryCopy,
) -> Result<History, FailureCode> {
    context.copies.tails.missed();
    exactly(context, arguments, summary).await
}

async fn exactly(
    context: &Context,
    arguments: &Arguments,
    summary: SummaryCopy,
) -> Result<History, FailureCode> {
    let (turn, most) = (&arguments.turn, context.settings.turn.history_max_messages);
    let (archive, since) = (&context.ports.archive, arguments.since);
    let read = patiently(|| archive.history(turn.room, since, turn.asked_offset, most)).await?;
    let from = reached(&read, since, most);
    let reach = if from <= since { Reach::All } else { Reach::Most };
    Ok(History { messages: read.into_iter().map(Arc::new).collect(), from, reach, summary })
}

/// All that stands above this revision is among what was read.
fn reached(read: &[Message], since: Revision, most: usize) -> Revision {
    match read.first() {
        Some(first) if read.len() >= most => first.offset - 1,
        _ => since,
    }
}

fn last_of(arguments: &Arguments) -> crate::domain::MessageId {
    super::part(&arguments.turn).unwrap_or(arguments.turn.asked)
}

/// Looks for the character's summary; answers whether it is another than was known. One that is made in the background is told by
/// nobody: it is looked for when something is missing.
pub(super) async fn look_for_summary(
    context: &Context,
    arguments: &Arguments,
    history: &mut History,
) -> Result<bool, FailureCode> {
    if context.settings.turn.prompt.summary_max_tokens == 0 {
        return Ok(false);
    }
    let turn = &arguments.turn;
    let archive = &context.ports.archive;
    let stored = patiently(|| archive.summary(turn.room, turn.character)).await?;
    let news = stored.as_ref() != history.summary.get();
    history.summary = SummaryCopy::of(stored);
    let _ = arguments
        .room
        .send_message(RoomMsg::SummaryRead { character: turn.character, summary: history.summary.clone() });
    Ok(news)
}

/// What the character may know of those who are here.
pub(super) async fn memories(context: &Context, arguments: &Arguments) -> Result<Arc<[Memory]>, FailureCode> {
    let (turn, most) = (&arguments.turn, context.settings.turn.memories_max);
    let archive = &context.ports.archive;
    let circle = match arguments.names.only_person() {
        Some(user) => Circle::Alone(user),
        None => Circle::Among(turn.room),
    };
    let copies = &context.copies;
    let began = match &arguments.known {
        Known::Held(_) => match copies.facts(circle, turn.character) {
            Ok(facts) => return Ok(facts),
            Err(began) => began,
        },
        // The room may have been changed by another node: who is in it is then not sure.
        Known::Unread(_) | Known::Elsewhere => copies.read_begins(),
    };
    let read = patiently(|| archive.memories(turn.room, turn.character, most)).await?;
    copies.keep(circle, turn.character, &read, began);
    Ok(read.into())
}

/// How the asker is called; nothing for one who is gone.
pub(super) async fn user_name(context: &Context, user: UserId) -> Result<String, FailureCode> {
    let archive = &context.ports.archive;
    let name = patiently(async || {
        let (answer, name) = tokio::sync::oneshot::channel();
        if context.users.send(user, UserMsg::Name(answer)).is_ok()
            && let Ok(name) = name.await
        {
            return name;
        }
        // Its actor is too busy, or crashed.
        let record = archive.user(user).await?;
        Ok::<_, StoreError>(record.map(|record| record.display_name))
    });
    Ok(name.await?.unwrap_or_default())
}
