//! The books that admins see, and the comparison with Stripe: against its stand-in, on a real database.

mod compared;
mod money;

use crate::webhooks::shop;
