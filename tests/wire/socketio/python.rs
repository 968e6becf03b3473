//! The official Python client.

use serde_json::{Value, json};

use crate::support::clients::{Client, given, server};

fn transports() -> [Value; 3] {
    [Value::Null, json!(["polling"]), json!(["websocket"])]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_calls_work_by_its_default_and_by_each_transport_alone() {
    let app = server().await;
    for transports in transports() {
        let user = app.user().await;
        let mut given = given(&app, &user).await;
        given["transports"] = transports;
        Client::python("calls", &given).done().await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_and_binary_data_are_refused() {
    let app = server().await;
    for transports in transports() {
        let user = app.user().await;
        let mut given = given(&app, &user).await;
        given["transports"] = transports;
        Client::python("refusals", &given).done().await;
    }
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_token_may_come_by_header() {
    let app = server().await;
    for transports in transports() {
        let user = app.user().await;
        let mut given = given(&app, &user).await;
        given["transports"] = transports;
        Client::python("headers", &given).done().await;
    }
    app.stop().await;
}
