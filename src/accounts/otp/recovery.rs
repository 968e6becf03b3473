//! A new password by mobile number: the code proves who asks, in place of the old password.

use greenroom_actors::protocol::Refusal;

use super::verify::wrong_code;
use super::{Code, Mobile, Purpose};
use crate::accounts::history::{AuthEvent, Happened};
use crate::accounts::{Accounts, NewPassword, Origin, Which, store as accounts};
use crate::postgres::refusal;

impl Accounts {
    /// Sets a password and ends all of the account's sign-ins.
    ///
    /// `unauthenticated` for a code that does not hold, whatever is wrong with it; after a right one `forbidden` for an
    /// account that is blocked or deactivated.
    pub async fn reset_by_mobile(
        &self,
        mobile: &Mobile,
        code: &Code,
        password: &NewPassword,
        origin: &Origin,
    ) -> Result<(), Refusal> {
        // Before the code is looked at: no lock waits for a hash, and a wrong code takes as long as a right one.
        let hash = self.hash(password).await?;
        let mut client = self.client().await?;
        let mut transaction = client.transaction().await.map_err(|error| refusal(&error))?;
        let right = self.guess(&mut transaction, mobile, Purpose::ResetPassword, code, origin).await?;
        let done = match right.and_then(|right| right.account) {
            // A right code of a number whose account has gone meanwhile is of no use either.
            None => Err(wrong_code()),
            Some(account) => {
                let event = AuthEvent::PasswordReset;
                let may = self.may_enter(&transaction, &account, event, origin).await?;
                if may.is_ok() {
                    let user = account.profile.id;
                    accounts::set_password(&transaction, user, &hash)
                        .await
                        .map_err(|error| refusal(&error))?;
                    let reset = Happened::new(user, event, origin);
                    reset.record(&transaction).await.map_err(|error| refusal(&error))?;
                    self.tell_of_change(&transaction, &account.profile, origin).await?;
                    self.end_sign_ins(&transaction, user, Which::All, "password_reset").await?;
                    tracing::info!(%user, "a password was reset by mobile number");
                }
                may
            }
        };
        transaction.commit().await.map_err(|error| refusal(&error))?;
        done
    }
}
