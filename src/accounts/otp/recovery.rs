//! A new password by mobile number: the code proves who asks, in place of the old password.

use greenroom_actors::protocol::Refusal;

use super::verify::{may_sign_in, wrong_code};
use super::{Code, Mobile, Purpose, store};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::{Accounts, Origin, Which};
use crate::postgres::refusal;

impl Accounts {
    /// Sets a password that fits the rules and ends all of the account's sign-ins.
    ///
    /// `unauthenticated` for a code that does not hold, whatever is wrong with it; after a right one `forbidden` for an
    /// account that is blocked or deactivated.
    pub async fn reset_by_mobile(
        &self,
        mobile: &Mobile,
        code: &Code,
        new_password: &str,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        // Before the code is looked at: no lock waits for a hash, and a wrong code takes as long as a right one.
        let hash = self.0.passwords.hash(new_password).await?;
        let mut client = self.client().await?;
        let transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let right = self.guess(&transaction, mobile, Purpose::ResetPassword, code, origin).await?;
        let done = match right.and_then(|right| right.account) {
            // A right code of a number whose account has gone meanwhile is of no use either.
            None => Err(wrong_code()),
            Some(account) => {
                let may = may_sign_in(
                    &transaction,
                    &account,
                    self.0.config.auth.erase_after_days,
                    AuthEvent::PasswordReset,
                    origin,
                )
                .await?;
                if may.is_ok() {
                    let user = account.profile.id;
                    store::set_password(&transaction, user, &hash).await.map_err(|error| refusal(&error))?;
                    let reset = Happened::new(user, AuthEvent::PasswordReset, origin);
                    reset.record(&transaction).await.map_err(|error| refusal(&error))?;
                    self.end_sign_ins(&transaction, user, Which::All, "password_reset").await?;
                }
                may
            }
        };
        transaction.commit().await.map_err(|error| refusal(&error))?;
        done
    }
}
