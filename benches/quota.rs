//! What the question costs whether a message fits the plan: `cargo bench --bench quota`.
//!
//! `check` is all that a user's actor does for it, for a plan with a limit a day and one to a character: reserve, tell, and
//! give back. `ask` goes through the actor: into its mailbox, to its thread and back.

use divan::Bencher;
use greenroom_actors::domain::MessageKind;
use greenroom_actors::protocol::Inquiry;
use greenroom_actors::testsuite::{QuotaProbe, TestEngine, character};

fn main() {
    divan::main();
}

#[divan::bench]
fn check(bencher: Bencher<'_, '_>) {
    let mut probe = QuotaProbe::default();
    bencher.bench_local(|| probe.reserve_and_release());
}

#[divan::bench]
fn ask(bencher: Bencher<'_, '_>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let test = runtime.block_on(TestEngine::start(|_| {}));
    let (user, character) = (test.store.add_user("basic"), test.store.add_character(character("Ada")));
    let kind = MessageKind::Text;
    let inquiry = Inquiry { character, kind, reply_kind: None, usual: kind };
    bencher.bench_local(|| runtime.block_on(test.engine.may_send(user, inquiry)).unwrap());
}
