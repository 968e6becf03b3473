//! Sending codes: to sign in, to sign up, to set a new password; and what may be asked about a number.

use greenroom_actors::protocol::{Refusal, RefusalCode};
use jiff::Timestamp;

use super::decide::{keeps_password, next_send, until};
use super::store::{self, SignUp};
use super::{Code, Mobile, Purpose};
use crate::accounts::{Accounts, NewPassword, Origin, rules, store as accounts};
use crate::error::FieldError;
use crate::outbound::{Channel, Text};
use crate::postgres::refusal;

/// A code is on its way.
#[derive(Clone, Debug)]
pub struct Sent {
    pub expires_at: Timestamp,
    /// In development, where nothing sends text messages: for whoever tries the server out.
    pub code: Option<Code>,
}

/// How a number stands with its sign-in code. All nothing where lookups are switched off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OtpStatus {
    pub pending: bool,
    pub expires_at: Option<Timestamp>,
    pub tries_left: Option<u32>,
    /// When the next code may be sent; `None`: at once.
    pub next_send_at: Option<Timestamp>,
}

/// Somebody who signs up by number, checked.
#[derive(Clone, Debug)]
pub struct MobileSignUp {
    pub(super) mobile: Mobile,
    name: Option<String>,
}

impl MobileSignUp {
    /// Checks all fields and answers every one that is wrong. Whether the password can be guessed takes longer to say:
    /// [`Accounts::new_password`].
    pub fn check(
        mobile: &str,
        default_region: &str,
        name: Option<&str>,
        password: Option<&str>,
    ) -> Result<Self, Vec<FieldError>> {
        let mobile = Mobile::parse(mobile, default_region);
        let name = name
            .map(rules::display_name)
            .transpose()
            .map_err(|error| FieldError { field: "name".into(), ..error });
        let fits = password.map(rules::password).transpose();
        match (mobile, name, fits) {
            (Ok(mobile), Ok(name), Ok(_)) => Ok(Self { mobile, name }),
            (mobile, name, fits) => {
                Err([mobile.err(), name.err(), fits.err()].into_iter().flatten().collect())
            }
        }
    }

    /// What a password may not be made of.
    #[must_use]
    pub fn known(&self) -> [&str; 2] {
        [self.mobile.as_str(), self.name.as_deref().unwrap_or_default()]
    }
}

/// Whom a code goes to; for the others all is done but the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    Anybody,
    KnownNumbers,
}

impl Accounts {
    /// Sends a code to sign in with; an unknown number makes an account with it.
    ///
    /// `rate_limited` with the wait when this number had its codes; `feature_unavailable` where no message can be sent.
    pub async fn send_code(&self, mobile: &Mobile, origin: &Origin) -> Result<Sent, Refusal> {
        let asked = SignUp { from: from(origin), ..SignUp::default() };
        self.send(mobile, Purpose::SignIn, asked).await
    }

    /// The same, with a name and a password for the account that the code makes. A known number's account stays as it is.
    pub async fn sign_up_by_mobile(
        &self,
        new: &MobileSignUp,
        password: Option<&NewPassword>,
        origin: &Origin,
    ) -> Result<Sent, Refusal> {
        if !self.0.config.auth.registration {
            return Err(Refusal::new(RefusalCode::Forbidden, "this server takes no new accounts"));
        }
        self.0.outbound.needs_sms()?;
        let password_hash = match password {
            Some(password) => Some(self.hash(password).await?),
            None => None,
        };
        let asked = SignUp { from: from(origin), name: new.name.clone(), password_hash };
        self.send(&new.mobile, Purpose::SignIn, asked).await
    }

    /// Sends a code to set a new password with, if the number has an account; answers alike if not.
    pub async fn forgot_by_mobile(&self, mobile: &Mobile, origin: &Origin) -> Result<Sent, Refusal> {
        let asked = SignUp { from: from(origin), ..SignUp::default() };
        self.send(mobile, Purpose::ResetPassword, asked).await
    }

    fn reach(&self, purpose: Purpose) -> Reach {
        match purpose {
            Purpose::SignIn if self.0.config.auth.registration => Reach::Anybody,
            Purpose::SignIn | Purpose::ResetPassword => Reach::KnownNumbers,
        }
    }

    async fn send(&self, mobile: &Mobile, purpose: Purpose, mut asked: SignUp) -> Result<Sent, Refusal> {
        self.0.outbound.needs_sms()?;
        let otp = &self.0.config.auth.otp;
        let code = Code::make();
        let hash = self.0.codes.hash(mobile, purpose, &code);
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        store::lock_sends(&transaction, mobile).await.map_err(|error| refusal(&error))?;
        let before = store::sends(&transaction, mobile, purpose, otp.sends_per_hour)
            .await
            .map_err(|error| refusal(&error))?;
        if let Some(next) = next_send(&before.sent, before.now, otp) {
            return Err(too_often(next, before.now));
        }
        if !keeps_password(before.pending_from.as_deref(), &asked.from) {
            asked.password_hash = None;
        }
        store::note_send(&transaction, mobile).await.map_err(|error| refusal(&error))?;
        let expires_at = store::keep(&transaction, mobile, purpose, &hash, otp.ttl_s, &asked)
            .await
            .map_err(|error| refusal(&error))?;
        let known =
            accounts::by_mobile(&transaction, mobile.as_str()).await.map_err(|error| refusal(&error))?;
        // The message is queued for all, and taken back for those who get none: the same work either way.
        let queued = transaction.transaction().await.map_err(|error| refusal(&error))?;
        self.0.outbound.send_sms(&queued, mobile.as_str(), &text(purpose, &code, otp.ttl_s)).await?;
        let sends = known.is_some() || self.reach(purpose) == Reach::Anybody;
        let ended = if sends { queued.commit().await } else { queued.rollback().await };
        ended.map_err(|error| refusal(&error))?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        tracing::info!(?mobile, purpose = purpose.as_str(), "a code was sent");
        let shown = !self.0.config.is_production() && self.0.outbound.sms() == Channel::Outbox;
        Ok(Sent { expires_at, code: shown.then_some(code) })
    }

    /// Whether the number has an account; `false` for all where lookups are switched off.
    pub async fn is_mobile_known(&self, mobile: &Mobile) -> Result<bool, Refusal> {
        if !self.0.config.auth.lookups {
            return Ok(false);
        }
        let client = self.client().await?;
        let found = accounts::by_mobile(&client, mobile.as_str()).await.map_err(|error| refusal(&error))?;
        Ok(found.is_some())
    }

    /// How the number stands with its sign-in code.
    pub async fn otp_status(&self, mobile: &Mobile) -> Result<OtpStatus, Refusal> {
        if !self.0.config.auth.lookups {
            return Ok(OtpStatus::default());
        }
        let otp = &self.0.config.auth.otp;
        let client = self.client().await?;
        let purpose = Purpose::SignIn;
        let pending = store::pending(&client, mobile, purpose).await.map_err(|error| refusal(&error))?;
        let sends = store::sends(&client, mobile, purpose, otp.sends_per_hour)
            .await
            .map_err(|error| refusal(&error))?;
        Ok(OtpStatus {
            pending: pending.is_some_and(|(_, tries)| tries < otp.tries_max),
            expires_at: pending.map(|(expires_at, _)| expires_at),
            tries_left: pending.map(|(_, tries)| otp.tries_max.saturating_sub(tries)),
            next_send_at: next_send(&sends.sent, sends.now, otp),
        })
    }
}

fn from(origin: &Origin) -> String {
    origin.address.clone().unwrap_or_default()
}

fn text(purpose: Purpose, code: &Code, ttl_s: u32) -> Text {
    let (code, minutes) = (code.expose().to_owned(), ttl_s.div_ceil(60));
    match purpose {
        Purpose::SignIn => Text::SignInCode { code, minutes },
        Purpose::ResetPassword => Text::ResetCode { code, minutes },
    }
}

fn too_often(next: Timestamp, now: Timestamp) -> Refusal {
    Refusal::temporary(
        RefusalCode::RateLimited,
        "a code was sent to this number already: wait a little before the next one",
        until(next, now),
    )
}
