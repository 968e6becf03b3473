//! `greenroom env`: the environment variables that are understood, and which of them are set now. Values stay hidden: many
//! are secrets.

use std::process::ExitCode;

use crate::config::{Config, env_name, names_not_needed, names_not_understood, usual_names};

pub fn run(config: &Config) -> ExitCode {
    println!("Usual names (* is set now):");
    for usual in usual_names() {
        line(usual.name, usual.meaning);
    }
    for (name, provider) in &config.ai.providers {
        for key in &provider.api_key_env {
            line(key, &format!("key of the AI provider \u{201c}{name}\u{201d}; switches it on"));
        }
    }
    println!("\nEvery setting of config.toml, with its present value:");
    for (setting, value) in config.values() {
        let name = env_name(&setting);
        println!("{} {name}={value}", mark(&name));
    }
    let idle = names_not_needed();
    if !idle.is_empty() {
        println!("\nSet, but not needed: {}", idle.join(", "));
    }
    let unknown = names_not_understood();
    if !unknown.is_empty() {
        println!("\nSet, but not understood: {}", unknown.join(", "));
    }
    ExitCode::SUCCESS
}

fn line(name: &str, meaning: &str) {
    println!("{} {name:<26} {meaning}", mark(name));
}

fn mark(name: &str) -> char {
    if std::env::var_os(name).is_some() { '*' } else { ' ' }
}
