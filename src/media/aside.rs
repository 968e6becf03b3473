//! Work that takes long and that nobody waits for at a socket: on threads of its own, which step back for all others.
//!
//! Decoding pictures keeps a core busy for as long as pictures come. On the runtime's own threads it would have the same claim
//! to that core as those who answer messages.

use std::thread;

use tokio::sync::oneshot;

/// How far they step back, of 19: a busy core still gives them some percent.
#[cfg(target_os = "linux")]
const NICE: i32 = 15;

/// Does it; `Err`: it broke off.
pub async fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, String> {
    let (done, answer) = oneshot::channel();
    let spawned = thread::Builder::new().name("media".to_owned()).spawn(move || {
        step_back();
        // Where nobody waits any more, nothing is left to do.
        drop(done.send(work()));
    });
    spawned.map_err(|error| error.to_string())?;
    answer.await.map_err(|_| "it broke off".to_owned())
}

/// On Linux each thread has a priority of its own, and those that it starts have the same.
#[cfg(target_os = "linux")]
fn step_back() {
    // Without it the work is done all the same.
    let _ = rustix::process::setpriority_process(None, NICE);
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_answered_and_what_breaks_off_is_told() {
        assert_eq!(aside(|| 7).await, Ok(7));
        assert_eq!(aside(|| panic!("of the test")).await, Err::<(), _>("it broke off".to_owned()));
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn it_steps_back_with_what_it_starts_and_nobody_else_does() {
        let nice = || rustix::process::getpriority_process(None).unwrap();
        let both = aside(move || (nice(), thread::spawn(nice).join().unwrap())).await;
        assert_eq!(both, Ok((NICE, NICE)));
        assert_eq!(nice(), 0);
    }
}
