//! Rules of what the server writes to people, and by whom it is sent.

use super::*;

impl Config {
    pub(super) fn check_outbound(&self, broken: &mut Broken) {
        let (mail, sms) = (&self.mail, &self.sms);
        broken.unless(
            self.server.public_url.is_empty() || is_base_url(&self.server.public_url),
            "server.public_url",
            "takes an address such as https://chat.example.com, without ? and #",
        );
        for (name, value) in [("mail", mail.connections_max), ("sms", sms.connections_max)] {
            broken.unless(value > 0, &format!("{name}.connections_max"), "takes 1 or more");
        }
        for (name, value) in [("mail", mail.timeout_ms), ("sms", sms.timeout_ms)] {
            let at = format!("{name}.timeout_ms");
            broken.unless((1..=SEND_TIMEOUT_MAX_MS).contains(&value), &at, "takes 1 to 60000");
        }
        if mail.is_set() {
            self.check_mail(broken);
        }
        if sms.is_set() {
            let url = reqwest::Url::parse(&sms.url()).ok();
            let scheme = url.as_ref().map(reqwest::Url::scheme);
            let host = url.as_ref().and_then(reqwest::Url::host_str).unwrap_or_default();
            broken.unless(
                !host.is_empty() && matches!(scheme, Some("https" | "http")),
                "sms.webhook_url",
                "takes an address such as https://sms.example.com/send",
            );
            broken.unless(
                scheme != Some("http") || !sms.has_token() || is_this_machine(host),
                "sms.webhook_url",
                "sms.auth_token is not sent in clear over a network: take https",
            );
            broken.unless(!sms.from.is_empty(), "sms.from", "takes the number that SMS come from");
            broken.unless(
                sms.account_sid.is_empty() || sms.has_token(),
                "sms.auth_token",
                "belongs to sms.account_sid",
            );
        }
    }

    fn check_mail(&self, broken: &mut Broken) {
        let mail = &self.mail;
        broken.unless(
            !self.is_production() || !self.server.public_url.is_empty(),
            "server.public_url",
            "production sends mail with links in it: set PUBLIC_URL to the address that people reach this server at",
        );
        broken.unless(
            !mail.host.contains(|c: char| c.is_whitespace() || c == '/' || c == '@'),
            "mail.host",
            "takes a name such as smtp.example.com",
        );
        let mailbox = |text: &str| text.parse::<lettre::message::Mailbox>().is_ok();
        broken.unless(mailbox(&mail.from), "mail.from", "takes Name <address>, or an address alone");
        broken.unless(
            mail.reply_to.is_empty() || mailbox(&mail.reply_to),
            "mail.reply_to",
            "takes Name <address>, or an address alone",
        );
        let password = !mail.password.expose_secret().is_empty();
        broken.unless(
            password != mail.username.is_empty(),
            "mail.username",
            "and mail.password are set together or not at all",
        );
        broken.unless(
            mail.tls != MailTls::None || !password || is_this_machine(&mail.host),
            "mail.tls",
            "mail.password is not sent in clear over a network: take starttls or implicit",
        );
        broken.unless(
            mail.tls != MailTls::StartTls || mail.port() != 465,
            "mail.tls",
            "port 465 speaks TLS from the first byte: take implicit",
        );
    }
}
