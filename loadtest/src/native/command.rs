//! The commands that the scenarios send, written straight into text.

use std::fmt::Write;

use uuid::Uuid;

/// Who shall answer a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    Auto,
    None,
}

pub fn auth(token: &str) -> String {
    format!(r#"{{"event":"auth","id":"auth","data":{{"token":"{token}"}}}}"#)
}

/// `place` is the `(epoch, offset)` from which to resume.
pub fn join(room: Uuid, place: Option<(&str, u64)>) -> String {
    let mut text = format!(r#"{{"event":"conversation:join","id":"join","data":{{"conversationId":"{room}""#);
    if let Some((epoch, offset)) = place {
        let _ = write!(text, r#","epoch":"{epoch}","offset":{offset}"#);
    }
    text.push_str("}}");
    text
}

/// Writes a `message:send` into `out`. `content` and `client_id` must need no escapes.
pub fn send(out: &mut String, id: u64, room: Uuid, client_id: &str, content: &str, reply: Reply) {
    let reply = match reply {
        Reply::Auto => "auto",
        Reply::None => "none",
    };
    out.clear();
    let _ = write!(
        out,
        r#"{{"event":"message:send","id":"{id}","data":{{"conversationId":"{room}","clientId":"{client_id}","reply":"{reply}","content":"{content}"}}}}"#
    );
}

/// The page of at most 100 messages after `after`, or the latest `limit` ones.
pub fn messages(id: u64, room: Uuid, after: Option<u64>, limit: u32) -> String {
    let after = after.map(|offset| format!(r#","after":{offset}"#)).unwrap_or_default();
    format!(
        r#"{{"event":"conversation:messages","id":"{id}","data":{{"conversationId":"{room}","limit":{limit}{after}}}}}"#
    )
}

pub fn ping(id: u64) -> String {
    format!(r#"{{"event":"ping","id":"{id}"}}"#)
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::native::ids;

    #[test]
    fn every_command_is_json_in_the_documented_form() {
        let mut out = String::new();
        send(&mut out, 7, ids::room(1), "a-1", "Good evening", Reply::None);
        let sent: Value = serde_json::from_str(&out).unwrap();
        assert_eq!(sent["event"], "message:send");
        assert_eq!(sent["id"], "7");
        assert_eq!(sent["data"]["conversationId"], ids::room(1).to_string());
        assert_eq!(sent["data"]["reply"], "none");

        let joined: Value = serde_json::from_str(&join(ids::room(0), Some(("e", 12)))).unwrap();
        assert_eq!(joined["data"]["offset"], 12);
        let fresh: Value = serde_json::from_str(&join(ids::room(0), None)).unwrap();
        assert!(fresh["data"].get("epoch").is_none());
        let page: Value = serde_json::from_str(&messages(9, ids::room(0), Some(3), 100)).unwrap();
        assert_eq!((page["data"]["after"].as_u64(), page["data"]["limit"].as_u64()), (Some(3), Some(100)));
        for text in [auth("t"), ping(1), messages(1, ids::room(0), None, 1)] {
            serde_json::from_str::<Value>(&text).unwrap();
        }
    }
}
