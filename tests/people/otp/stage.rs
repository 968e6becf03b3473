//! What the tests of codes share.

use actix_web::http::header::HeaderMap;
use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web;
use greenroom::http::app;
use serde_json::{Value, json};

use super::world::{Answer, World};

pub const MIRA: &str = "+447911123456";
pub const NOAH: &str = "+447911123457";
pub const NEW_PASSWORD: &str = "another long Passphrase 8";

impl World {
    /// Sends a code and answers it: development tells it.
    pub async fn code(&self, mobile: &str) -> String {
        let answer = self.post("/api/auth/send-otp", json!({"mobile": mobile})).await;
        assert_eq!(answer.status, 202, "{}", answer.body);
        answer.text("otp").to_owned()
    }

    pub async fn verify(&self, mobile: &str, otp: &str) -> Answer {
        self.post("/api/auth/verify-otp", json!({"mobile": mobile, "otp": otp})).await
    }

    /// Signs in by a code, for the first time too.
    pub async fn enter(&self, mobile: &str) -> Answer {
        let code = self.code(mobile).await;
        let answer = self.verify(mobile, &code).await;
        assert!(matches!(answer.status, 200 | 201), "{}", answer.body);
        self.forget_sends().await;
        answer
    }

    /// As if all codes had been sent long ago: the next may go.
    pub async fn forget_sends(&self) {
        self.execute("update otp_sends set sent_at = sent_at - interval '2 hours'").await;
    }

    pub async fn with_headers(&self, path: &str, body: Value) -> (u16, HeaderMap, Value) {
        let service = init_service(app(&self.site).app_data(web::Data::new(self.accounts.clone()))).await;
        let response =
            call_service(&service, TestRequest::post().uri(path).set_json(body).to_request()).await;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = serde_json::from_slice(&read_body(response).await).unwrap_or(Value::Null);
        (status, headers, body)
    }

    /// With an access token.
    pub async fn post_as(&self, token: &str, path: &str, body: Value) -> Answer {
        let bearer = ("authorization", format!("Bearer {token}"));
        self.send(TestRequest::post().uri(path).insert_header(bearer).set_json(body)).await
    }

    /// From a network address.
    pub async fn post_from(&self, address: &str, path: &str, body: Value) -> Answer {
        let peer = format!("{address}:9").parse().unwrap();
        self.send(TestRequest::post().uri(path).peer_addr(peer).set_json(body)).await
    }
}

/// A code that this one is not.
pub fn other_than(code: &str) -> String {
    let number: u32 = code.parse().unwrap();
    format!("{:06}", (number + 1) % 1_000_000)
}

/// What an answer says, without what each has of its own.
pub fn said(answer: &Answer) -> (u16, Value) {
    let mut body = answer.body.clone();
    for own in ["requestId", "expiresAt", "otp"] {
        if let Some(value) = body.get_mut(own) {
            *value = Value::from("its own");
        }
    }
    (answer.status, body)
}
