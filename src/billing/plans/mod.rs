//! Plans as data of the operator's: what they are for clients, what somebody may send under theirs, and how they change
//! while the server runs.

mod view;

pub use view::{ClassView, Offers, PerCharacterView, PlanList, PlanView, Sales, TermView, WindowView};
