//! A streamed answer: server-sent events, one a piece of text, and `[DONE]` behind the last.
//!
//! What a client has got cannot be taken back. An answer that breaks off, or would begin anew, therefore ends with an error
//! event and without `[DONE]`; OpenAI's client libraries raise it. One that moderation refuses ends with the finish reason
//! `content_filter`, behind what the character says instead where no text has gone out yet.

use std::convert::Infallible;
use std::time::Duration;

use actix_web::web::Bytes;
use futures_util::Stream;
use futures_util::stream::unfold;
use greenroom_actors::domain::FailureCode;
use tokio::time::timeout;

use super::answer::{Source, Told, failure};
use super::body::StreamUsage;
use super::wire::{Head, UsageBody, event, finish_reason};
use crate::error::OpenAiError;

/// A comment goes out after so long without text: proxies close what says nothing.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
const COMMENT: &[u8] = b": waiting\n\n";
const DONE: &[u8] = b"data: [DONE]\n\n";

struct Flow {
    head: Head,
    usage: StreamUsage,
    source: Source,
    /// What was heard before the stream began.
    heard: Option<Told>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Begun,
    /// Text went out.
    Spoken,
    Ended,
}

/// `first` is what was heard already: who asks learns of an early failure by a status.
pub(super) fn stream(
    head: Head,
    usage: StreamUsage,
    first: Told,
    source: Source,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    let flow = Flow { head, usage, source, heard: Some(first), state: State::New };
    unfold(flow, |mut flow| async move {
        if flow.state == State::Ended {
            return None;
        }
        let bytes = flow.step().await;
        Some((Ok(bytes.into()), flow))
    })
}

impl Flow {
    /// The next events.
    async fn step(&mut self) -> Vec<u8> {
        let told = match self.heard.take() {
            Some(told) => told,
            None => match timeout(KEEP_ALIVE, self.source.next()).await {
                Ok(told) => told,
                Err(_) => return COMMENT.to_vec(),
            },
        };
        let mut bytes = Vec::new();
        if self.state == State::New {
            self.state = State::Begun;
            bytes = self.head.begin(self.no_usage());
        }
        match told {
            Told::Refused(_) if self.state == State::Spoken => {}
            Told::Text(text) | Told::Refused(text) => {
                self.state = State::Spoken;
                bytes.extend(self.head.text(&text, self.no_usage()));
            }
            Told::Anew if self.state == State::Spoken => self.fail(&mut bytes, Err(FailureCode::Interrupted)),
            Told::Anew => {}
            Told::Ended(end) => match finish_reason(end.outcome) {
                Some(reason) => {
                    bytes.extend(self.head.end(reason, self.no_usage()));
                    if self.usage == StreamUsage::Included {
                        bytes.extend(self.head.usage(end.usage));
                    }
                    bytes.extend_from_slice(DONE);
                    self.state = State::Ended;
                }
                None => self.fail(&mut bytes, end.outcome),
            },
        }
        bytes
    }

    fn fail(&mut self, bytes: &mut Vec<u8>, outcome: Result<greenroom_actors::domain::Finish, FailureCode>) {
        bytes.extend(event(&OpenAiError::of(&failure(outcome)).body()));
        self.state = State::Ended;
    }

    fn no_usage(&self) -> Option<Option<UsageBody>> {
        (self.usage == StreamUsage::Included).then_some(None)
    }
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;
    use greenroom_actors::domain::{Finish, TokenUsage};
    use tokio::sync::mpsc;

    use super::super::answer::End;
    use super::*;

    /// All that goes out for this, an event a line.
    async fn sent(told: Vec<Told>, usage: StreamUsage) -> Vec<String> {
        let (sender, receiver) = mpsc::channel(16);
        for told in told {
            sender.send(told).await.unwrap();
        }
        // Without an end its task has gone.
        drop(sender);
        let head = Head { id: "chatcmpl-1".into(), created: 7, model: "character/mira".into(), ids: None };
        let mut source = Source::Room(receiver);
        let first = source.next().await;
        let parts: Vec<Bytes> = stream(head, usage, first, source).map(|part| part.unwrap()).collect().await;
        let text = String::from_utf8(parts.concat()).unwrap();
        text.split("\n\n").filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    fn text(text: &str) -> Told {
        Told::Text(text.to_owned())
    }

    fn ended(outcome: Result<Finish, FailureCode>) -> Told {
        Told::Ended(End { outcome, usage: TokenUsage { prompt_tokens: 3, ..TokenUsage::default() } })
    }

    #[tokio::test]
    async fn an_answer_begins_speaks_ends_and_is_done() {
        let sent =
            sent(vec![text("Hel"), text("lo"), ended(Ok(Finish::Length))], StreamUsage::Included).await;
        let has = [
            "\"role\":\"assistant\"",
            "\"Hel\"",
            "\"lo\"",
            "\"finish_reason\":\"length\"",
            "\"prompt_tokens\":3",
        ];
        assert_eq!(sent.len(), 6, "{sent:#?}");
        assert!(sent.iter().zip(has).all(|(event, has)| event.contains(has)), "{sent:#?}");
        assert_eq!(sent[5], "data: [DONE]");
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_ends_with_an_error_and_is_not_done() {
        for told in [
            vec![text("Hel"), ended(Err(FailureCode::ProviderUnavailable))],
            vec![text("Hel"), Told::Anew, text("Hello"), ended(Ok(Finish::Complete))],
            vec![text("Hel")],
        ] {
            let sent = sent(told, StreamUsage::Left).await;
            assert_eq!(sent.len(), 3, "{sent:#?}");
            assert!(sent[2].starts_with("data: {\"error\":{"), "{sent:#?}");
        }
    }

    #[tokio::test]
    async fn a_refused_answer_ends_by_the_filter_and_says_the_characters_words_where_nothing_was_said() {
        let refused = || vec![Told::Refused("Not that.".to_owned()), ended(Ok(Finish::Refused))];
        let first = sent(refused(), StreamUsage::Left).await;
        assert!(first[1].contains("Not that.") && first.len() == 4, "{first:#?}");
        let later = sent([vec![text("Hel")], refused()].concat(), StreamUsage::Left).await;
        assert!(later[1].contains("\"Hel\"") && later.len() == 4, "{later:#?}");
        for sent in [first, later] {
            assert!(sent[2].contains("\"finish_reason\":\"content_filter\""), "{sent:#?}");
            assert_eq!(sent[3], "data: [DONE]");
        }
    }

    #[tokio::test]
    async fn what_begins_anew_before_a_word_was_heard_goes_on() {
        let sent =
            sent(vec![Told::Anew, text("Hello"), ended(Ok(Finish::Complete))], StreamUsage::Left).await;
        assert_eq!(sent.len(), 4, "{sent:#?}");
        assert_eq!(sent[3], "data: [DONE]");
    }
}
