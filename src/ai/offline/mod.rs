//! The provider for when there is no other: it answers in the character's voice by rules, on this machine.
//!
//! It is no language model and does not pass for one: its status says offline, and asked what it is, it says so. It
//! understands a little (greetings, feelings, questions about the character, what people tell of themselves), recalls
//! what it was told, and for the rest speaks from the character's own knowledge and examples, in a manner that follows
//! from its traits. The same request always gets the same answer; an answer given before in the prompt's history is not
//! given again.
//!
//! Its rules are for English. In another language it falls back on what the character has to tell.

mod facts;
mod intent;
mod lore;
mod recall;
mod reply;
mod summary;
mod talk;
mod vocabulary;
mod voice;
mod words;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream;
use greenroom_actors::domain::{Counted, Finish, Purpose, TokenUsage};
use greenroom_actors::ports::{GenerateRequest, Piece, Start};

use super::openai::{Answer, Fault};
use super::tokens;

pub use self::reply::{learned, reply};

/// The built-in provider. Cheap to clone.
#[derive(Clone, Copy, Debug)]
pub struct Offline {
    word_delay: Duration,
}

impl Offline {
    /// Speaks one word per `word_delay`, with a breath before the first and after each sentence. Zero streams at once.
    #[must_use]
    pub fn new(word_delay: Duration) -> Self {
        Self { word_delay }
    }

    /// How long to wait before the word that follows `before`.
    fn pause(self, before: Option<&str>) -> Duration {
        let ends_sentence = |word: &str| word.trim_end().ends_with(['.', '!', '?', ':']);
        match before {
            None => self.word_delay * 8,
            Some(word) if ends_sentence(word) => self.word_delay * 4,
            Some(word) if word.trim_end().ends_with([',', ';']) => self.word_delay * 2,
            Some(_) => self.word_delay,
        }
    }
}

impl Offline {
    /// Speaks to the request. It has nothing to fail at.
    pub(super) fn answer(&self, request: Arc<GenerateRequest>) -> BoxFuture<'static, Result<Answer, Fault>> {
        // Nobody listens to these.
        let quick = matches!(request.purpose, Purpose::Summary | Purpose::Writing);
        let offline = if quick { Self::new(Duration::ZERO) } else { *self };
        Box::pin(async move {
            let text = said(&request);
            let (words, finish) = within(&text, request.max_tokens);
            let end = Piece::End { finish, usage: usage(&request, &words), counted: Counted::Here };
            let paused = words.into_iter().scan(None, move |before: &mut Option<String>, word| {
                let pause = offline.pause(before.as_deref());
                *before = Some(word.clone());
                Some((pause, word))
            });
            let spoken = stream::iter(paused.collect::<Vec<_>>()).then(|(pause, word)| async move {
                if !pause.is_zero() {
                    tokio::time::sleep(pause).await;
                }
                Ok(Piece::Text(word))
            });
            let pieces = spoken.chain(stream::iter([Ok(end)])).boxed();
            Ok(Answer { start: Start::Anew, pieces })
        })
    }
}

/// What `request` asks for; of a reply with the hidden lines that a model is asked to write.
fn said(request: &GenerateRequest) -> String {
    if request.purpose == Purpose::Summary {
        return summary::summary(request);
    }
    if request.purpose == Purpose::Writing {
        // It is no writer: what it is asked about comes back as it is, and who asked does by rules what can be done.
        return request.messages.last().map(|message| message.content.clone()).unwrap_or_default();
    }
    let mut text = reply(request);
    for fact in learned(request) {
        text.push_str(&format!("\n[[remember: {fact}]]"));
    }
    text
}

/// The words of `text`, each with the space before it, as far as `max_tokens` go.
fn within(text: &str, max_tokens: u32) -> (Vec<String>, Finish) {
    let mut left = max_tokens as usize;
    let mut words = Vec::new();
    for (number, word) in text.split(' ').enumerate() {
        let Some(rest) = left.checked_sub(tokens::estimate(word)) else { return (words, Finish::Length) };
        left = rest;
        words.push(if number == 0 { word.to_owned() } else { format!(" {word}") });
    }
    (words, Finish::Complete)
}

fn usage(request: &GenerateRequest, words: &[String]) -> TokenUsage {
    let prompt: usize = request.messages.iter().map(|message| tokens::estimate(&message.content)).sum();
    let completion: usize = words.iter().map(|word| tokens::estimate(word)).sum();
    TokenUsage { prompt_tokens: prompt as u32, completion_tokens: completion as u32, cached_tokens: 0 }
}
