//! The trial of the webhooks that an admin can ask for: an event of our own, signed as Stripe signs, goes the whole way of a
//! real one, and one that is forged is refused.

use std::time::Instant;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{EventState, Taken, Untaken, Webhooks};
use crate::billing::stripe::{BadWebhook, signature_header};
use crate::config::KeyMode;

/// A type that has no effect: it is kept as one that is ignored.
const KIND: &str = "greenroom.test";

/// One step of the trial.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct Step {
    /// `settings`, `stripe`, `signed`, `kept`, `repeated` or `forged`.
    #[schema(value_type = String)]
    name: &'static str,
    ok: bool,
    /// What was found, or what is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    took_ms: f64,
}

/// What the trial came to.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trial {
    /// Whether all steps went well.
    ok: bool,
    steps: Vec<Step>,
}

#[derive(Default)]
struct Steps(Vec<Step>);

impl Steps {
    async fn add(&mut self, name: &'static str, step: impl Future<Output = Result<String, String>>) -> bool {
        let started = Instant::now();
        let found = step.await;
        let (ok, detail) = match found {
            Ok(detail) => (true, detail),
            Err(wrong) => (false, wrong),
        };
        let took_ms = (started.elapsed().as_secs_f64() * 1e5).round() / 1e2;
        self.0.push(Step { name, ok, detail: Some(detail).filter(|it| !it.is_empty()), took_ms });
        ok
    }
}

impl Webhooks {
    pub(super) async fn trial(&self) -> Trial {
        let mut steps = Steps::default();
        let set = steps.add("settings", async { self.is_set() }).await;
        if set {
            steps.add("stripe", self.key_is_good()).await;
            let id = format!("evt_greenroom_{}", Uuid::now_v7().simple());
            let body = self.own_event(&id);
            let secret = &self.0.settings.secrets[0];
            if steps.add("signed", self.sent(&body, secret, Taken::Now)).await {
                steps.add("kept", self.is_kept(&id)).await;
                steps.add("repeated", self.sent(&body, secret, Taken::Before)).await;
            }
            steps.add("forged", self.refuses_forged(&body)).await;
        }
        Trial { ok: steps.0.iter().all(|step| step.ok), steps: steps.0 }
    }

    fn is_set(&self) -> Result<String, String> {
        if self.0.stripe.is_none() {
            return Err("stripe.secret_key is not set".to_owned());
        }
        let secrets = self.0.settings.secrets.len();
        if secrets == 0 {
            return Err("stripe.webhook_secrets is not set".to_owned());
        }
        let mode = match self.0.settings.mode {
            Some(KeyMode::Live) => "a key for real money",
            Some(KeyMode::Test) => "a key of the test mode",
            None => "a key of no known mode",
        };
        Ok(format!("{mode}, {secrets} secret(s)"))
    }

    async fn key_is_good(&self) -> Result<String, String> {
        let Some((stripe, _)) = &self.0.stripe else { return Err("no key is set".to_owned()) };
        let events = stripe.list_events(Timestamp::now(), None).await;
        events.map(|_| "Stripe answers".to_owned()).map_err(|error| error.to_string())
    }

    fn own_event(&self, id: &str) -> Vec<u8> {
        let event = json!({
            "id": id,
            "object": "event",
            "type": KIND,
            "created": Timestamp::now().as_second(),
            "livemode": self.0.settings.mode == Some(KeyMode::Live),
            "api_version": null,
            "data": { "object": { "id": id, "object": KIND } },
        });
        event.to_string().into_bytes()
    }

    async fn sent(&self, body: &[u8], secret: &SecretString, wanted: Taken) -> Result<String, String> {
        let header = signature_header(secret, Timestamp::now(), body);
        match self.take(body, &header).await {
            Ok(taken) if taken == wanted => Ok(String::new()),
            Ok(_) => Err("it was taken for one that had come before, or the other way round".to_owned()),
            Err(Untaken::Bad(why)) => Err(why.to_string()),
            Err(Untaken::Off(setting)) => Err(format!("{setting} is not set")),
            Err(Untaken::Refused(refusal)) => Err(refusal.message),
        }
    }

    async fn is_kept(&self, id: &str) -> Result<String, String> {
        let (kept, _) = self.find(id).await.map_err(|refusal| refusal.message)?;
        match kept.state {
            EventState::Ignored => Ok(id.to_owned()),
            state => Err(format!("it is {}", state.as_str())),
        }
    }

    async fn refuses_forged(&self, body: &[u8]) -> Result<String, String> {
        let other = SecretString::from(format!("whsec_{}", Uuid::new_v4().simple()));
        let header = signature_header(&other, Timestamp::now(), body);
        match self.take(body, &header).await {
            Err(Untaken::Bad(BadWebhook::Forged)) => Ok("refused".to_owned()),
            _ => Err("a signature by another secret was not refused".to_owned()),
        }
    }
}
