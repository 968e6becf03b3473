//! Black-box load generator and provider simulator for Greenroom.
//!
//! It knows the server only by its public protocol, by the ids that `greenroom seed --load` gives, and by what the
//! operating system tells about its process. See `README.md` for what each scenario measures.

pub mod clock;
pub mod measure;
pub mod native;
pub mod net;
pub mod sim;
pub mod double;
pub mod floor;
pub mod report;
pub mod scenarios;
