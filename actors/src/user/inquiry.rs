//! Whether a message may be sent, without sending it: as a reservation is decided, but nothing is taken.

use std::sync::Arc;

use super::quota::{self, Quota};
use super::{ReplyKind, State, User, quota_exceeded};
use crate::domain::{Meter, UserId};
use crate::ports::UserRecord;
use crate::protocol::{Allowance, Inquiry, Refusal, RefusalCode};

impl User {
    pub(super) async fn inquire(&self, state: &mut State, inquiry: Inquiry) -> Result<Allowance, Refusal> {
        let day = self.ready(state).await?;
        let Some(record) = state.record.clone() else {
            return Err(Refusal::new(RefusalCode::NotFound, "there is no such account"));
        };
        let now = self.context.ports.clock.now();
        let (meters, mut refusal) = self.wanted(state.id, &record, inquiry, day);
        let per_minute = self.context.settings.room.messages_per_minute;
        if refusal.is_none()
            && !record.plan.premium
            && let Err(wait) = state.pace.would_take(per_minute, now)
        {
            refusal = Some(super::too_fast(wait));
        }
        let mut resets_at = None;
        if refusal.is_none() && state.quota.fits(&meters).is_err() {
            // As for a reservation: the database has the last word on what is full.
            self.load_meters(state, &record, day).await.map_err(|error| super::dependency_down(&error))?;
            if let Err(full) = state.quota.fits(&meters) {
                let window = record.plan.limit(full.key.scope).map(|(_, window)| window);
                resets_at = window.and_then(|window| window.resets_at(now, &record.time_zone));
                refusal = Some(quota_exceeded(&full, &record.plan));
            }
        }
        let usage = Arc::new(state.quota.lines(&record.plan, &meters, now, &record.time_zone));
        Ok(Allowance { refusal, resets_at, usage })
    }

    /// The meters that it would move; and why not, where the reply that is asked for is not to be had.
    fn wanted(
        &self,
        user: UserId,
        record: &UserRecord,
        inquiry: Inquiry,
        day: jiff::civil::Date,
    ) -> (Vec<Meter>, Option<Refusal>) {
        let Inquiry { character, kind, reply_kind, usual } = inquiry;
        let reply = ReplyKind::wanted(&self.context, reply_kind, usual);
        let counted = reply.and_then(|reply| quota::counted(kind, Some(reply), &record.plan));
        let (counted, refusal) = match counted {
            Ok(counted) => (counted, None),
            Err(refusal) => (kind, Some(refusal)),
        };
        (Quota::meters(&record.plan, user, character, counted, day), refusal)
    }
}
