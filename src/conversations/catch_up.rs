//! Catching up: what a client that joins a room is given, once it says where it stood.
//!
//! State, not events: the messages made or changed since, as they are now. All of it is read from one moment of the
//! database, so that live events can follow from `offset` on without a gap.

use greenroom_actors::domain::{Message, Revision, RoomId, UserId};
use greenroom_actors::protocol::Refusal;
use uuid::Uuid;

use super::view::{ConversationView, MessageView, ReadView};
use super::{Conversations, MESSAGES_DEFAULT, MESSAGES_MAX, end, not_found, paging, reading, store};
use crate::postgres::{Stored, refusal};

/// A room at one moment; `docs/PROTOCOL.md` §4. Replies under way and who is online are not in the database: they
/// are added by whoever answers the socket.
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    pub conversation: ConversationView,
    pub epoch: Uuid,
    /// Where the client stands after this.
    pub offset: Revision,
    /// False: what the client holds of the room is to be thrown away.
    pub recovered: bool,
    /// One page of what was missed; the next is asked for from `offset`.
    pub more: bool,
    /// By last change when recovered, else by place; the oldest first.
    pub messages: Vec<MessageView>,
    pub reads: Vec<ReadView>,
}

/// The messages of a snapshot, before they are made into views.
struct Caught {
    messages: Vec<Message>,
    offset: Revision,
    recovered: bool,
    more: bool,
}

impl Conversations {
    /// What a client that stood at `from` (epoch and offset) needs to stand at the room's head, or one page of it.
    /// Without `from`, or where it cannot be taken up from there: the latest messages, and `recovered` is false.
    pub async fn snapshot(
        &self,
        user: UserId,
        room: RoomId,
        from: Option<(Uuid, Revision)>,
    ) -> Result<Snapshot, Refusal> {
        let (caught, conversation, reads) = {
            let mut client = self.client().await?;
            let reading = reading(&mut client).await?;
            if !store::is_member(&reading, room, user).await.map_err(|error| refusal(&error))? {
                return Err(not_found());
            }
            let read = async {
                let head = store::head(&reading, room).await?;
                let from = from.filter(|(epoch, from)| *epoch == self.epoch && (0..=head).contains(from));
                let caught = match from {
                    Some((_, from)) => self.missed(&reading, room, from, head).await?,
                    None => None,
                };
                let caught = match caught {
                    Some(caught) => caught,
                    None => afresh(&reading, room, head).await?,
                };
                let conversation = store::views(&reading, user, &[room]).await?.into_iter().next();
                let reads = store::read_marks(&reading, room).await?;
                Ok((caught, conversation, reads))
            };
            let (caught, conversation, reads) =
                read.await.map_err(|error: deadpool_postgres::PoolError| refusal(&error))?;
            end(reading).await?;
            (caught, conversation.ok_or_else(not_found)?, reads)
        };
        let Caught { mut messages, offset, recovered, more } = caught;
        self.mark_running(room, &mut messages).await;
        Ok(Snapshot {
            conversation,
            epoch: self.epoch,
            offset,
            recovered,
            more,
            messages: messages.iter().map(MessageView::from).collect(),
            reads,
        })
    }

    /// The first page of what was missed; `None` when it is more than is worth sending.
    async fn missed(
        &self,
        reading: &deadpool_postgres::Transaction<'_>,
        room: RoomId,
        from: Revision,
        head: Revision,
    ) -> Stored<Option<Caught>> {
        let most = self.settings.resume_max_messages as i64;
        // One change touches one message at most: only a wide gap needs a count.
        if head - from > most && store::count_changed_since(reading, room, from, most).await? > most {
            return Ok(None);
        }
        let mut messages = store::changed_since(reading, room, from, MESSAGES_MAX as i64 + 1).await?;
        let more = paging::cut(&mut messages, MESSAGES_MAX);
        let offset = if more { messages.last().map_or(head, |last| last.revision) } else { head };
        Ok(Some(Caught { messages, offset, recovered: true, more }))
    }
}

async fn afresh(
    reading: &deadpool_postgres::Transaction<'_>,
    room: RoomId,
    head: Revision,
) -> Stored<Caught> {
    let mut messages = store::latest(reading, room, MESSAGES_DEFAULT as i64).await?;
    paging::cut(&mut messages, MESSAGES_DEFAULT);
    messages.reverse();
    Ok(Caught { messages, offset: head, recovered: false, more: false })
}
