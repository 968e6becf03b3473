//! A voice and a gallery that do what their script says.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::{back_end, lock};
use crate::domain::{Attachment, AttachmentKind, CallOutcome, Place, Purpose, TokenUsage};
use crate::ports::{Calls, Gallery, GalleryWish, SpeakRequest, Speech, SpeechError, StoreError};

/// How one text is spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpeechScript {
    Speak,
    Fail,
    /// Never ends.
    Hang,
}

/// Speaks everything, unless its script says otherwise: a second of sound for each text.
#[derive(Default)]
pub struct ScriptedSpeech {
    scripts: Mutex<VecDeque<SpeechScript>>,
    asked: Mutex<Vec<SpeakRequest>>,
    missing: Mutex<Option<String>>,
}

impl ScriptedSpeech {
    /// The next text is spoken so.
    pub fn script(&self, script: SpeechScript) {
        lock(&self.scripts).push_back(script);
    }

    /// There is no voice from now on, since this setting is missing; `None`: there is.
    pub fn set_missing(&self, why: Option<&str>) {
        *lock(&self.missing) = why.map(str::to_owned);
    }

    /// What was to be spoken, in order.
    pub fn asked(&self) -> Vec<SpeakRequest> {
        lock(&self.asked).clone()
    }
}

impl Speech for ScriptedSpeech {
    fn missing(&self) -> Option<String> {
        lock(&self.missing).clone()
    }

    fn speak(
        &self,
        request: SpeakRequest,
        calls: Calls,
    ) -> BoxFuture<'static, Result<Arc<Attachment>, SpeechError>> {
        let script = lock(&self.scripts).pop_front().unwrap_or(SpeechScript::Speak);
        let key = format!("content/{}/audio_{}.mp3", request.user, request.message);
        let prompt_tokens = u32::try_from(request.text.chars().count()).unwrap_or(u32::MAX);
        lock(&self.asked).push(request);
        async move {
            let usage = TokenUsage { prompt_tokens, ..TokenUsage::default() };
            calls.begin(Arc::new(back_end()), Purpose::Speech, usage);
            match script {
                SpeechScript::Hang => std::future::pending().await,
                SpeechScript::Fail => {
                    calls.end(CallOutcome::Failed);
                    Err(SpeechError("it has no voice today".to_owned()))
                }
                SpeechScript::Speak => {
                    calls.end(CallOutcome::Done);
                    let file = Attachment::new(Place::Object(key.into()), AttachmentKind::Audio);
                    Ok(Arc::new(Attachment { duration_ms: Some(1_000), ..file }))
                }
            }
        }
        .boxed()
    }
}

/// Finds what it was told to find, once for each; else nothing.
#[derive(Default)]
pub struct ScriptedGallery {
    found: Mutex<VecDeque<Arc<Attachment>>>,
    asked: Mutex<Vec<GalleryWish>>,
}

impl ScriptedGallery {
    /// The next wish finds this.
    pub fn script(&self, found: Attachment) {
        lock(&self.found).push_back(Arc::new(found));
    }

    /// What was looked for, in order.
    pub fn asked(&self) -> Vec<GalleryWish> {
        lock(&self.asked).clone()
    }
}

impl Gallery for ScriptedGallery {
    fn find(&self, wish: GalleryWish) -> BoxFuture<'static, Result<Option<Arc<Attachment>>, StoreError>> {
        lock(&self.asked).push(wish);
        let found = lock(&self.found).pop_front();
        async move { Ok(found) }.boxed()
    }
}
