//! What does the jobs: open what is sealed, word it, and let it out.

use std::fmt::Display;

use deadpool_postgres::Pool;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::sealed::{MAIL, MailJob, Payload, SMS, SmsJob};
use super::store::{self, NewKept};
use super::{Outbound, Way};
use crate::jobs::{Handler, Job, JobError};
use crate::postgres::refusal;

pub(super) struct SendMail {
    pub outbound: Outbound,
    pub pool: Pool,
}

pub(super) struct SendSms {
    pub outbound: Outbound,
    pub pool: Pool,
}

impl Handler for SendMail {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        self.send(job).boxed()
    }
}

impl Handler for SendSms {
    fn handle<'a>(&'a self, job: &'a Job) -> BoxFuture<'a, Result<(), JobError>> {
        self.send(job).boxed()
    }
}

impl SendMail {
    async fn send(&self, job: &Job) -> Result<(), JobError> {
        let inner = &self.outbound.inner;
        let payload = Payload::read(&job.payload).map_err(never)?;
        if is_void(&self.pool, job, &payload).await? {
            return Ok(());
        }
        let MailJob { to, locale, letter } = payload.open(&inner.seal, MAIL).map_err(never)?;
        let worded = inner.words.mail(&locale, &letter).map_err(never)?;
        match &inner.mail {
            Way::On(smtp) => smtp.send(job, &to, worded).await,
            Way::Outbox => {
                let kept = NewKept {
                    id: job.id.uuid(),
                    channel: "mail",
                    to: &to,
                    subject: Some(&worded.subject),
                    text: &worded.text,
                    html: Some(&worded.html),
                };
                keep(&self.pool, &kept).await
            }
            Way::Off => Err(off(super::MAIL_SETTING)),
        }
    }
}

impl SendSms {
    async fn send(&self, job: &Job) -> Result<(), JobError> {
        let inner = &self.outbound.inner;
        let payload = Payload::read(&job.payload).map_err(never)?;
        if is_void(&self.pool, job, &payload).await? {
            return Ok(());
        }
        let SmsJob { to, text } = payload.open(&inner.seal, SMS).map_err(never)?;
        let body = inner.words.sms(&inner.sms_locale, &text).map_err(never)?;
        match &inner.sms {
            Way::On(webhook) => webhook.send(job, &to, &body).await,
            Way::Outbox => {
                let id = job.id.uuid();
                let kept = NewKept { id, channel: "sms", to: &to, subject: None, text: &body, html: None };
                keep(&self.pool, &kept).await
            }
            Way::Off => Err(off(super::SMS_SETTING)),
        }
    }
}

/// Whether the code or link in it holds no more: it would only confuse whoever gets it.
async fn is_void(pool: &Pool, job: &Job, payload: &Payload) -> Result<bool, JobError> {
    let Some(expires_at) = payload.expires_at else { return Ok(false) };
    let now = async { store::now(&pool.get().await?).await };
    let void = now.await.map_err(|error| again(&refusal(&error).message))? >= expires_at;
    if void {
        tracing::warn!(job = %job.id, kind = job.kind, %expires_at, "what it held expired before it could be sent");
    }
    Ok(void)
}

async fn keep(pool: &Pool, letter: &NewKept<'_>) -> Result<(), JobError> {
    let kept = async { store::keep(&pool.get().await?, letter).await };
    kept.await.map_err(|error| again(&refusal(&error).message))
}

fn again(why: &(impl Display + ?Sized)) -> JobError {
    JobError::Again(why.to_string())
}

fn never(why: impl Display) -> JobError {
    JobError::Never(why.to_string())
}

/// Another node may be set up better, or this one soon.
fn off(setting: &str) -> JobError {
    JobError::Again(format!("{setting} is not set on this node"))
}
