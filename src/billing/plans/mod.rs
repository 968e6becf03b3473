//! Plans as data of the operator's: what they are for clients, what somebody may send under theirs, and that none vanishes
//! which somebody has.
//!
//! The plans themselves are the engine's [`Catalogue`](greenroom_actors::domain::Catalogue), one for the whole process,
//! which a reload of the settings fills anew.

mod in_use;
mod routes;
mod store;
mod usage;
mod view;

pub use in_use::{NotTaken, check_in_use, is_set_up};
pub use routes::routes;
pub use usage::{CanSendView, PlanUsageView, Quotas, Wanted};
pub use view::{ClassView, Offers, PerCharacterView, PlanList, PlanView, Sales, TermView, WindowView};
