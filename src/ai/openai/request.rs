//! What is sent, and what each model wants otherwise. Never a tool: characters talk.
//!
//! Every deviation of a provider is a [`Habit`] of one of its models: known from its address, or learnt from its refusal
//! and kept. Nothing else in the server knows one provider from another.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_openai::error::OpenAIError;
use data_encoding::HEXLOWER;
use greenroom_actors::domain::UserId;
use greenroom_actors::ports::GenerateRequest;
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::error::Refusal;
use super::messages::{Continuing, Roles, SystemRole, messages};
use crate::ai::eyes::{Reads, Seen};
use crate::config::Continues;

/// Models that are remembered at most: names come from the operator's characters.
const MODELS_MAX: usize = 1_000;

/// How one model wants its request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Habit {
    /// `max_completion_tokens` instead of `max_tokens`.
    completion_tokens: bool,
    no_temperature: bool,
    no_usage: bool,
    no_user: bool,
    no_stop: bool,
    /// It takes no last message of its own.
    no_prefill: bool,
    /// It takes no pictures.
    is_blind: bool,
    reads: Reads,
    roles: Roles,
}

impl Habit {
    /// Whether the reply has to be cut at its stop sequences here.
    pub fn cuts_here(self) -> bool {
        self.no_stop
    }

    /// Which pictures it is shown; `None`: none.
    pub fn looks(self) -> Option<Reads> {
        (!self.is_blind).then_some(self.reads)
    }

    /// How a broken reply is gone on with.
    pub fn continues(self, wanted: Continues) -> Continues {
        match wanted {
            _ if self.no_prefill => Continues::Never,
            // Where no instruction may stand behind the model's own words there is none to ask with.
            Continues::Ask if self.roles.alternate || self.roles.system == SystemRole::User => {
                Continues::Never
            }
            wanted => wanted,
        }
    }
}

/// What was learnt of the models of one provider.
pub(super) struct Habits {
    usual: Habit,
    of_models: Mutex<HashMap<String, Habit>>,
}

impl Habits {
    pub fn of(base_url: &str) -> Self {
        let is = |host: &str| base_url.contains(&format!("//{host}/"));
        // OpenAI itself has gone over to the new name; most others know only the old one.
        let completion_tokens = is("api.openai.com");
        // Google refuses fields that it does not know.
        let no_user = is("generativelanguage.googleapis.com");
        // xAI reads JPEG and PNG alone.
        let reads = if is("api.x.ai") { Reads::OldOnes } else { Reads::All };
        Self {
            usual: Habit { completion_tokens, no_user, reads, ..Habit::default() },
            of_models: Mutex::default(),
        }
    }

    pub fn of_model(&self, model: &str) -> Habit {
        let models = self.of_models.lock().unwrap_or_else(PoisonError::into_inner);
        models.get(model).copied().unwrap_or(self.usual)
    }

    /// Whether this error, of a request with pictures, says that the model sees none. Learnt once.
    pub fn learn_blind(&self, model: &str, tried: Habit, error: &OpenAIError) -> bool {
        let Some(refusal) = Refusal::of(error) else { return false };
        let says = ["image_url", "image input", "support image", "images are not", "vision", "multimodal"];
        let blind = !tried.is_blind && (refusal.names("image_url") || refusal.says(&says));
        if blind {
            self.keep(model, Habit { is_blind: true, ..tried });
        }
        blind
    }

    fn keep(&self, model: &str, habit: Habit) {
        tracing::debug!(model, ?habit, "a model wants its request in another form");
        let mut models = self.of_models.lock().unwrap_or_else(PoisonError::into_inner);
        if models.len() >= MODELS_MAX {
            models.clear();
        }
        models.insert(model.to_owned(), habit);
    }

    /// Whether this error says that another form of the request would do. Each change is made once, so that this ends.
    pub fn learn(&self, model: &str, tried: Habit, error: &OpenAIError) -> bool {
        let Some(refusal) = Refusal::of(error) else { return false };
        let mut habit = tried;
        let switches: [(&str, &mut bool); 5] = [
            ("max_tokens", &mut habit.completion_tokens),
            ("temperature", &mut habit.no_temperature),
            ("stream_options", &mut habit.no_usage),
            ("user", &mut habit.no_user),
            ("stop", &mut habit.no_stop),
        ];
        for (field, switch) in switches {
            if refusal.names(field) {
                *switch = true;
            }
        }
        if refusal.names("max_completion_tokens") && tried.completion_tokens {
            habit.completion_tokens = false;
            habit.no_user |= tried == habit;
        }
        // Chat templates: "Conversation roles must alternate user/assistant/user/assistant/...".
        if refusal.says(&["must alternate", "roles to alternate", "alternating"]) {
            habit.roles.alternate = true;
            // A user's message at the start is one of theirs, and what it says may name the field of that name.
            habit.no_user = tried.no_user;
        } else if refusal.says(&["prefill", "must end with a user", "last message must be from the user"]) {
            habit.no_prefill = true;
            habit.no_user = tried.no_user;
        } else if refusal.says(&[
            "developer instruction",
            "system role",
            "role 'system'",
            "'system' with this",
        ]) || (refusal.says(&["system"]) && refusal.says(&["role"]) && habit == tried)
        {
            habit.roles.system = match tried.roles.system {
                SystemRole::System if refusal.says(&["'developer'", "`developer`"]) => SystemRole::Developer,
                _ => SystemRole::User,
            };
        }
        let learnt = habit != tried;
        if learnt {
            self.keep(model, habit);
        }
        learnt
    }
}

/// The body of the request.
pub(super) fn body(
    request: &GenerateRequest,
    model: &str,
    habit: Habit,
    seen: &Seen,
    continuing: Option<Continuing<'_>>,
) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("model", json!(model));
    set("messages", messages(&request.messages, habit.roles, seen, continuing).into());
    set("stream", json!(true));
    let max_tokens = if habit.completion_tokens { "max_completion_tokens" } else { "max_tokens" };
    set(max_tokens, json!(request.max_tokens));
    if !habit.no_usage {
        set("stream_options", json!({ "include_usage": true }));
    }
    if !habit.no_temperature {
        // As the decimal that was set: 0.8, not 0.800000011920929.
        let temperature = (f64::from(request.temperature) * 1_000.0).round() / 1_000.0;
        set("temperature", json!(temperature));
    }
    if !request.stop.is_empty() && !habit.no_stop {
        set("stop", json!(request.stop));
    }
    if !habit.no_user {
        set("user", json!(pseudonym(request.user)));
    }
    Value::Object(body)
}

/// Lets the provider tell one abuser from another, and nothing more.
pub(in crate::ai) fn pseudonym(user: UserId) -> String {
    let digest = Sha256::digest(format!("greenroom:{user}"));
    HEXLOWER.encode(&digest[..16])
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::HeaderMap;

    use super::*;

    fn refused(message: &str) -> OpenAIError {
        let body = json!({ "error": { "message": message } }).to_string();
        let refusal = Refusal::new(StatusCode::BAD_REQUEST, &HeaderMap::new(), body.as_bytes());
        OpenAIError::Boxed(Box::new(refusal))
    }

    /// What is learnt of one refusal.
    fn learnt(message: &str) -> Option<Habit> {
        let habits = Habits::of("https://example.com/v1");
        let tried = habits.of_model("m");
        habits.learn("m", tried, &refused(message)).then(|| habits.of_model("m"))
    }

    #[test]
    fn refusals_of_many_providers_teach_one_habit_each() {
        let usual = Habit::default();
        let roles = Roles::default();
        let system = |system| Habit { roles: Roles { system, ..roles }, ..usual };
        let stop = "Argument not supported on this model: stop";
        assert_eq!(learnt(stop), Some(Habit { no_stop: true, ..usual }));
        let unknown = r#"Invalid JSON payload received. Unknown name "user": Cannot find field."#;
        assert_eq!(learnt(unknown), Some(Habit { no_user: true, ..usual }));
        let alternate = "Conversation roles must alternate user/assistant/user/assistant/...";
        assert_eq!(learnt(alternate), Some(Habit { roles: Roles { alternate: true, ..roles }, ..usual }));
        for message in [
            "Developer instruction is not enabled for models/gemma-3-27b-it",
            "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
            "System role not supported",
        ] {
            assert_eq!(learnt(message), Some(system(SystemRole::User)), "{message}");
        }
        let developer = "Use the 'developer' role: the system role is not supported.";
        assert_eq!(learnt(developer), Some(system(SystemRole::Developer)));
        let prefill = "This model does not support assistant message prefill. The conversation must end with a user message.";
        assert_eq!(learnt(prefill), Some(Habit { no_prefill: true, ..usual }));
        assert_eq!(learnt("Your prompt is too long."), None);
    }

    #[test]
    fn a_model_that_sees_nothing_after_all_is_shown_nothing_more() {
        let habits = Habits::of("https://example.com/v1");
        let tried = habits.of_model("m");
        assert_eq!(tried.looks(), Some(Reads::All));
        assert!(!habits.learn_blind("m", tried, &refused("Your prompt is too long.")));
        for message in [
            "Invalid content type. image_url is only supported by certain models.",
            "This model does not support image inputs",
            "Model is not multimodal",
        ] {
            let habits = Habits::of("https://example.com/v1");
            assert!(habits.learn_blind("m", tried, &refused(message)), "{message}");
            let blind = habits.of_model("m");
            assert_eq!(blind.looks(), None);
            assert!(!habits.learn_blind("m", blind, &refused(message)), "once");
        }
        assert_eq!(Habits::of("https://api.x.ai/v1").of_model("m").looks(), Some(Reads::OldOnes));
    }

    #[test]
    fn google_is_told_no_user_and_openai_the_new_name_of_the_limit() {
        let google = Habits::of("https://generativelanguage.googleapis.com/v1beta/openai").of_model("m");
        assert!(google.no_user && !google.completion_tokens);
        let openai = Habits::of("https://api.openai.com/v1").of_model("m");
        assert!(openai.completion_tokens && !openai.no_user);
    }
}
