use std::io;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tracing_subscriber::fmt::MakeWriter;

use super::recovery::number;
use super::stage::{MIRA, other_than};
use super::world::{PASSWORD, World, world};

/// All that was logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// Every value of every row of every table.
async fn whole_database(world: &World) -> String {
    let client = world.database.pool().get().await.unwrap();
    let tables = "select table_name::text from information_schema.tables
        where table_schema = 'public' and table_type = 'BASE TABLE'";
    let mut all = String::new();
    for table in client.query(tables, &[]).await.unwrap() {
        let table: String = table.get(0);
        for row in client.query(&format!("select t::text from {table} t"), &[]).await.unwrap() {
            all.push_str(row.get(0));
            all.push('\n');
        }
    }
    all
}

#[actix_web::test]
async fn codes_and_passwords_stand_in_no_log_and_nowhere_in_the_database() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(log.clone())
        .finish();
    // Of this thread, on which all of the test runs: others' logs are none of its business.
    let _guard = tracing::subscriber::set_default(subscriber);

    let world = world().await;
    let body = json!({"mobile": MIRA, "password": PASSWORD, "name": "Mira"});
    let signed_up = world.post("/api/auth/signup", body).await;
    let mut secrets = vec![signed_up.text("otp").to_owned(), PASSWORD.to_owned()];
    let pending = whole_database(&world).await;
    let (right, wrong) = (secrets[0].clone(), other_than(&secrets[0]));
    world.verify(MIRA, &wrong).await;
    assert_eq!(world.verify(MIRA, &right).await.status, 201);
    world.forget_sends().await;
    let sent = world.accounts.forgot_by_mobile(&number(MIRA), &Default::default()).await.unwrap();
    secrets.push(sent.code.unwrap().expose().to_owned());

    let logged = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(logged.contains("a code was sent"), "the log is heard");
    let kept = format!("{pending}\n{}", whole_database(&world).await);
    assert!(kept.contains("sms.send") && kept.contains(MIRA), "the rows are read");
    for secret in &secrets {
        // Six digits may stand in a time or a hash by chance; as a word of their own they do not.
        assert!(!has_word(&logged, secret), "a secret is in the log");
        assert!(!has_word(&kept, secret), "a secret is in the database");
    }
    assert!(!has_word(&logged, &wrong), "a guess is in the log");
    assert!(!logged.contains(MIRA), "the whole number is in the log");
}

/// Whether the text has this with neither a letter nor a digit beside it, nor as the fraction of a second.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let joins = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
        !joins(before) && !joins(after) && before != Some('.')
    })
}

#[actix_web::test]
async fn hostile_text_in_any_field_is_refused_or_kept_as_text() {
    let world = world().await;
    let hostile = [
        "'; drop table users; --",
        "\" or \"\"=\"",
        "Mira\r\nX-Injected: 1",
        "<script>alert(1)</script>",
        "{{7*7}} ${jndi:ldap://x} %s %n",
        "\u{0}",
        "\u{202e}arim",
        "../../etc/passwd",
    ];
    for (n, text) in hostile.iter().enumerate() {
        let mobile = format!("+4479111234{:02}", 60 + n);
        for path in ["send-otp", "signup", "check-mobile", "otp-status", "verify-otp", "forgot-password"] {
            let body = json!({"mobile": text, "otp": "123456"});
            let answer = world.post(&format!("/api/auth/{path}"), body).await;
            assert_eq!(answer.status, 400, "{path} {text:?}: {}", answer.body);
        }
        let answer = world.verify(&mobile, text).await;
        assert_eq!(answer.status, 400, "{text:?}");
        let body = json!({"mobile": mobile, "password": format!("{PASSWORD} {text}"), "name": text});
        let asked = world.post("/api/auth/signup", body).await;
        if text.contains(char::is_control) {
            assert_eq!((asked.status, asked.body["details"][0]["field"].as_str()), (400, Some("name")));
            continue;
        }
        assert_eq!(asked.status, 202, "{text:?}: {}", asked.body);
        let made = world.verify(&mobile, asked.text("otp")).await;
        assert_eq!((made.status, made.body["user"]["displayName"].as_str()), (201, Some(*text)));
        let login =
            json!({"username": made.body["user"]["username"], "password": format!("{PASSWORD} {text}")});
        assert_eq!(world.post("/api/auth/login", login).await.status, 200);
    }
}
