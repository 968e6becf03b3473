//! Letters to people: over real SMTP and HTTP, on a real database, with every fault on the way.

mod support;

#[path = "outbound/killed.rs"]
mod killed;
#[path = "outbound/mail.rs"]
mod mail;
#[path = "outbound/mime.rs"]
mod mime;
#[path = "outbound/outbox.rs"]
mod outbox;
#[path = "outbound/queue.rs"]
mod queue;
#[path = "outbound/sms.rs"]
mod sms;
#[path = "outbound/smtp.rs"]
mod smtp;
#[path = "outbound/tls.rs"]
mod tls;
#[path = "outbound/webhook.rs"]
mod webhook;
#[path = "outbound/world.rs"]
mod world;
