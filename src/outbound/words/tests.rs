use super::*;

fn words() -> Words {
    let mut config = Config::default();
    config.server.public_url = "https://chat.example.com/".to_owned();
    Words::new(&config)
}

fn letters(name: &str) -> Vec<Letter> {
    let (name, link) = (name.to_owned(), "https://chat.example.com/#/reset/token".to_owned());
    let (plan, credits, seven) = ("premium".to_owned(), "credits".to_owned(), "7.00 USD".to_owned());
    let until = "2026-12-05 10:00 UTC".to_owned();
    vec![
        Letter::VerifyEmail { name: name.clone(), link: link.clone(), hours: 24 },
        Letter::VerifyEmail { name: name.clone(), link: link.clone(), hours: 1 },
        Letter::ResetPassword { name: name.clone(), link: link.clone(), minutes: 60 },
        Letter::ResetPassword { name: name.clone(), link, minutes: 1 },
        Letter::PasswordChanged { name: name.clone(), address: Some("203.0.113.7".to_owned()) },
        Letter::PasswordChanged { name: name.clone(), address: None },
        Letter::Deactivated { name: name.clone(), days: 30 },
        Letter::Deactivated { name: name.clone(), days: 0 },
        Letter::EmailTaken { name: name.clone() },
        Letter::PlanStarted { name: name.clone(), plan: plan.clone(), until: Some(until.clone()) },
        Letter::PlanStarted { name: name.clone(), plan: plan.clone(), until: None },
        Letter::PlanExtended { name: name.clone(), plan: plan.clone(), until: until.clone() },
        Letter::PlanEnded { name: name.clone(), plan: plan.clone(), after: "free".to_owned() },
        Letter::PaymentFailed { name: name.clone(), plan: plan.clone(), until: Some(until) },
        Letter::PaymentFailed { name: name.clone(), plan: plan.clone(), until: None },
        Letter::TakenBack { name: name.clone(), what: plan.clone(), amount: seven.clone(), disputed: false },
        Letter::TakenBack { name: name.clone(), what: plan, amount: seven.clone(), disputed: true },
        Letter::PartGivenBack { name: name.clone(), what: credits, amount: "3.00 USD".to_owned(), of: seven },
        Letter::CreditsBought { name, credits: 100 },
    ]
}

#[test]
fn every_letter_is_worded_in_every_language() {
    let words = words();
    for language in LANGUAGES {
        for letter in letters("Mira") {
            let worded = words.mail(language, &letter).unwrap();
            assert_eq!(worded.language, language);
            assert!(!worded.subject.is_empty() && worded.subject.len() < 60, "{worded:?}");
            assert!(worded.text.contains("Mira,\n") && worded.html.contains("Mira,<"), "{worded:?}");
            assert!(worded.text.contains("chat.example.com") && worded.html.contains("chat.example.com"));
            let (body, footer) = worded.text.split_once("\n\n-- \n").expect("small print");
            assert!(!body.contains("--") && footer.starts_with("Greenroom, chat.example.com\n"), "{footer}");
            assert!(footer.lines().count() == 3 && !worded.html.contains("--<"), "{worded:?}");
            assert!(worded.html.contains(&format!("<html lang=\"{language}\">")));
            assert!(worded.text.lines().all(|line| line.chars().count() <= LINE_CHARS), "{}", worded.text);
            assert!(!worded.text.contains("\n\n\n") && !worded.text.contains("{"), "{}", worded.text);
        }
    }
}

#[test]
fn the_other_language_is_another_text() {
    let words = words();
    for letter in letters("Mira") {
        assert_ne!(words.mail("en", &letter).unwrap().subject, words.mail("de", &letter).unwrap().subject);
    }
}

#[test]
fn an_unknown_language_is_english_and_a_region_is_its_language() {
    for (locale, expected) in
        [("de-AT", "de"), ("DE", "de"), ("de_CH", "de"), ("fr", "en"), ("", "en"), ("../de", "en")]
    {
        assert_eq!(language(locale), expected, "{locale}");
    }
}

#[test]
fn a_link_stands_in_both_bodies_and_is_a_button_in_one() {
    let link = "https://chat.example.com/api/auth/verify-email/abc?x=1&y=2".to_owned();
    let letter = Letter::VerifyEmail { name: "Mira".to_owned(), link: link.clone(), hours: 24 };
    let worded = words().mail("en", &letter).unwrap();
    assert!(worded.text.contains(&format!("\nConfirm my address:\n{link}\n")));
    let escaped =
        "https:&#x2f;&#x2f;chat.example.com&#x2f;api&#x2f;auth&#x2f;verify-email&#x2f;abc?x=1&amp;y=2";
    assert!(worded.html.contains(&format!("<a class=\"button\" href=\"{escaped}\"")), "{}", worded.html);
    assert!(worded.html.contains(">Confirm my address</a>"));
}

#[test]
fn a_name_injects_nothing() {
    let hostile = [
        "<script>alert(1)</script>",
        "\"><img src=x onerror=alert(1)>",
        "Mira\r\nBcc: victim@example.com\r\n\r\nNew body",
        "Mira\n\nPay here:\nhttps://evil.example/pay",
        "Mira\n--\nFooter",
        "{{ 7 * 7 }}{% include 'layout.html' %}",
        "\u{202e}moc.live\u{2028}Mira\u{85}x",
        "free money at evil.example",
        "www.evil.example",
        "call 0900 1234567",
        "Mira & \"Bo\" 'x'",
    ];
    let words = words();
    let plain = words.mail("en", &letters("")[0]).unwrap();
    for name in hostile {
        for letter in letters(name) {
            let worded = words.mail("en", &letter).unwrap();
            for bad in ["<script", "<img", "evil.example", "victim@", "1234567", "\u{202e}", "\r", ">49<"] {
                assert!(!worded.html.contains(bad) && !worded.text.contains(bad), "{name:?}: {worded:?}");
            }
        }
        let worded = words.mail("en", &letters(name)[0]).unwrap();
        assert_eq!(worded.subject, plain.subject);
        assert_eq!(worded.text.lines().count(), plain.text.lines().count(), "{name:?} adds a line");
        assert_eq!(worded.html.matches('<').count(), plain.html.matches('<').count(), "{name:?} adds a tag");
        assert_eq!(
            worded.html.matches('"').count(),
            plain.html.matches('"').count(),
            "{name:?} adds a quote"
        );
    }
}

#[test]
fn a_name_that_is_one_is_used() {
    for name in ["Mira", "J. R. R. Tolkien", "Zoë O'Neill-Sørensen", "李小龍", "Agent 007", "Dr.\tWho"] {
        assert_eq!(greeting_name(name).as_deref(), Some(one_line(name).as_str()), "{name}");
    }
    for none in ["", "  ", "\u{200b}", "a@b", "http:evil", "evil.com", "+49 170 1234567"] {
        assert_eq!(greeting_name(none), None, "{none}");
    }
    assert_eq!(greeting_name(&"x".repeat(500)).unwrap().chars().count(), NAME_MAX_CHARS);
}

#[test]
fn only_an_address_stands_as_an_address() {
    let letter =
        Letter::PasswordChanged { name: "Mira".to_owned(), address: Some("evil.example".to_owned()) };
    assert!(!words().mail("en", &letter).unwrap().text.contains("evil"));
}

#[test]
fn an_sms_fits_into_one_message() {
    let words = words();
    for locale in LANGUAGES {
        for text in [
            Text::SignInCode { code: "123456".to_owned(), minutes: 5 },
            Text::ResetCode { code: "123456".to_owned(), minutes: 1 },
        ] {
            let said = words.sms(locale, &text).unwrap();
            assert!(said.starts_with("123456 ") && said.chars().count() <= 160, "{said}");
            // What is in no GSM alphabet would cost more than twice the room.
            assert!(said.chars().all(|c| c.is_ascii() || "äöüÄÖÜß".contains(c)), "{said}");
            assert!(!said.contains('\n'));
        }
    }
}

#[test]
fn letters_are_signed_with_the_senders_name() {
    let mut config = Config::default();
    config.mail.from = "The Velvet Room <hello@velvet.example>".to_owned();
    let worded = Words::new(&config).mail("en", &letters("Mira")[0]).unwrap();
    assert!(worded.text.contains("Welcome to The Velvet Room!"));
    assert!(worded.text.contains("The Velvet Room, 127.0.0.1"));
}

#[test]
fn the_host_of_a_link_is_found() {
    for (base, host) in [
        ("https://chat.example.com", "chat.example.com"),
        ("https://chat.example.com:8443/x", "chat.example.com"),
        ("http://[::1]:7070", "::1"),
        ("http://127.0.0.1:7070", "127.0.0.1"),
    ] {
        assert_eq!(host_of(base), host);
    }
}
