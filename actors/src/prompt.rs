pub fn compose(
    record: &std::sync::Arc<crate::domain::CharacterRecord>,
    user: crate::domain::UserId,
    user_name: &str,
    history: &[crate::domain::Message],
    names: &dyn Fn(crate::domain::Sender) -> Option<String>,
    counter: &dyn crate::ports::TokenCounter,
) -> crate::ports::GenerateRequest {
    todo!()
}
