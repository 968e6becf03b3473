//! What is sent, and what each model wants to be called otherwise.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_openai::error::OpenAIError;
use greenroom_actors::ports::{GenerateRequest, PromptMessage, PromptRole};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use super::error::Refusal;

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
}

/// What was learnt of the models of one provider.
pub(super) struct Habits {
    usual: Habit,
    of_models: Mutex<HashMap<String, Habit>>,
}

impl Habits {
    pub fn of(base_url: &str) -> Self {
        // OpenAI itself has gone over to the new name; most others know only the old one.
        let usual = Habit { completion_tokens: base_url.contains("//api.openai.com/"), ..Habit::default() };
        Self { usual, of_models: Mutex::default() }
    }

    pub fn of_model(&self, model: &str) -> Habit {
        let models = self.of_models.lock().unwrap_or_else(PoisonError::into_inner);
        models.get(model).copied().unwrap_or(self.usual)
    }

    /// Whether this error says that another form of the request would do. Each change is made once, so that this ends.
    pub fn learn(&self, model: &str, tried: Habit, error: &OpenAIError) -> bool {
        let Some(refusal) = Refusal::of(error) else { return false };
        let mut habit = tried;
        let switches: [(&str, &mut bool); 4] = [
            ("max_tokens", &mut habit.completion_tokens),
            ("temperature", &mut habit.no_temperature),
            ("stream_options", &mut habit.no_usage),
            ("user", &mut habit.no_user),
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
        let learnt = habit != tried;
        if learnt {
            tracing::debug!(model, ?habit, "a model wants its request in another form");
            let mut models = self.of_models.lock().unwrap_or_else(PoisonError::into_inner);
            if models.len() >= MODELS_MAX {
                models.clear();
            }
            models.insert(model.to_owned(), habit);
        }
        learnt
    }
}

/// The body of the request.
pub(super) fn body(request: &GenerateRequest, model: &str, habit: Habit) -> Value {
    let mut body = Map::new();
    let mut set = |name: &str, value: Value| body.insert(name.to_owned(), value);
    set("model", json!(model));
    set("messages", request.messages.iter().map(message).collect());
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
    if !request.stop.is_empty() {
        set("stop", json!(request.stop));
    }
    if !habit.no_user {
        set("user", json!(pseudonym(request)));
    }
    Value::Object(body)
}

fn message(message: &PromptMessage) -> Value {
    let role = match message.role {
        PromptRole::System => "system",
        PromptRole::User | PromptRole::Note => "user",
        PromptRole::Assistant => "assistant",
    };
    json!({ "role": role, "content": message.content })
}

/// Lets the provider tell one abuser from another, and nothing more.
fn pseudonym(request: &GenerateRequest) -> String {
    let digest = Sha256::digest(format!("greenroom:{}", request.user));
    digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}
