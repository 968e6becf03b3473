//! The sign-in of a socket: a token is shown, checked, and answered with whose it is.

use greenroom_actors::protocol::{Refusal, RefusalCode, Responder};
use greenroom_actors::session::{CloseCode, Pacing, SignIn};

use super::calls::run;
use super::{SessionActor, SocketContext};
use crate::accounts::{Role, TokenError};
use crate::realtime::backend::{Answer, Verification, Verified};
use crate::realtime::delivery::{ProfileAnswer, ToSession, VerifiedAnswer};
use crate::realtime::hub::{Served, SessionInfo};
use crate::realtime::wire::{self, CommandId};

/// Whether the same token will be refused again: bad, or of an account that is gone or blocked.
fn is_final(refusal: &Refusal) -> bool {
    matches!(refusal.code, RefusalCode::Unauthenticated | RefusalCode::Forbidden | RefusalCode::NotFound)
}

impl SessionActor {
    /// A token was shown: with the upgrade (`ready`), or by `auth`.
    pub(in crate::realtime) fn on_token(
        &mut self,
        token: &str,
        id: Option<CommandId>,
        ready: bool,
        context: &mut SocketContext,
    ) {
        match self.backend.verify(token) {
            Verification::Done(result) => {
                let refused =
                    |error: TokenError| Refusal::new(RefusalCode::Unauthenticated, error.to_string());
                self.on_checked(result.map_err(refused), id, ready, context);
            }
            Verification::Asked(asked) => self.ask_provider(asked, id, ready, context),
        }
    }

    /// The check takes its time; until it has ended the socket stands where it stood, its deadline too.
    fn ask_provider(
        &mut self,
        asked: Answer<'static, Verified>,
        id: Option<CommandId>,
        ready: bool,
        context: &mut SocketContext,
    ) {
        if self.verifying {
            // One at a time: the answers of two could come in the other order.
            let refusal = Refusal::new(RefusalCode::Conflict, "a token of this socket is being checked");
            return self.refuse(id.as_ref(), "auth", &refusal, context);
        }
        if self.count_feature_call(id.as_ref(), "auth", context).is_none() {
            return;
        }
        self.verifying = true;
        let address = context.address();
        let responder = Responder::new(move |result| {
            drop(address.try_send(ToSession::Verified(Box::new(VerifiedAnswer { id, ready, result }))));
        });
        run(responder, asked);
    }

    pub(super) fn on_verified(&mut self, answer: VerifiedAnswer, context: &mut SocketContext) {
        self.verifying = false;
        let VerifiedAnswer { id, ready, result } = answer;
        self.on_checked(result, id, ready, context);
    }

    fn on_checked(
        &mut self,
        checked: Result<Verified, Refusal>,
        id: Option<CommandId>,
        ready: bool,
        context: &mut SocketContext,
    ) {
        let verified = match checked {
            Ok(verified) => verified,
            Err(refusal) if ready && context.deny(&refusal).is_break() => return,
            Err(refusal) => {
                self.refuse(id.as_ref(), "auth", &refusal, context);
                // A socket that is signed in keeps the time that it has; what passes can be tried again.
                if self.core.identity().is_none() && is_final(&refusal) {
                    self.close(CloseCode::TokenEnded, context);
                }
                return;
            }
        };
        let user = verified.identity.user;
        let pacing = if verified.identity.premium { Pacing::Free } else { Pacing::Paced };
        match self.core.sign_in(verified.identity) {
            Err(refusal) => return self.refuse(id.as_ref(), "auth", &refusal, context),
            Ok(SignIn::Prolonged) => {
                self.hub.people().update(self.core.id(), |info| info.sign_in = verified.sign_in);
                self.hub.plan_changed(user, &verified.plan, pacing);
            }
            Ok(SignIn::First) => {
                let info = SessionInfo {
                    id: self.core.id(),
                    user,
                    username: None,
                    role: Role::from(verified.identity.role),
                    sign_in: verified.sign_in,
                    address: self.address,
                    connected_at: self.connected_at,
                    presence: self.core.presence(),
                    rooms: 0,
                };
                let per_user_max = self.hub.settings().sockets_per_user_max;
                let served = Served::new(verified.plan, self.pace.clone(), pacing);
                if self.hub.people().add(info, self.shard.index(), served, per_user_max).is_err() {
                    return self.close(CloseCode::TooManySockets, context);
                }
                self.hub.presence_changed(user);
                if let Some(local) = &self.local {
                    local.set_signed_in();
                }
            }
        }
        self.set_due();
        self.ask_profile((user, verified.sign_in), id, ready, context);
    }

    pub(super) fn on_profile(&mut self, answer: ProfileAnswer, context: &mut SocketContext) {
        let ProfileAnswer { id, ready, result } = answer;
        let id = id.as_ref();
        let Some(identity) = self.core.identity() else { return };
        let profile = match result {
            Ok(profile) => profile,
            Err(refusal) if ready && context.deny(&refusal).is_break() => return,
            Err(refusal) => {
                self.refuse(id, "auth", &refusal, context);
                // Gone or blocked. Anything else passes, and `auth` can be sent again.
                if is_final(&refusal) {
                    self.close(CloseCode::TokenEnded, context);
                }
                return;
            }
        };
        self.hub.plan_changed(identity.user, &profile.plan, profile.pacing);
        let signed_in = wire::SignedIn::new(identity.user, &profile, self.core.id(), identity.expires_at);
        if ready {
            context.ready(self.core.id(), wire::ready(&signed_in));
        } else if let Some(id) = id {
            context.text(wire::ack(id, &signed_in));
        }
        self.hub.people().name(self.core.id(), profile.username.into());
    }
}
