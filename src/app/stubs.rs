use crate::config::Config;
use deadpool_postgres::Pool;
use futures_util::FutureExt;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenroom_actors::domain::*;
use greenroom_actors::ports::*;
use greenroom_actors::protocol::*;
use std::sync::Arc;
#[derive(Clone)]
pub struct Accounts;
pub struct P {
    pub username: String,
    pub display_name: String,
    pub role: crate::accounts::Role,
}
impl Accounts {
    pub fn new(
        _: Pool,
        _: crate::accounts::AccessTokens,
        _: greenroom_actors::engine::Engine,
        _: &Config,
    ) -> Self {
        Self
    }
    pub async fn profile(&self, _u: UserId) -> Result<P, Refusal> {
        Ok(P { username: "x".into(), display_name: "x".into(), role: crate::accounts::Role::User })
    }
    pub async fn seed(_: &Config, _: &Pool) -> anyhow::Result<String> {
        Ok(String::new())
    }
    pub async fn unseed(_: &Pool) -> anyhow::Result<String> {
        Ok(String::new())
    }
}
#[derive(Clone)]
pub struct Providers;
impl Providers {
    pub fn new(_: &crate::config::AiSettings) -> anyhow::Result<Self> {
        Ok(Self)
    }
    pub fn finding(&self) -> crate::http::Finding {
        crate::http::Finding::up()
    }
}
impl Generator for Providers {
    fn generate(&self, r: Arc<GenerateRequest>) -> BoxFuture<'static, Result<PieceStream, GenerateError>> {
        async move {
            Ok(futures_util::stream::iter(vec![
                Ok(Piece::Text(r.character.name.clone())),
                Ok(Piece::End { finish: Finish::Complete, usage: TokenUsage::default() }),
            ])
            .boxed())
        }
        .boxed()
    }
}
#[derive(Default)]
pub struct Tokens;
impl TokenCounter for Tokens {
    fn count(&self, t: &str) -> usize {
        t.len() / 4
    }
}
