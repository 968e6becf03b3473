//! Plans, payments and limits, with a stand-in of Stripe behind the server and its hosted pages in the browser.

use greenroom::billing::stripe::standin::{Options, StandIn};
use serde_json::json;

use super::{as_admin, as_user, fits, shown, text, until_text};
use crate::support::app::{TestApp, TestUser};
use crate::support::browser::Tab;
use crate::support::stripe::{SECRET, sells};

/// A server that sells.
struct Shop {
    app: TestApp,
    stripe: StandIn,
}

impl Shop {
    async fn open() -> Self {
        let stripe = StandIn::start(Options::default()).await.expect("a stand-in");
        let app = TestApp::start_with(|config| sells(config, &stripe)).await;
        stripe.deliver_to(&app.url("/api/webhooks/stripe"), SECRET);
        Self { app, stripe }
    }

    async fn close(self) {
        self.app.stop().await;
        self.stripe.stop().await;
    }
}

/// Presses what this selector finds, once it is there.
async fn press(tab: &Tab, selector: &str) {
    tab.until(selector, &format!("document.querySelector(`{selector}`) !== null")).await;
    tab.script(&format!("document.querySelector(`{selector}`).click()")).await;
}

/// Chooses a card on the page that Stripe hosts, and is back with what was paid.
async fn pay(tab: &Tab) {
    press(tab, "button[value=good]").await;
    tab.until("what was paid", "document.querySelector('[data-testid=paid][data-status=paid]') !== null")
        .await;
}

/// What the browser complained of, but for pages that say by their status that a card was declined.
fn complaints(tab: &Tab) -> Vec<String> {
    tab.errors().into_iter().filter(|error| !error.contains("402")).collect()
}

async fn plan_of(app: &TestApp, user: &TestUser) -> String {
    let (_, me) = app.get("/api/auth/me", Some(&user.token)).await;
    me["user"]["plan"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn premium_is_bought_on_stripes_page_and_is_there_on_the_way_back() {
    let shop = Shop::open().await;
    let user = shop.app.user().await;
    let tab = as_user(&shop.app, &user, "#/plans").await;
    press(&tab, "[data-plan=premium] [data-testid=plan-buy]").await;
    press(&tab, "button[value=declined]").await;
    until_text(&tab, "[data-testid=error]", "declined").await;
    assert_eq!(plan_of(&shop.app, &user).await, "free");
    pay(&tab).await;
    until_text(&tab, "[data-testid=paid]", "Premium is yours. It holds until").await;
    assert!(fits(&tab).await);
    assert_eq!(plan_of(&shop.app, &user).await, "premium");

    tab.click("paid-plans").await;
    tab.until("the plan", "document.querySelector('[data-plan=premium][data-present=true]') !== null").await;
    until_text(&tab, "[data-testid=standing-words]", "Then you have Free.").await;
    until_text(&tab, "[data-testid=standing]", "50 credits to spend; 50 of them end on").await;
    tab.script("location.hash = '#/account/payments'").await;
    until_text(&tab, "[data-testid=payment][data-status=succeeded]", "$7.00").await;
    assert_eq!(complaints(&tab), Vec::<String>::new());
    tab.close().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_checkout_that_is_left_says_that_nothing_is_charged() {
    let shop = Shop::open().await;
    let user = shop.app.user().await;
    let tab = as_user(&shop.app, &user, "#/plans").await;
    press(&tab, "[data-plan=premium] [data-testid=plan-buy]").await;
    press(&tab, "a.back").await;
    until_text(&tab, "[data-testid=checkout-left]", "nothing is charged").await;
    assert_eq!(plan_of(&shop.app, &user).await, "free");

    // Somebody else's payment is not shown to one, however one came by its address.
    tab.script("location.hash = '#/plans/paid/cs_test_of_somebody_else'").await;
    tab.until("no payment", "document.querySelector('[data-testid=paid][data-status=unknown]') !== null")
        .await;
    tab.close().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_is_begun_changed_cancelled_and_kept_after_all() {
    let shop = Shop::open().await;
    let user = shop.app.user().await;
    let tab = as_user(&shop.app, &user, "#/plans").await;
    press(&tab, "[data-plan=starter] [data-testid=plan-subscribe]").await;
    pay(&tab).await;
    until_text(&tab, "[data-testid=paid]", "Starter is yours. It renews on").await;

    tab.click("paid-plans").await;
    press(&tab, "[data-plan=pro] [data-testid=plan-change]").await;
    until_text(&tab, "[data-testid=confirm]", "you pay $29.99 a month instead of $9.99 a month").await;
    tab.click("confirm-accept").await;
    tab.until("the plan", "document.querySelector('[data-plan=pro][data-present=true]') !== null").await;
    assert_eq!(plan_of(&shop.app, &user).await, "pro");

    tab.click("cancel").await;
    until_text(&tab, "[data-testid=confirm]", "Then you have Free, and nothing more is charged").await;
    tab.click("confirm-accept").await;
    until_text(&tab, "[data-testid=subscription][data-ending=true]", "Nothing more is charged").await;
    assert_eq!(plan_of(&shop.app, &user).await, "pro", "until the end of what is paid");
    tab.click("reactivate").await;
    tab.click("confirm-accept").await;
    until_text(&tab, "[data-testid=subscription][data-ending=false]", "It renews on").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_bought_at_the_price_that_stood_there() {
    let shop = Shop::open().await;
    let user = shop.app.user().await;
    let tab = as_user(&shop.app, &user, "#/account/credits").await;
    until_text(&tab, "[data-testid=credits-price]", "100 credits for $10.00").await;
    tab.script("{ const count = document.querySelector('[data-testid=credits-count]'); count.value = '9'; count.dispatchEvent(new Event('input')) }").await;
    tab.click("credits-buy-submit").await;
    tab.until("too few", "document.querySelector('#credits-count-error:not([hidden])') !== null").await;
    tab.script("{ const count = document.querySelector('[data-testid=credits-count]'); count.value = '70'; count.dispatchEvent(new Event('input')) }").await;
    until_text(&tab, "[data-testid=credits-buy-submit]", "Pay $7.00").await;
    tab.click("credits-buy-submit").await;
    tab.until("Stripe's page", "document.body.textContent.includes('Pay $7.00') && document.querySelector('button[value=good]') !== null").await;
    pay(&tab).await;
    until_text(&tab, "[data-testid=paid]", "70 credits are yours; 70 can be spent now").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_takes_its_time_is_waited_for() {
    let shop = Shop::open().await;
    let user = shop.app.user().await;
    let tab = as_user(&shop.app, &user, "#/plans").await;
    press(&tab, "[data-plan=premium] [data-testid=plan-buy]").await;
    press(&tab, "button[value=transfer]").await;
    tab.until("the way back", "document.querySelector('[data-testid=paid][data-status=asking]') !== null")
        .await;
    assert_eq!(plan_of(&shop.app, &user).await, "free");
    let session = tab.script("location.hash.split('/').pop()").await;
    shop.stripe.transfer_arrives(session.as_str().expect("an id")).expect("a transfer");
    tab.until("it", "document.querySelector('[data-testid=paid][data-status=paid]') !== null").await;
    assert_eq!(plan_of(&shop.app, &user).await, "premium");
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    shop.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plans_are_shown_where_nothing_can_be_bought() {
    let app = TestApp::start().await;
    let user = app.user().await;
    let tab = as_user(&app, &user, "#/plans").await;
    until_text(&tab, "[data-testid=payments-off]", "takes no payments").await;
    tab.until("all plans", "document.querySelectorAll('[data-testid=plan]').length === 6").await;
    tab.until("the present one", "document.querySelector('[data-plan=free][data-present=true]') !== null")
        .await;
    assert_eq!(tab.script("document.querySelectorAll('[data-testid=plan-buy], [data-testid=plan-subscribe], [data-testid=portal]').length").await, 0);
    tab.script("location.hash = '#/account/credits'").await;
    until_text(&tab, ".account-body", "none can be bought").await;
    assert!(fits(&tab).await);
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_seen_to_fill_and_says_where_there_is_more() {
    let app = TestApp::start_with(|config| {
        config.ai.offline_word_delay_ms = 0;
        config.plans.get_mut("free").expect("it ships").messages_per_day = 5;
    })
    .await;
    let user = app.user().await;
    let room = app.conversation(&user).await;
    let tab = as_user(&app, &user, &format!("#/c/{room}")).await;
    let other = as_user(&app, &user, "#/account/usage").await;
    for number in 1..=4 {
        tab.fill("composer-input", &format!("Good evening {number}")).await;
        tab.click("send-button").await;
        until_text(
            &other,
            "[data-testid=account-usage] [data-scope=daily]",
            &format!("{number} of 5 messages today"),
        )
        .await;
        tab.until("room for the next", &format!("{}.value === ''", shown("composer-input"))).await;
    }
    tab.until("a warning", "document.querySelector('[data-testid=usage][data-level=near]') !== null").await;
    until_text(&other, "[data-testid=account-usage] [data-level=near]", "1 left").await;
    tab.fill("composer-input", "One more").await;
    tab.click("send-button").await;
    tab.until("the end", "document.querySelector('[data-testid=usage][data-level=out]') !== null").await;
    until_text(&tab, "[data-testid=usage]", "You have used all 5 messages today. A new allowance begins in")
        .await;
    until_text(&other, "[data-testid=account-usage] [data-level=out]", "All 5 messages today are used").await;
    tab.click("usage-plans").await;
    tab.until("the plans", "location.hash === '#/plans'").await;
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    other.close().await;
    app.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_reads_an_event_and_has_it_handled_again() {
    let shop = Shop::open().await;
    let user = shop.app.user().await;
    let admin = shop.app.admin().await;
    let urls = json!({ "successUrl": shop.app.url("/#/plans"), "cancelUrl": shop.app.url("/#/plans"), "plan": "premium" });
    let (status, session) =
        shop.app.post("/api/payments/create-checkout-session", Some(&user.token), urls).await;
    assert_eq!(status, 200, "{session}");
    shop.stripe.pay_checkout(session["sessionId"].as_str().expect("an id")).expect("paid");
    until_events(&shop.app, &admin, "checkout.session.completed").await;

    let tab = as_admin(&shop.app, "#/admin/billing/events").await;
    tab.script("{ const type = document.querySelector('[data-testid=events-type]'); type.value = 'checkout.session.completed'; type.dispatchEvent(new Event('change')) }").await;
    let event = "[data-testid=stripe-event][data-state=done]";
    until_text(&tab, event, "checkout.session.completed").await;
    press(&tab, &format!("{event} [data-testid=event-open]")).await;
    until_text(&tab, "[data-testid=event-payload]", session["sessionId"].as_str().expect("an id")).await;
    press(&tab, &format!("{event} [data-testid=event-replay]")).await;
    tab.click("confirm-accept").await;
    until_text(&tab, "[data-testid=toast]", "Handled").await;
    let (_, credits) = shop.app.get("/api/credits", Some(&user.token)).await;
    assert_eq!(credits["available"], 50, "nothing is done twice");

    until_text(&tab, "[data-testid=webhook]", "Up").await;
    tab.click("webhook-test").await;
    until_text(&tab, "[data-testid=webhook-steps]", "A forged one is refused").await;
    assert!(fits(&tab).await);

    tab.script("location.hash = '#/admin/billing'").await;
    until_text(&tab, "[data-testid=admin-payments]", &format!("@{}", user.username)).await;
    tab.script("location.hash = '#/admin/billing/revenue'").await;
    until_text(&tab, "[data-testid=revenue-totals]", "$7.00").await;
    until_text(&tab, "[data-testid=revenue-tables]", "Premium").await;
    tab.script("location.hash = '#/admin/billing/books'").await;
    tab.click("books-run").await;
    until_text(&tab, "[data-testid=books-report]", "Stripe and this server agree.").await;
    tab.script(&format!("location.hash = '#/admin/people/{}'", user.id)).await;
    until_text(&tab, "[data-testid=person-billing]", "Premium, bought for days").await;
    assert!(fits(&tab).await);
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    shop.close().await;
}

/// Waits until an event of this type is there and done.
async fn until_events(app: &TestApp, admin: &TestUser, kind: &str) {
    for _ in 0..400 {
        let (_, found) =
            app.get(&format!("/api/admin/stripe-events?type={kind}&state=done"), Some(&admin.token)).await;
        if found["items"].as_array().is_some_and(|items| !items.is_empty()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    panic!("no {kind} came");
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_read_again_and_what_changed_is_named() {
    let app = TestApp::start().await;
    let tab = as_admin(&app, "#/admin/controls").await;
    tab.click("reload-submit").await;
    tab.until("an answer", &format!("{}.textContent !== ''", shown("reload-answer"))).await;
    let answer = text(&tab, "[data-testid=reload-answer]").await;
    assert!(
        answer.contains("Changed now")
            || answer.contains("what they said before")
            || answer.contains("restart"),
        "{answer}"
    );
    assert_eq!(tab.errors(), Vec::<String>::new());
    tab.close().await;
    app.stop().await;
}
