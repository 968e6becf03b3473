//! A plan that somebody has cannot vanish: settings that know nothing of it are refused.

use deadpool_postgres::GenericClient;
use greenroom_actors::domain::Plans;
use greenroom_actors::protocol::Refusal;

use super::store;
use crate::config::{ConfigError, Problem};
use crate::postgres::refusal;

/// Why settings are not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error(transparent)]
    Settings(#[from] ConfigError),
    /// The database could not be asked.
    #[error("{}", .0.message)]
    Refused(#[from] Refusal),
}

/// Whether everybody has a plan that is there, or that another stands in the place of. Names each that is neither, and how
/// many people have it.
pub async fn check_in_use(client: &impl GenericClient, plans: &Plans) -> Result<(), NotTaken> {
    let known: Vec<&str> = plans.by_name.keys().chain(plans.replaced.keys()).map(AsRef::as_ref).collect();
    let held = store::held_beside(client, &known).await.map_err(|error| refusal(&error))?;
    let problems: Vec<Problem> = held.iter().map(|(plan, people)| problem(plan, *people)).collect();
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }.into()) }
}

/// Whether the database has what [`check_in_use`] asks: not before it was brought up to date for the first time.
pub async fn is_set_up(client: &impl GenericClient) -> Result<bool, Refusal> {
    store::is_set_up(client).await.map_err(|error| refusal(&error))
}

fn problem(plan: &str, people: i64) -> Problem {
    let has = if people == 1 { "1 person has".to_owned() } else { format!("{people} people have") };
    let message = format!(
        "{has} this plan, and the settings do not know it: put it back, or say what stands in its place in \
         [plan_replacements], such as {plan} = \"free\""
    );
    Problem { source: String::new(), name: format!("plans.{plan}"), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_that_is_missed_is_named_with_how_many_people_have_it() {
        let told = ConfigError { problems: vec![problem("gold", 1), problem("lead", 20)] }.to_string();
        assert!(told.contains("plans.gold: 1 person has") && told.contains("plans.lead: 20 people have"));
        assert!(told.contains("[plan_replacements], such as gold = "));
    }
}
