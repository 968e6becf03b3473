//! The store of files at a cloud: against a real S3-compatible server over HTTP, with signatures checked.

mod google;
mod hanging;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use greenroom::config::{StoreKind, StoreSettings};
use greenroom::media::files::FileId;
use greenroom::media::{ObjectError, ObjectKey, Objects};
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use jiff::{SignedDuration, Timestamp};
use reqwest::Method;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::RwLock;
use tokio::task::JoinHandle;

use crate::support::app::{TestApp, eventually};
use crate::support::forms;

const ACCESS: &str = "greenroom-access";
const SECRET: &str = "greenroom-secret";
const BUCKET: &str = "files";

/// A server that keeps its buckets in a folder.
struct Cloud {
    folder: tempfile::TempDir,
    address: SocketAddr,
    server: JoinHandle<()>,
    /// Whoever has it to write keeps all answers back.
    gate: Arc<RwLock<()>>,
}

impl Cloud {
    async fn start() -> Self {
        Self::behind(Some(SimpleAuth::from_single(ACCESS, SECRET)), |_| true).await
    }

    /// With a door before it, which lets requests in or does not.
    async fn behind(
        auth: Option<SimpleAuth>,
        door: impl Fn(&mut Request<Incoming>) -> bool + Send + Sync + 'static,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let mut service = S3ServiceBuilder::new(FileSystem::new(folder.path()).unwrap());
        if let Some(auth) = auth {
            service.set_auth(auth);
        }
        let (service, door, gate) = (service.build(), Arc::new(door), Arc::<RwLock<()>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shut = gate.clone();
        let server = tokio::spawn(async move {
            // Dropped with this task: a server that dies takes its connections along.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let Ok((socket, _)) = listener.accept().await else { return };
                let (service, door, gate) = (service.clone(), door.clone(), shut.clone());
                let behind = service_fn(move |mut request| {
                    let (service, admitted, gate) = (service.clone(), door(&mut request), gate.clone());
                    async move {
                        drop(gate.read().await);
                        if admitted {
                            return service.call(request.map(s3s::Body::from)).await;
                        }
                        let refused = http::Response::builder().status(403);
                        Ok(refused.body(s3s::Body::from("AccessDenied".to_owned())).unwrap())
                    }
                });
                connections.spawn(async move {
                    let builder = Builder::new(TokioExecutor::new());
                    let _ = builder.serve_connection(TokioIo::new(socket), behind).await;
                });
            }
        });
        Self { folder, address, server, gate }
    }

    fn settings(&self) -> StoreSettings {
        StoreSettings {
            kind: StoreKind::S3,
            bucket: BUCKET.to_owned(),
            prefix: "house/media".to_owned(),
            endpoint: format!("http://{}", self.address),
            allow_http: true,
            access_key_id: ACCESS.to_owned(),
            secret_access_key: SECRET.to_owned().into(),
            timeout_ms: 5_000,
            ..StoreSettings::default()
        }
    }

    fn objects(&self) -> Objects {
        Objects::open(&self.settings(), Path::new("/nowhere")).unwrap()
    }

    /// Files of the bucket that a client sees.
    fn holds(&self, key: &ObjectKey) -> bool {
        self.folder.path().join(BUCKET).join("house/media").join(key.as_str()).exists()
    }
}

fn key(name: &str) -> ObjectKey {
    ObjectKey::parse(&format!("content/1/{name}")).unwrap()
}

/// So many pieces of a megabyte.
fn megabytes(count: usize) -> impl futures_util::Stream<Item = Result<Bytes, String>> + Unpin {
    stream::iter((0..count).map(|nth| Ok(Bytes::from(vec![nth as u8; 1 << 20]))))
}

/// What goes in comes out, as a whole and in part, is listed, and is gone when it is deleted.
async fn comes_and_goes(cloud: &Cloud, objects: &Objects) {
    objects.probe().await.unwrap();
    let key = key("a.mp3");
    objects.put(&key, Bytes::from_static(b"0123456789")).await.unwrap();
    assert!(cloud.holds(&key), "it lies under the prefix");
    assert_eq!(objects.stat(&key).await.unwrap().size, 10);
    assert_eq!(objects.read(&key, 10).await.unwrap(), "0123456789");
    assert!(matches!(objects.read(&key, 9).await, Err(ObjectError::TooLarge { max: 9 })));
    let part: Vec<Bytes> = objects.get(&key, Some(2..5)).await.unwrap().try_collect().await.unwrap();
    assert_eq!(part.concat(), b"234");
    let temporary = ObjectKey::temp(FileId::new());
    objects.put(&temporary, Bytes::from_static(b"left")).await.unwrap();
    let later = Timestamp::now() + SignedDuration::from_secs(60);
    assert_eq!(objects.temporary(later).await.unwrap(), [temporary]);
    objects.delete(&key).await.unwrap();
    objects.delete(&key).await.unwrap();
    assert!(matches!(objects.stat(&key).await, Err(ObjectError::NotFound)));
}

/// A large one is whole; what is too large, or breaks off, leaves nothing.
async fn goes_up_in_parts(cloud: &Cloud, objects: &Objects) {
    let whole = key("whole.mp4");
    assert_eq!(objects.put_stream(&whole, megabytes(12), 1 << 30).await.unwrap(), 12 << 20);
    let read = objects.read(&whole, 1 << 30).await.unwrap();
    assert!(read.len() == 12 << 20 && read[0] == 0 && read[(11 << 20) + 5] == 11);
    let large = key("large.mp4");
    let refused = objects.put_stream(&large, megabytes(12), 8 << 20).await;
    assert!(matches!(refused, Err(ObjectError::TooLarge { .. })));
    let broken = key("broken.mp4");
    let pieces = megabytes(7).chain(stream::iter([Err("it broke".to_owned())]));
    let refused = objects.put_stream(&broken, pieces, 1 << 30).await;
    assert!(matches!(refused, Err(ObjectError::Source(_))));
    assert!(!cloud.holds(&large) && !cloud.holds(&broken));
}

#[tokio::test]
async fn an_object_comes_out_of_a_bucket_as_it_went_in_and_is_gone_when_it_is_deleted() {
    let cloud = Cloud::start().await;
    let objects = cloud.objects();
    assert_eq!(objects.kind(), "s3");
    comes_and_goes(&cloud, &objects).await;
}

#[tokio::test]
async fn a_large_object_goes_up_in_parts_and_what_breaks_off_leaves_nothing() {
    let cloud = Cloud::start().await;
    goes_up_in_parts(&cloud, &cloud.objects()).await;
}

#[tokio::test]
async fn a_signed_address_opens_its_object_for_a_while_to_whoever_has_it() {
    let cloud = Cloud::start().await;
    let objects = cloud.objects();
    let key = key("a.png");
    objects.put(&key, Bytes::from_static(b"a picture")).await.unwrap();
    let url = objects.signed(Method::GET, &key, Duration::from_secs(60)).await.unwrap().unwrap();
    assert!(!url.as_str().contains(SECRET));
    let client = reqwest::Client::new();
    let answer = client.get(url.clone()).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.headers()["content-type"], "image/png");
    assert_eq!(answer.bytes().await.unwrap(), "a picture");
    let part = client.get(url.clone()).header("range", "bytes=2-4").send().await.unwrap();
    assert_eq!((part.status().as_u16(), part.bytes().await.unwrap()), (206, Bytes::from_static(b"pic")));
    let mut bare = url.clone();
    bare.set_query(None);
    assert_eq!(client.get(bare).send().await.unwrap().status(), 403);
    let brief = objects.signed(Method::GET, &key, Duration::from_secs(1)).await.unwrap().unwrap();
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(client.get(brief).send().await.unwrap().status(), 403, "it has expired");
}

#[tokio::test]
async fn a_store_that_dies_in_the_middle_of_an_upload_fails_it_and_keeps_no_object() {
    let cloud = Cloud::start().await;
    let objects =
        Objects::open(&StoreSettings { timeout_ms: 1_000, ..cloud.settings() }, Path::new("/nowhere"))
            .unwrap();
    let key = key("half.mp4");
    let server = &cloud.server;
    let pieces = stream::iter(0..12).then(|nth: u8| async move {
        if nth == 8 {
            server.abort();
        }
        Ok::<_, String>(Bytes::from(vec![nth; 1 << 20]))
    });
    let failed = objects.put_stream(&key, Box::pin(pieces), 1 << 30).await;
    let Err(ObjectError::Store(why)) = failed else { panic!("{failed:?}") };
    assert!(!why.contains(SECRET) && !why.contains("Signature="), "{why}");
    assert!(!cloud.holds(&key));
    assert!(objects.probe().await.is_err(), "and it is seen to be away");
}

#[tokio::test]
async fn a_wrong_secret_is_told_without_being_shown() {
    let cloud = Cloud::start().await;
    let settings =
        StoreSettings { secret_access_key: "another-secret".to_owned().into(), ..cloud.settings() };
    assert!(!format!("{settings:?}").contains("another-secret"));
    let objects = Objects::open(&settings, Path::new("/nowhere")).unwrap();
    let Err(ObjectError::Store(why)) = objects.probe().await else { panic!("it was let in") };
    assert!(!why.contains("another-secret"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_for_an_address_gets_the_clouds_own_where_readers_are_sent_there() {
    let cloud = Cloud::start().await;
    for redirect in [true, false] {
        let app = TestApp::start_with(|config| {
            config.media.store = cloud.settings();
            config.media.redirect = redirect;
            config.server.cors_origins = vec!["https://chat.example".to_owned()];
        })
        .await;
        let user = app.user().await;
        let picture = forms::picture(image::ImageFormat::Png, 300, 200);
        let form = forms::form(&[forms::file("image", "a.png", &picture)]);
        let kind = format!("multipart/form-data; boundary={}", forms::BOUNDARY);
        let upload = app.http.post(app.url("/api/media/upload/image")).bearer_auth(&user.token);
        let taken = upload.header("content-type", kind).body(form).send().await.unwrap();
        assert_eq!(taken.status(), 202);
        let list = async || app.get("/api/media/list", Some(&user.token)).await.1["items"][0].clone();
        eventually("it is ready", async || list().await["state"] == "ready").await;
        let file = list().await;
        let key = file["key"].as_str().unwrap().to_owned();
        assert!(cloud.holds(&ObjectKey::parse(&key).unwrap()));

        let asked = json!({ "key": key, "expiresIn": 120 });
        let (status, signed): (u16, Value) =
            app.post("/api/media/signed-url", Some(&user.token), asked.clone()).await;
        assert_eq!(status, 200, "{signed}");
        let url = signed["url"].as_str().unwrap();
        if redirect {
            assert!(url.starts_with(&format!("http://{}/", cloud.address)) && !url.contains(SECRET), "{url}");
            let answer = app.http.get(url).send().await.unwrap();
            let (status, bytes) = (answer.status().as_u16(), answer.bytes().await.unwrap().len());
            assert_eq!((status, json!(bytes)), (200, file["bytes"].clone()));
            // Who asks for the head only is sent on to an address that is signed for that.
            let ours = app.url(file["url"].as_str().unwrap());
            for method in [Method::HEAD, Method::GET] {
                let sent = app.http.request(method.clone(), &ours).send().await.unwrap();
                assert_eq!(sent.status(), 302);
                assert_eq!(sent.headers()["cross-origin-resource-policy"], "cross-origin");
                let on = sent.headers()["location"].to_str().unwrap().to_owned();
                let there = app.http.request(method, on).send().await.unwrap();
                assert_eq!(
                    (there.status().as_u16(), &there.headers()["content-type"]),
                    (200, &"image/png".parse().unwrap())
                );
            }
            let longer = url.replace("X-Amz-Expires=120", "X-Amz-Expires=1200");
            assert_ne!(longer, url);
            assert_eq!(app.http.get(longer).send().await.unwrap().status(), 403);
            let another = url.replace(".png?", "_small.webp?");
            assert_ne!(another, url);
            assert_eq!(app.http.get(another).send().await.unwrap().status(), 403, "it opens no other file");
        } else {
            assert!(url.starts_with("/media/"), "{url}");
            assert_eq!(app.http.get(app.url(url)).send().await.unwrap().status(), 200);
        }
        let stranger = app.user().await;
        assert_eq!(app.post("/api/media/signed-url", Some(&stranger.token), asked).await.0, 404);
        let (body, delete) = (json!({ "key": key }), Method::DELETE);
        assert_eq!(app.call(delete, "/api/media/delete", Some(&user.token), Some(body)).await.0, 200);
        let url = if redirect { url.to_owned() } else { app.url(url) };
        assert_eq!(
            app.http.get(url).send().await.unwrap().status(),
            404,
            "what is deleted is gone there too"
        );
        app.stop().await;
    }
}
