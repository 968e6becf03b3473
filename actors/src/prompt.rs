pub fn compose(record: &std::sync::Arc<crate::domain::CharacterRecord>, user: crate::domain::UserId, user_name: &str, history: &[crate::domain::Message], _names: &dyn Fn(crate::domain::Sender) -> Option<String>, _counter: &dyn crate::ports::TokenCounter) -> crate::ports::GenerateRequest {
    use crate::ports::*;
    let mut messages = vec![PromptMessage { role: PromptRole::System, content: record.name.clone() }];
    messages.extend(history.iter().map(|m| PromptMessage { role: PromptRole::User, content: m.content.as_str().into() }));
    GenerateRequest { character: record.clone(), user, user_name: user_name.into(), messages, max_tokens: 100 }
}
