//! `greenroom health`: what a container's health check runs.

use std::process::ExitCode;
use std::time::Duration;

use crate::config::Config;

const DEADLINE: Duration = Duration::from_secs(5);

pub async fn run(config: Config, url: Option<String>) -> anyhow::Result<ExitCode> {
    let url = url.unwrap_or_else(|| format!("http://{}:{}", host(&config.server.host), config.server.port));
    let url = format!("{}/health/ready", url.trim_end_matches('/'));
    let client = reqwest::Client::builder().timeout(DEADLINE).build()?;
    match client.get(&url).send().await {
        Ok(answer) if answer.status().is_success() => {
            println!("ready");
            Ok(ExitCode::SUCCESS)
        }
        Ok(answer) => {
            println!("not ready: {url} answers {}", answer.status());
            Ok(ExitCode::FAILURE)
        }
        Err(error) => {
            println!("no answer from {url}: {error}");
            Ok(ExitCode::FAILURE)
        }
    }
}

/// Who listens on all addresses is asked on this machine's own.
fn host(listening: &str) -> &str {
    match listening {
        "0.0.0.0" => "127.0.0.1",
        "::" => "[::1]",
        other => other,
    }
}
