//! Cutting what was read into a page that a socket or a response can carry.

use greenroom_actors::domain::Message;

/// Bytes of messages in one page, about; a page has at least one message, however long.
pub const PAGE_MAX_BYTES: usize = 256 * 1024;
/// What a message takes in JSON beside its text, about.
const MESSAGE_OVERHEAD_BYTES: usize = 450;

/// Keeps the first messages: at most `limit`, within [`PAGE_MAX_BYTES`]. True when some were cut off.
pub fn cut(messages: &mut Vec<Message>, limit: usize) -> bool {
    let mut bytes = 0;
    let fitting = messages
        .iter()
        .take(limit)
        .take_while(|message| {
            bytes += message.content.as_str().len() + MESSAGE_OVERHEAD_BYTES;
            bytes <= PAGE_MAX_BYTES
        })
        .count();
    let kept = fitting.max(1).min(messages.len());
    let cut_off = kept < messages.len();
    messages.truncate(kept);
    cut_off
}

#[cfg(test)]
mod tests {
    use greenroom_actors::domain::{
        Changes, ClientId, Content, Finish, MessageId, MessageKind, RoomId, Sender, UserId,
    };

    use super::*;

    fn messages(lengths: &[usize]) -> Vec<Message> {
        let make = |(index, length): (usize, &usize)| {
            let id = MessageId::new();
            Message {
                id,
                room: RoomId::new(),
                offset: index as i64 + 1,
                revision: index as i64 + 1,
                sender: Sender::User(UserId::new()),
                client_id: ClientId::of_message(id),
                kind: MessageKind::Text,
                content: Content::trusted("x".repeat(*length)),
                attachment: None,
                reply_to: None,
                finish: Finish::Complete,
                replies: Vec::new(),
                changes: Changes::default(),
                created_at: jiff::Timestamp::UNIX_EPOCH,
            }
        };
        lengths.iter().enumerate().map(make).collect()
    }

    #[test]
    fn a_page_has_at_most_so_many_messages() {
        let mut page = messages(&[1, 1, 1]);
        assert!(cut(&mut page, 2));
        assert_eq!(page.len(), 2);
        assert!(!cut(&mut page, 2));
    }

    #[test]
    fn a_page_has_at_most_so_many_bytes_but_at_least_one_message() {
        let mut page = messages(&[PAGE_MAX_BYTES / 2, PAGE_MAX_BYTES / 4, PAGE_MAX_BYTES / 2]);
        assert!(cut(&mut page, 50));
        assert_eq!(page.len(), 2);
        let mut page = messages(&[PAGE_MAX_BYTES * 2, 1]);
        assert!(cut(&mut page, 50));
        assert_eq!(page.len(), 1);
        assert!(!cut(&mut Vec::new(), 50));
    }
}
