//! The store on a disk.

use futures_util::stream;

use super::*;

fn key(name: &str) -> ObjectKey {
    ObjectKey::parse(&format!("content/1/{name}")).unwrap()
}

fn parts(parts: &[&'static str]) -> impl Stream<Item = Result<Bytes, String>> + Unpin {
    let parts: Vec<_> = parts
        .iter()
        .map(|part| match *part {
            "!" => Err("it broke".to_owned()),
            part => Ok(Bytes::from_static(part.as_bytes())),
        })
        .collect();
    stream::iter(parts)
}

fn files(folder: &FilePath) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|entry| if entry.path().is_dir() { files(&entry.path()) } else { 1 }).sum()
}

#[tokio::test]
async fn an_object_comes_out_as_it_went_in_and_is_gone_when_it_is_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::local(&folder.path().join("media")).unwrap();
    let key = key("a.mp3");
    objects.put(&key, Bytes::from_static(b"0123456789")).await.unwrap();
    assert_eq!(objects.stat(&key).await.unwrap().size, 10);
    assert_eq!(objects.read(&key, 10).await.unwrap(), "0123456789");
    assert!(matches!(objects.read(&key, 9).await, Err(ObjectError::TooLarge { max: 9 })));
    let part: Vec<Bytes> = objects.get(&key, Some(2..5)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(part.concat(), b"234");
    let before = objects.stat(&key).await.unwrap().tag;
    objects.put(&key, Bytes::from_static(b"another one")).await.unwrap();
    assert_ne!(objects.stat(&key).await.unwrap().tag, before);
    objects.delete(&key).await.unwrap();
    objects.delete(&key).await.unwrap();
    assert!(matches!(objects.stat(&key).await, Err(ObjectError::NotFound)));
    assert_eq!(files(folder.path()), 0);
}

#[test]
fn what_a_dead_server_was_writing_is_taken_away() {
    let folder = tempfile::tempdir().unwrap();
    let within = folder.path().join("content/1");
    std::fs::create_dir_all(&within).unwrap();
    std::fs::write(within.join("a.mp3"), b"whole").unwrap();
    std::fs::write(within.join("b.mp3#1"), b"ha").unwrap();
    let server = Objects::local(folder.path()).unwrap();
    assert_eq!(files(folder.path()), 1);
    // What another one finds beside a server that lives may be an upload.
    std::fs::write(within.join("c.mp3#1"), b"ha").unwrap();
    let beside = Objects::local(folder.path()).unwrap();
    drop(server);
    let another = Objects::local(folder.path()).unwrap();
    assert_eq!(files(folder.path()), 2);
    drop((beside, another));
    Objects::local(folder.path()).unwrap();
    assert_eq!(files(folder.path()), 1);
}

#[tokio::test]
async fn what_is_too_large_or_breaks_off_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let objects = Objects::local(folder.path()).unwrap();
    let key = key("a.mp4");
    assert_eq!(objects.put_stream(&key, parts(&["abc", "def"]), 6).await.unwrap(), 6);
    assert_eq!(objects.read(&key, 6).await.unwrap(), "abcdef");
    let large = objects.put_stream(&key, parts(&["abc", "defg"]), 6).await;
    assert!(matches!(large, Err(ObjectError::TooLarge { max: 6 })));
    let broken = objects.put_stream(&key, parts(&["xyz", "!"]), 6).await;
    assert!(matches!(broken, Err(ObjectError::Source(_))));
    assert_eq!(objects.read(&key, 6).await.unwrap(), "abcdef", "what was there stays");
    assert_eq!(files(folder.path()), 1);
}

#[test]
fn what_a_cloud_says_keeps_no_signature() {
    let said = "GET http://127.0.0.1:9000/b/a.png?X-Amz-Signature=abc&x=1 failed, why?";
    assert_eq!(without_query(said), "GET http://127.0.0.1:9000/b/a.png?\u{2026} failed, why?");
}
