#[path = "support/database.rs"]
mod database;

use database::TestDatabase;

#[tokio::test]
async fn quick() {
    for _ in 0..5 {
        let start = std::time::Instant::now();
        let database = TestDatabase::create().await;
        eprintln!("made {:?}", start.elapsed());
        let start = std::time::Instant::now();
        drop(database);
        eprintln!("dropped {:?}", start.elapsed());
    }
}
