//! API keys over HTTP, on a real database.

mod keeping;
mod using;

use serde_json::{Value, json};

use crate::accounts::world::{Answer, World};

// Where the parts look for it.

impl World {
    /// Calls with a token or a key.
    async fn call(&self, method: &str, path: &str, bearer: &str, body: Option<Value>) -> Answer {
        let method = method.parse().unwrap();
        let request = actix_web::test::TestRequest::with_uri(path).method(method);
        let request = request.insert_header(("authorization", format!("Bearer {bearer}")));
        self.send(match body {
            Some(body) => request.set_json(body),
            None => request,
        })
        .await
    }

    async fn make_key(&self, token: &str, name: &str) -> Answer {
        let body = json!({"name": name, "scopes": ["chat", "profile"]});
        self.call("POST", "/api/auth/api-keys", token, Some(body)).await
    }
}
