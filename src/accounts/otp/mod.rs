//! Sign-in and sign-up by mobile number and one-time password.
//!
//! A number has one code for a purpose; a new one voids the one before. How many go to a number is counted in the
//! database under a lock of that number, and guesses under the lock of the code's row, so both hold exactly over all
//! nodes and for requests of the same moment. Known and unknown numbers are answered alike, after the same statements.

mod code;
mod decide;
mod mobile;
mod recovery;
pub(super) mod routes;
mod send;
mod store;
mod verify;

pub use code::{Code, CodeKey, Purpose};
pub use mobile::{Mobile, is_region};
pub use routes::routes;
pub use send::{MobileSignUp, OtpStatus, Sent};
pub(super) use store::sweep;
pub use verify::Proved;
