//! Signing up by e-mail address and password.

use greenroom_actors::domain::UserId;
use greenroom_actors::protocol::{Refusal, RefusalCode};

use super::history::{AuthEvent, Happened};
use super::rules::{self, Email, Username};
use super::store::{self, NewAccount, Taken};
use super::{Accounts, NewPassword, Opened, Origin, Role};
use crate::error::FieldError;
use crate::postgres::refusal;

/// Somebody new, checked.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub(super) email: Email,
    pub(super) username: Username,
    pub(super) display_name: String,
}

impl NewUser {
    /// Checks all fields and answers every one that is wrong.
    pub fn check(email: &str, username: &str, display_name: Option<&str>) -> Result<Self, Vec<FieldError>> {
        let email = rules::email(email);
        let checked_username = rules::username(username);
        let display_name = rules::display_name(display_name.unwrap_or(username));
        match (email, checked_username, display_name) {
            (Ok(email), Ok(username), Ok(display_name)) => Ok(Self { email, username, display_name }),
            (email, username, display_name) => {
                // A display name that was not given is the username: then it is wrong only once.
                let display_name = display_name.err().filter(|_| username.is_ok());
                Err([email.err(), username.err(), display_name].into_iter().flatten().collect())
            }
        }
    }

    /// What limits count tries by.
    #[must_use]
    pub fn identity(&self) -> &str {
        &self.email.key
    }

    /// What a password may not be made of.
    #[must_use]
    pub fn known(&self) -> [&str; 3] {
        [&self.username.typed, &self.display_name, &self.email.typed]
    }
}

/// What is taken, for a person.
pub(super) fn taken(taken: Taken) -> Refusal {
    let message = match taken {
        Taken::Email => "this e-mail address has an account already",
        Taken::Mobile => "this mobile number has an account already",
        Taken::Username => "this username is taken",
    };
    Refusal::new(RefusalCode::Conflict, message)
}

impl Accounts {
    /// Makes an account, sends the link that proves its address, and signs it in. `conflict` names what is taken.
    pub async fn register(
        &self,
        new: &NewUser,
        password: &NewPassword,
        origin: &Origin,
    ) -> Result<Opened, Refusal> {
        if !self.0.config.auth.registration {
            return Err(Refusal::new(RefusalCode::Forbidden, "this server takes no new accounts"));
        }
        let hash = self.hash(password).await?;
        let id = UserId::new();
        let new_account = NewAccount {
            id,
            email: Some(&new.email),
            email_verified: false,
            mobile: None,
            username: &new.username,
            display_name: &new.display_name,
            role: Role::User,
            plan: &self.default_plan(),
            password_hash: Some(&hash),
            seeded: false,
        };
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let made = store::insert(&transaction, &new_account).await.map_err(|error| refusal(&error))?;
        made.map_err(taken)?;
        let account = store::by_id(&transaction, id).await.map_err(|error| refusal(&error))?;
        let Some(profile) = account.map(|account| account.profile) else {
            return Err(Refusal::new(RefusalCode::Internal, "the account was not made"));
        };
        let registered = Happened::new(id, AuthEvent::Registered, origin);
        registered.record(&transaction).await.map_err(|error| refusal(&error))?;
        self.send_verification(&transaction, &profile).await?;
        transaction.commit().await.map_err(|error| refusal(&error))?;
        // The next step takes a connection of its own.
        drop(client);
        tracing::info!(user = %id, "an account was made");
        self.open_sign_in(profile, origin).await
    }

    /// Stores a new account. `conflict` names what is taken.
    pub(super) async fn make(&self, new: &NewAccount<'_>) -> Result<(), Refusal> {
        let client = self.client().await?;
        let made = store::insert(&client, new).await.map_err(|error| refusal(&error))?;
        made.map_err(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_with_somebody_new_is_told_at_once() {
        let wrong = NewUser::check("mira", "x", None).unwrap_err();
        let fields: Vec<&str> = wrong.iter().map(|error| error.field.as_ref()).collect();
        assert_eq!(fields, ["email", "username"]);
        let wrong = NewUser::check("mira@example.com", "mira", Some(" ")).unwrap_err();
        assert_eq!(wrong[0].field, "displayName");
    }

    #[test]
    fn who_gives_no_display_name_is_called_by_the_username() {
        let new = NewUser::check("Mira@example.com", "Mira", None).unwrap();
        assert_eq!((new.display_name.as_str(), new.identity()), ("Mira", "mira@example.com"));
    }
}
