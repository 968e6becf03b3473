//! What must hold when all has ended, however often the server died: nothing open, nothing twice, nothing lost, nothing lying.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::house::{House, Person};
use crate::support::app::eventually;

/// Longer than what came is kept where nothing knows of it.
const OLD: Duration = Duration::from_secs(3 * 3_600);

impl House {
    /// Files in the store by their keys, unfinished ones too, with their bytes.
    pub fn stored(&self) -> BTreeMap<String, u64> {
        fn walk(root: &Path, folder: &Path, found: &mut BTreeMap<String, u64>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    walk(root, &path, found);
                } else if let Ok(known) = entry.metadata() {
                    let key = path.strip_prefix(root).expect("it lies within").to_string_lossy().into_owned();
                    found.insert(key, known.len());
                }
            }
        }
        let (root, mut found) = (self.media(), BTreeMap::new());
        walk(&root, &root, &mut found);
        found
    }

    /// The server sweeps, when all that lies under `temp/` has become old.
    pub async fn sweep(&self) {
        let old = SystemTime::now() - OLD;
        for key in self.stored().keys().filter(|key| key.starts_with("temp/")) {
            // It may have gone meanwhile.
            if let Ok(file) = File::options().write(true).open(self.media().join(key)) {
                file.set_modified(old).expect("another time");
            }
        }
        self.execute("update media_objects set check_at = now() where check_at is not null").await;
        let id = uuid::Uuid::now_v7();
        let sweep = format!(
            "insert into jobs (id, queue, kind, payload) values ('{id}', 'media-processing', 'media.sweep', '{{}}')"
        );
        self.execute(&sweep).await;
        self.until("it is swept", &format!("select count(*) from jobs where id = '{id}' and state = 2"))
            .await;
    }

    /// After a sweep: the ledger is right, no job is open or dead, each object on the disk has its row, and each ready file
    /// its objects.
    pub async fn nothing_is_left(&self) {
        let kinds = "('content.make', 'content.tidy', 'media.process', 'avatar.write', 'avatar.thumbnail')";
        let open = format!("select count(*) from jobs where kind in {kinds} and state < 2");
        eventually("no job is open", async || self.count(&open).await == 0).await;
        assert_eq!(self.count("select count(*) from jobs where state = 3").await, 0, "no job is dead");
        let open = "select count(*) from content where state not in ('done', 'failed', 'canceled')";
        assert_eq!(self.count(open).await, 0, "no content is open");
        assert_eq!(self.count("select count(*) from media_files where state = 'processing'").await, 0);
        self.sweep().await;
        let verdict = self.ledger().verify().await.expect("a verdict");
        assert_eq!(verdict.faults, Vec::<String>::new());
        let client = self.connection().await;
        let known =
            "select o.key, o.bytes, f.state from media_objects o left join media_files f on f.id = o.file_id";
        let known = client.query(known, &[]).await.expect(known);
        let stored = self.stored();
        let keys: BTreeSet<&str> = known.iter().map(|row| row.get(0)).collect();
        let unknown: Vec<_> = stored.keys().filter(|key| !keys.contains(key.as_str())).collect();
        assert!(unknown.is_empty(), "nothing on the disk is unknown: {unknown:?}");
        for row in &known {
            let (key, bytes, state): (&str, i64, Option<&str>) = (row.get(0), row.get(1), row.get(2));
            assert_eq!(state, Some("ready"), "only what is ready has objects: {key}");
            assert_eq!(stored.get(key).copied(), Some(bytes.unsigned_abs()), "{key} lies there as a whole");
        }
        let objects = "select coalesce(sum(1 + jsonb_array_length(variants)), 0) from media_files where state = 'ready'";
        assert_eq!(self.count(objects).await, known.len() as i64, "each ready file has all of its objects");
    }

    /// The files that somebody has; each is ready, and opens at its address in every size.
    pub async fn files(&self, who: &Person) -> Vec<Value> {
        let list = self.get("/api/media/list?limit=100", who).await;
        let files = list["items"].as_array().expect("items").clone();
        for file in &files {
            assert_eq!(file["state"], "ready", "{file}");
            let variants = file["variants"].as_object().expect("variants");
            let urls = variants.values().map(|made| &made["url"]).chain([&file["url"]]);
            for url in urls {
                let url = url.as_str().unwrap_or_else(|| panic!("an address: {file}"));
                let answer = self.http.get(self.url(url)).send().await.expect("an answer");
                assert_eq!(answer.status().as_u16(), 200, "{url}");
                let bytes = answer.bytes().await.expect("a body").len() as u64;
                assert!(bytes > 0, "{url}");
                if url == file["url"] {
                    assert_eq!(Some(bytes), file["bytes"].as_u64(), "{url}");
                }
            }
        }
        files
    }
}
