//! How letters are worded: from `templates/`, one folder per language, embedded in the binary.
//!
//! A letter is written once, as plain text: its subject in the first line, then paragraphs with empty lines between. A
//! paragraph whose last line is the link is a button in HTML, labelled by the line before; after `--` comes the small
//! print. `layout.html` makes the HTML of it, where everything is escaped.
//!
//! Names come from strangers, and the letter may go to somebody whom they want to harm: a name is one short line, and
//! one that looks like an address of anything is left out, or mail programs would make a link of it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use minijinja::{Environment, UndefinedBehavior, Value};

use super::letter::{Letter, Text};
use crate::config::Config;

/// The first is for everybody whose language is not among them.
const LANGUAGES: [&str; 2] = ["en", "de"];
const BRAND: &str = "Greenroom";
const NAME_MAX_CHARS: usize = 60;
/// Of the text that a list of mails shows beside the subject.
const PREVIEW_MAX_CHARS: usize = 140;
/// Of a line of plain text (RFC 3676 advises 78 at most).
const LINE_CHARS: usize = 72;

macro_rules! templates {
    ($($name:literal),* $(,)?) => { [$(($name, include_str!(concat!("templates/", $name)))),*] };
}

const TEMPLATES: [(&str, &str); 33] = templates![
    "layout.html",
    "en/hello.txt",
    "en/footer.txt",
    "en/verify_email.txt",
    "en/reset_password.txt",
    "en/password_changed.txt",
    "en/deactivated.txt",
    "en/email_taken.txt",
    "en/plan_started.txt",
    "en/plan_extended.txt",
    "en/plan_ended.txt",
    "en/payment_failed.txt",
    "en/taken_back.txt",
    "en/part_given_back.txt",
    "en/credits_bought.txt",
    "en/sign_in_code.txt",
    "en/reset_code.txt",
    "de/hello.txt",
    "de/footer.txt",
    "de/verify_email.txt",
    "de/reset_password.txt",
    "de/password_changed.txt",
    "de/deactivated.txt",
    "de/email_taken.txt",
    "de/plan_started.txt",
    "de/plan_extended.txt",
    "de/plan_ended.txt",
    "de/payment_failed.txt",
    "de/taken_back.txt",
    "de/part_given_back.txt",
    "de/credits_bought.txt",
    "de/sign_in_code.txt",
    "de/reset_code.txt",
];

/// A letter in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Worded {
    pub language: &'static str,
    pub subject: String,
    pub text: String,
    pub html: String,
}

/// All templates and who signs them.
pub(super) struct Words {
    environment: Environment<'static>,
    brand: String,
    /// The front page, and its host alone.
    home: String,
    host: String,
}

type Context = BTreeMap<&'static str, Value>;

impl Words {
    /// # Panics
    /// When a template does not parse: a test holds them to it.
    pub fn new(config: &Config) -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        for (name, source) in TEMPLATES {
            environment.add_template(name, source).expect("the templates parse");
        }
        let sender = config.mail.from.parse::<lettre::message::Mailbox>().ok();
        let brand = sender.and_then(|sender| sender.name).map(|name| one_line(&name));
        let home = config.server.public_base();
        Self {
            environment,
            brand: brand.filter(|name| !name.is_empty()).unwrap_or_else(|| BRAND.to_owned()),
            host: host_of(&home).to_owned(),
            home,
        }
    }

    pub fn mail(&self, locale: &str, letter: &Letter) -> Result<Worded, minijinja::Error> {
        let language = language(locale);
        let context = Context::from([
            ("brand", Value::from(self.brand.as_str())),
            ("home", Value::from(self.home.as_str())),
            ("host", Value::from(self.host.as_str())),
        ]);
        let context: Context = context.into_iter().chain(facts(letter)).collect();
        let written = self.render(&format!("{language}/{}.txt", letter.template()), context)?;
        let page = Page::read(&written);
        let html = self.render("layout.html", page.context(language, &self.brand))?;
        Ok(Worded { language, subject: page.subject, text: page.text, html })
    }

    pub fn sms(&self, locale: &str, text: &Text) -> Result<String, minijinja::Error> {
        let (Text::SignInCode { code, minutes } | Text::ResetCode { code, minutes }) = text;
        let context = Context::from([
            ("brand", Value::from(self.brand.as_str())),
            ("code", Value::from(code.as_str())),
            ("minutes", Value::from(*minutes)),
        ]);
        let written = self.render(&format!("{}/{}.txt", language(locale), text.template()), context)?;
        Ok(written.trim().to_owned())
    }

    fn render(&self, name: &str, context: Context) -> Result<String, minijinja::Error> {
        self.environment.get_template(name)?.render(Value::from(context))
    }
}

/// What a letter tells, as its template takes it.
fn facts(letter: &Letter) -> Vec<(&'static str, Value)> {
    let called = |name: &str| ("name", Value::from(greeting_name(name)));
    let text = |fact: &'static str, text: &str| (fact, Value::from(one_line(text)));
    match letter {
        Letter::VerifyEmail { name, link, hours } => {
            vec![called(name), ("link", Value::from(link.as_str())), ("hours", Value::from(*hours))]
        }
        Letter::ResetPassword { name, link, minutes } => {
            vec![called(name), ("link", Value::from(link.as_str())), ("minutes", Value::from(*minutes))]
        }
        Letter::PasswordChanged { name, address } => {
            let address = address.as_deref().and_then(|text| text.parse::<IpAddr>().ok());
            vec![called(name), ("address", Value::from(address.map(|address| address.to_string())))]
        }
        Letter::Deactivated { name, days } => vec![called(name), ("days", Value::from(*days))],
        Letter::EmailTaken { name } => vec![called(name)],
        Letter::PlanStarted { name, plan, until } | Letter::PaymentFailed { name, plan, until } => {
            vec![called(name), text("plan", plan), ("until", Value::from(until.as_deref()))]
        }
        Letter::PlanExtended { name, plan, until } => {
            vec![called(name), text("plan", plan), text("until", until)]
        }
        Letter::PlanEnded { name, plan, after } => {
            vec![called(name), text("plan", plan), text("after", after)]
        }
        Letter::TakenBack { name, what, amount, disputed } => {
            vec![
                called(name),
                text("what", what),
                text("amount", amount),
                ("disputed", Value::from(*disputed)),
            ]
        }
        Letter::PartGivenBack { name, what, amount, of } => {
            vec![called(name), text("what", what), text("amount", amount), text("of", of)]
        }
        Letter::CreditsBought { name, credits } => vec![called(name), ("credits", Value::from(*credits))],
    }
}

/// A letter taken apart.
struct Page {
    subject: String,
    text: String,
    /// Each with its link, if it is a button.
    parts: Vec<(String, Option<String>)>,
    footer: Vec<String>,
}

impl Page {
    fn read(written: &str) -> Self {
        let (subject, rest) = written.split_once('\n').unwrap_or((written, ""));
        let (body, footer) = rest.split_once("\n--\n").unwrap_or((rest, ""));
        let paragraphs: Vec<&str> = body.split("\n\n").map(str::trim).filter(|it| !it.is_empty()).collect();
        let footer: Vec<String> =
            footer.lines().filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect();
        // "-- " is how mail programs know the small print.
        let parts: Vec<_> = paragraphs.iter().map(|paragraph| part(paragraph)).collect();
        let plain = |(text, link): &(String, Option<String>)| match link {
            Some(link) => format!("{text}:\n{link}"),
            None => wrapped(text),
        };
        let body: Vec<String> = parts.iter().map(plain).collect();
        let small: Vec<String> = footer.iter().map(|line| wrapped(line)).collect();
        let text = format!("{}\n\n-- \n{}\n", body.join("\n\n"), small.join("\n"));
        Self { subject: one_line(subject), text, parts, footer }
    }

    fn context(&self, language: &'static str, brand: &str) -> Context {
        let part = |(text, link): &(String, Option<String>)| {
            Value::from(Context::from([
                ("text", Value::from(text.as_str())),
                ("link", Value::from(link.clone())),
            ]))
        };
        // The second paragraph: the first one greets.
        let preview = self.parts.get(1).map_or("", |(text, _)| text.as_str());
        let preview: String = preview.chars().take(PREVIEW_MAX_CHARS).collect();
        Context::from([
            ("language", Value::from(language)),
            ("brand", Value::from(brand)),
            ("subject", Value::from(self.subject.as_str())),
            ("preview", Value::from(preview)),
            ("parts", self.parts.iter().map(part).collect()),
            ("footer", self.footer.iter().map(String::as_str).map(Value::from).collect()),
        ])
    }
}

/// A button: `Label:` and the link on a line of its own. Anything else is text, in one piece.
fn part(paragraph: &str) -> (String, Option<String>) {
    match paragraph.rsplit_once(":\n") {
        Some((label, link)) if link.starts_with("https://") || link.starts_with("http://") => {
            (one_line(label), Some(link.to_owned()))
        }
        _ => (one_line(paragraph), None),
    }
}

/// In lines that a narrow window shows whole. Words stay whole, however long.
fn wrapped(text: &str) -> String {
    let mut lines = String::new();
    let mut length = 0;
    for word in text.split(' ') {
        let word_length = word.chars().count();
        if length > 0 && length + 1 + word_length > LINE_CHARS {
            lines.push('\n');
            length = 0;
        } else if length > 0 {
            lines.push(' ');
            length += 1;
        }
        lines.push_str(word);
        length += word_length;
    }
    lines
}

/// The language of a locale such as `de-AT`.
fn language(locale: &str) -> &'static str {
    let wanted = locale.split(['-', '_']).next().unwrap_or_default();
    LANGUAGES.into_iter().find(|it| it.eq_ignore_ascii_case(wanted)).unwrap_or(LANGUAGES[0])
}

/// What somebody can be greeted with; `None`: better with nothing.
fn greeting_name(name: &str) -> Option<String> {
    let name: String = one_line(name).chars().take(NAME_MAX_CHARS).collect();
    let name = name.trim_end();
    (!name.is_empty() && !looks_like_address(name)).then(|| name.to_owned())
}

/// Whether a mail program may make a link of it: `evil.example`, `a@b`, `https:…`, `+49…`.
fn looks_like_address(text: &str) -> bool {
    let dotted = text.split_whitespace().any(|word| {
        let mut parts = word.split(['.', '\u{3002}', '\u{ff0e}', '\u{ff61}']).skip(1);
        parts.any(|part| part.chars().take_while(|c| c.is_alphanumeric()).count() >= 2)
    });
    let digits = text.chars().filter(char::is_ascii_digit).count();
    dotted || digits >= 7 || text.contains(['@', '/', '\\', ':', '<', '>', '[', ']'])
}

/// In one line, without what steers a screen or a mail header: controls, and marks that turn the writing around.
fn one_line(text: &str) -> String {
    let unseen = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
    };
    let plain: String =
        text.chars().filter(|c| !unseen(*c)).map(|c| if c.is_control() { ' ' } else { c }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The host in a link's beginning, without its port.
pub(super) fn host_of(base: &str) -> &str {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    let authority = rest.split('/').next().unwrap_or_default();
    match authority.strip_prefix('[').and_then(|v6| v6.split_once(']')) {
        Some((v6, _)) => v6,
        None => authority.split(':').next().unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests;
